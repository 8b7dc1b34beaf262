"""The link of the email, where the sample is the app that it leads back to."""

import time

import jwt
import pytest

from tests.browser.sample import SAYS, App, look, new_context, press_the_button


class ElsewhereOpened:
    """A sign-up in one browser, and the proof that its link brought to another one."""

    def __init__(self, browser, inbox, app_url, address, language):
        self.context = new_context(browser, language)
        self.app = App(self.context, app_url, language, inbox, address)
        self.app.ask()
        self.began = time.monotonic()
        with new_context(browser, language) as other:
            tab = other.new_page()
            self.proof = press_the_button(tab, self.app.link())
            tab.locator("#notice", has_text=SAYS[language]["other"]).wait_for()
            look(tab, f"opened-elsewhere-{language}")
            self.url, self.stored = tab.url, tab.evaluate("JSON.stringify(localStorage)")

    def claims(self):
        return jwt.decode(self.proof, options={"verify_signature": False})

    def sign_up(self):
        """Presents the link's proof to the sample's backend. Returns the status."""
        body = {"token": self.proof, "challenge_id": self.claims()["challenge_id"]}
        return self.app.page.request.post(f"{self.app.url}/sign-up", data=body).status


@pytest.fixture(scope="session")
def opened(browser, inbox, app_url):
    """A sign-up of each language, whose link is opened in another browser when a test first asks for it."""
    opened = {}

    def open(language, address):
        if language not in opened:
            opened[language] = ElsewhereOpened(browser, inbox, app_url, address, language)
        return opened[language]

    yield open
    for story in opened.values():
        story.context.close()


@pytest.mark.begins
def test_a_link_in_another_browser_says_to_enter_the_code_where_the_sign_up_began(opened, language, address):
    story = opened(language, address)
    assert story.claims()["email"] == story.app.address
    assert "token" not in story.url and story.proof not in story.stored, "a proof that is not wanted here is not kept"
    story.app.expect("code")


@pytest.mark.ends
def test_five_minutes_later_the_code_gets_a_proof_and_the_backend_takes_one_of_the_two(opened, language, address):
    story = opened(language, address)
    app = story.app
    app.page.wait_for_timeout(max(0, story.began + 300 - time.monotonic()) * 1000)
    app.look("five-minutes-later")
    # One language for either order.
    is_link_first = language == "en"
    if is_link_first:
        assert story.sign_up() == 201
    app.type_code()
    app.expect("exists" if is_link_first else "done")
    if is_link_first:
        typed = jwt.decode(app.state()["token"], options={"verify_signature": False})
    else:
        typed = app.claims()
    assert story.sign_up() == 409
    assert typed["jti"] == story.claims()["jti"]
    assert typed["iat"] >= story.claims()["iat"] + 299, "a proof of its own"
    assert app.errors == []


def test_the_link_of_the_email_leads_back_to_the_sign_up_that_asked(app, context):
    app.ask()
    tab = context.new_page()
    press_the_button(tab, app.link())
    tab.locator("h1", has_text=SAYS[app.language]["done"]).wait_for()
    assert "token" not in tab.url
    # The tab that waited goes on as well.
    app.expect("done")


def test_a_link_of_another_sign_up_is_not_taken(app, browser, inbox, address, app_url):
    app.ask()
    with new_context(browser, "en") as other:
        stranger = App(other, app_url, "en", inbox, f"stranger-{address}")
        stranger.ask()
    press_the_button(app.page, stranger.link())
    app.expect_notice("other")
    assert app.state()["token"] == ""
    app.look("not-this-app")
    app.type_code()
    app.expect("done")
    # Nor is it after the sign-up; and its own link changes nothing then.
    press_the_button(app.page, stranger.link())
    app.expect_notice("other")
    app.expect("done")
    app.look("not-this-app-done")
    press_the_button(app.page, app.link())
    app.expect("done")
    assert app.sent("sign-up") == 1


def test_garbage_in_the_fragment_is_ignored(app):
    app.ask()
    for garbage in ("abc", "a.b.c", ".", "a.bnVsbA.c", "a.e30.c", "%00", "a.%F0.c"):
        app.page.goto("about:blank")
        app.page.goto(f"{app.url}#token={garbage}")
        app.expect("code")
        assert "#" not in app.page.url
    assert app.errors == []
    app.type_code()
    app.expect("done")
