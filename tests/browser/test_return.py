"""The link of an email, in a browser, where the stack knows the URL of an app to return to."""

import http.server
import os
import threading
from urllib.parse import urlsplit

import jwt
import pytest
from playwright.sync_api import expect


class App:
    """A web page in place of the app that the browser returns to. Remembers what it was asked for."""

    def __init__(self, url):
        self.url = url
        self.requests = []
        app = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                app.requests.append((self.path, self.headers.get("Referer")))
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write("<h1>앱</h1>".encode())

            def log_message(self, *_):
                pass

        parts = urlsplit(url)
        self.server = http.server.ThreadingHTTPServer((parts.hostname, parts.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="session")
def app():
    app = App(os.environ["RETURN_URL"])
    yield app
    app.server.shutdown()


def claims(token, issuer):
    """The claims of a proof, as a backend reads them."""
    key = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=["ES256"], audience="email-verification", issuer=issuer)


def test_the_button_of_the_page_brings_the_proof_to_the_app(page, app, mailed):
    mailed = mailed()
    tab = mailed.open(page)
    assert tab.locator("h1").inner_text() == "이메일 주소 인증"
    text = tab.locator("main").inner_text()
    assert f"{mailed.address[0]}•••@example.com" in text and "예시 앱" in text and "앱이 다시 열립니다" in text
    assert mailed.address not in tab.content()
    app.requests.clear()
    tab.get_by_role("button").click()
    tab.wait_for_url(f"{app.url}*")
    url, _, token = tab.url.partition("#token=")
    assert url == app.url
    proven = claims(token, issuer=mailed.api.url)
    assert (proven["email"], proven["challenge_id"], proven["purpose"]) == (mailed.address, mailed.id, "sign-up")
    path = urlsplit(app.url).path
    assert [request for request in app.requests if request[0] != "/favicon.ico"] == [(path, None)], (
        "neither the proof nor the link reaches the app's server"
    )


def test_reload_back_and_a_second_tap_bring_the_same_proof(page, app, mailed):
    mailed = mailed()
    tab = mailed.open(page)
    tab.get_by_role("button").click()
    tab.wait_for_url(f"{app.url}*")
    first = tab.url
    tab.go_back()
    assert tab.locator("h1").inner_text() == "이메일 주소 인증"
    tab.reload()
    tab.get_by_role("button").click()
    tab.wait_for_url(f"{app.url}*")
    assert tab.url == first
    tab.goto(mailed.link())
    tab.get_by_role("button").dblclick()
    tab.wait_for_url(f"{app.url}*")
    assert tab.url == first
    tokens = (mailed.type_code().body["token"], first.partition("#token=")[2])
    # A backend takes one of the two.
    assert len({claims(token, issuer=mailed.api.url)["jti"] for token in tokens}) == 1


def test_the_page_works_by_keyboard(page, app, mailed):
    tab = mailed("en").open(page)
    tab.keyboard.press("Tab")
    # On a busy machine the key may come before the page takes any.
    expect(tab.get_by_role("button")).to_be_focused()
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"{app.url}*")
    assert "#token=" in tab.url


def test_a_used_link_says_what_to_do(page, mailed):
    mailed = mailed()
    for number in range(5):
        mailed.api.verify_code(mailed.address, mailed.id, f"{(int(mailed.code) + 1 + number) % 1_000_000:06}")
    tab = mailed.open(page)
    with tab.expect_navigation() as navigation:
        tab.get_by_role("button").click()
    assert navigation.value.status == 410
    assert tab.locator("h1").inner_text() == "더 이상 사용할 수 없는 링크입니다"
