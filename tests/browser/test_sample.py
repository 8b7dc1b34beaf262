"""The sample sign-up of examples/sign-up, in a browser of phone size."""

import json
import re
import time

import pytest

from local.service import ROOT

AXE = ROOT / ".venv/npm/node_modules/axe-core/axe.min.js"
PICTURES = ROOT / "target" / "browser"
SAYS = {
    "en": {
        "code": "Enter the code",
        "done": "You are signed up",
        "exists": "You already have an account",
        "left": "You have 4 tries left",
        "none left": "no tries left",
        "expired": "This code no longer works",
        "no connection": "No connection",
        "sick": "We cannot send email right now. Try again in 5 s.",
        "cap": "Too many requests. Try again after",
        "incomplete": "This is not a whole code",
        "invalid": "This is not an email address that we can send to",
        "other": "You opened the link in another browser",
        "hint": "Did you mean kim@naver.com?",
    },
    "ko": {
        "code": "인증번호를 입력해 주세요",
        "done": "가입이 완료되었습니다",
        "exists": "이미 가입된 이메일 주소입니다",
        "left": "4번 더 입력할 수 있습니다",
        "none left": "입력 횟수를 모두 사용했습니다",
        "expired": "더 이상 사용할 수 없는 인증번호입니다",
        "no connection": "서버에 연결할 수 없습니다",
        "sick": "지금은 메일을 보낼 수 없습니다. 5초 뒤에 다시 시도해 주세요.",
        "cap": "이후에 다시 시도해 주세요",
        "incomplete": "자릿수가 맞지 않습니다",
        "invalid": "메일을 보낼 수 없는 주소입니다",
        "other": "현재 진행 중인 가입과 다른 링크입니다",
        "hint": "혹시 kim@naver.com인가요?",
    },
}
PATHS = ("request-code", "verify-code", "sign-up")


class App:
    """The sample in a tab of its own, its requests counted."""

    def __init__(self, context, url, language, inbox, address):
        self.page, self.url, self.language, self.inbox, self.address = context.new_page(), url, language, inbox, address
        self.requests, self.errors, self.mailed = [], [], 1
        self.page.on("request", lambda request: self.requests.append(request.url.rsplit("/", 1)[-1]))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)
        self.page.locator("#title:not(:empty)").wait_for()

    def sent(self, path):
        return self.requests.count(path)

    def fill(self, field, text):
        self.page.locator(f"#{field}").fill(text)

    def tap(self, button):
        self.page.locator(f"#{button}").click()

    def type_address(self, address=None):
        self.fill("email", address or self.address)
        self.tap("send")

    def type_code(self, code=None):
        self.fill("code", code or self.code())
        self.tap("verify")

    def code(self):
        """The code of the newest email, once as many have arrived as are expected."""
        return self.inbox.code(self.address, self.mailed)

    def wrong_code(self, number=1):
        return f"{(int(self.code()) + number) % 1_000_000:06}"

    def expect_one_mail(self):
        self.inbox.mails(self.address)

    def expect(self, what, place="h1"):
        self.page.locator(place, has_text=SAYS[self.language][what]).wait_for(timeout=20_000)

    def expect_notice(self, what):
        self.expect(what, "#notice")

    def ask(self):
        self.type_address()
        self.expect("code")

    def state(self):
        return self.page.evaluate("JSON.parse(localStorage.getItem('sign-up'))")

    def look(self, name):
        """Takes a picture, and lets axe-core search for violations, in light and dark."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            self.page.screenshot(path=PICTURES / f"{name}-{self.language}-{scheme}.png")
            # Past the page's policy, which allows no script but its own.
            self.page.evaluate(AXE.read_text())
            found = self.page.evaluate("axe.run()")["violations"]
            assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == [], (name, scheme)


@pytest.fixture(params=["en", "ko"])
def language(request):
    return request.param


@pytest.fixture
def context(browser, language):
    locale = {"en": "en-US", "ko": "ko-KR"}[language]
    with browser.new_context(viewport={"width": 390, "height": 844}, locale=locale, has_touch=True) as context:
        yield context


@pytest.fixture
def app(context, language, inbox, address, app_url):
    app = App(context, app_url, language, inbox, address)
    yield app
    assert app.errors == []


def lose(page, path, before):
    """Cuts the connection once: before the request arrives, or before its response does."""

    def cut(route):
        if not before:
            route.fetch()
        route.abort()

    page.route(f"**/{path}", cut, times=1)


def hold(page, path):
    """Lets the request arrive, and never answers it. Returns what tells whether it has arrived."""
    arrived = []

    def keep(route):
        route.fetch()
        arrived.append(route)

    page.route(f"**/{path}", keep, times=1)
    return arrived


def change_state(app, member, value):
    """Changes what is stored."""
    app.page.evaluate(
        """([member, value]) => {
          const state = JSON.parse(localStorage.getItem("sign-up"));
          localStorage.setItem("sign-up", JSON.stringify({ ...state, [member]: value }));
        }""",
        [member, value],
    )


def use_up(app, first=1):
    """Types wrong codes until no guess is left."""
    for number in range(first, 6):
        app.page.locator("#verify[aria-disabled=false]").wait_for()
        app.type_code(app.wrong_code(number))
    app.expect_notice("none left")


def wait_until(app, condition):
    for _ in range(200):
        if condition():
            return
        app.page.wait_for_timeout(50)
    raise AssertionError("it did not come to that")


def answer_with(page, path, body, kind="application/problem+json", status=200):
    """Answers once in place of the service."""
    headers = {"access-control-allow-origin": "*"}

    def fulfill(route):
        route.fulfill(status=status, body=body, content_type=kind, headers=headers)

    page.route(f"**/{path}", fulfill, times=1)


def problem(kind, **members):
    return json.dumps({"type": f"urn:email-verification:{kind}"} | members)


def test_an_address_is_verified_and_the_backend_checks_the_proof(app):
    app.look("email")
    app.ask()
    assert app.page.evaluate("document.activeElement.id") == "code"
    app.look("code")
    app.type_code()
    app.expect("done")
    app.page.locator("#proof summary").click()
    claims = json.loads(app.page.locator("#claims").inner_text())
    assert (claims["email"], claims["email_verified"]) == (app.address, True)
    assert app.state()["token"] == "", "the proof is not kept once it is used"
    app.look("done")


def test_a_wrong_code_costs_a_guess_and_a_dead_challenge_says_so(app):
    app.ask()
    app.type_code(app.wrong_code())
    app.expect_notice("left")
    app.look("wrong-code")
    use_up(app, 2)
    app.look("none-left")
    app.type_code(app.code())
    app.expect_notice("expired")
    app.look("used-up")


def test_a_dead_code_is_followed_by_another_once_the_pause_is_over(app):
    app.ask()
    code, id = app.code(), app.state()["challengeId"]
    use_up(app)
    # As if the phone's clock ran ahead of the service's.
    change_state(app, "resendAt", 0)
    app.page.reload()
    app.tap("resend")
    app.page.locator("#notice:not(:empty)").wait_for()
    assert app.state()["notice"]["kind"] == "wait"
    assert app.page.locator("#resend").get_attribute("aria-disabled") == "true"
    app.look("wait")
    app.page.locator("#resend[aria-disabled=false]").wait_for(timeout=35_000)
    app.tap("resend")
    app.mailed = 2
    assert app.code() != code
    app.type_code()
    app.expect("done")
    assert json.loads(app.page.locator("#claims").text_content())["challenge_id"] == id


def test_a_resend_brings_the_same_code_once_the_pause_is_over(app):
    app.ask()
    code = app.code()
    app.page.locator("#resend").click(force=True)
    assert app.sent("request-code") == 1, "the button waits for the pause"
    # ResendPauseSeconds of this stack is 30.
    app.page.locator("#resend[aria-disabled=false]").wait_for(timeout=35_000)
    app.look("may-resend")
    app.tap("resend")
    app.mailed = 2
    assert app.code() == code
    app.type_code(code)
    app.expect("done")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("before", [True, False], ids=["request lost", "response lost"])
def test_a_lost_connection_costs_nothing(app, path, before):
    lose(app.page, path, before)
    app.type_address()
    if path == "request-code":
        app.expect_notice("no connection")
        app.look("no-connection")
        app.tap("send")
    app.expect("code")
    app.expect_one_mail()
    app.type_code()
    if path == "verify-code":
        app.expect_notice("no connection")
        assert app.page.locator("#code").input_value() == app.code(), "what was typed is still there"
        app.tap("verify")
    if path == "sign-up":
        app.expect_notice("no connection")
        app.look("proof")
        app.tap("retry")
    # A backend that has created the account says so to the repeat.
    app.expect("exists" if path == "sign-up" and not before else "done")
    app.expect_one_mail()


@pytest.mark.parametrize("path", ["verify-code", "sign-up"])
def test_a_reload_while_a_request_is_under_way_repeats_it(app, path):
    arrived = hold(app.page, path)
    app.ask()
    app.type_code()
    wait_until(app, lambda: arrived)
    app.look(f"sending-{path}")
    app.page.reload()
    app.expect("exists" if path == "sign-up" else "done")


def test_a_reload_asks_for_no_email_but_the_next_tap_repeats_the_request(app):
    arrived = hold(app.page, "request-code")
    app.type_address()
    wait_until(app, lambda: arrived)
    app.look("sending-request-code")
    app.page.reload()
    app.page.locator("#send[aria-disabled=false]").wait_for()
    assert app.sent("request-code") == 1
    app.tap("send")
    app.expect("code")
    app.expect_one_mail()
    app.type_code()
    app.expect("done")


def test_a_reload_between_requests_changes_nothing(app):
    app.fill("email", app.address)
    app.page.reload()
    app.ask()
    before = app.state()
    app.page.reload()
    app.expect("code")
    assert app.state() == before
    app.type_code()
    app.expect("done")
    app.page.reload()
    app.expect("done")
    assert (app.sent("request-code"), app.sent("verify-code"), app.sent("sign-up")) == (1, 1, 1)


def test_double_taps_send_one_request(app):
    app.fill("email", app.address)
    app.page.locator("#send").dblclick()
    app.expect("code")
    app.fill("code", app.code())
    app.page.locator("#verify").dblclick()
    app.expect("done")
    assert (app.sent("request-code"), app.sent("verify-code"), app.sent("sign-up")) == (1, 1, 1)
    app.expect_one_mail()


def test_the_second_sign_up_with_an_address_is_told_so(app, context, app_url):
    app.ask()
    app.type_code()
    app.expect("done")
    app.tap("another")
    # The mailbox is in its pause.
    time.sleep(30)
    app.type_address()
    app.expect("code")
    app.mailed = 2
    app.type_code()
    app.expect("exists")
    assert app.state()["token"] != "", "a backend that logs in by proof would take it"
    app.look("exists")
    id = app.state()["challengeId"]
    app.tap("another")
    assert app.state()["token"] == ""
    app.type_address(f"next-{app.address}")
    app.expect("code")
    assert app.state()["challengeId"] != id, "the next sign-up has an id of its own"


def test_another_address_gets_a_code_of_its_own_under_the_same_id(app):
    app.ask()
    id = app.state()["challengeId"]
    app.tap("another")
    app.address = f"other-{app.address}"
    app.ask()
    assert app.state()["challengeId"] == id
    app.type_code()
    app.expect("done")


def test_whoever_corrects_an_address_and_comes_back_keeps_its_code(app):
    app.ask()
    address = app.address
    app.tap("another")
    app.address = f"other-{address}"
    app.ask()
    app.tap("another")
    app.address = address
    app.type_address(f" {address.upper()} ")
    app.expect("code")
    app.expect_one_mail()
    app.type_code()
    app.expect("done")


def test_what_is_no_address_is_said_at_once(app):
    app.type_address("kim@")
    app.expect_notice("invalid")
    app.look("invalid-email")


def test_an_incomplete_code_costs_no_guess_and_stays_in_the_field(app):
    app.ask()
    app.type_code(app.code()[:5])
    app.expect_notice("incomplete")
    app.look("incomplete-code")
    assert app.page.locator("#code").input_value() == app.code()[:5]
    app.type_code(f"{app.code()[:3]} {app.code()[3:]}")
    app.expect("done")


def full_width(text):
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


def digits_from(zero, code):
    """The code in the digits of a script, of which this is the zero."""
    return "".join(chr(ord(zero) + int(digit)) for digit in code)


@pytest.mark.parametrize(
    ("as_address", "as_code"),
    [
        ("\u200b{}\ufeff".format, "Your code is {}".format),
        ("\u202a{}\u202c\u2060".format, lambda code: digits_from("\u0660", code)),
        (lambda address: address.replace("@", "\uff20"), "[예시 앱] 인증번호 {}".format),
        (full_width, lambda code: digits_from("\u06f0", code)),
        (str.upper, "#{}".format),
        (" {}\u3000".format, "{}.".format),
        (str, lambda code: f"{code[:3]}\u30fc{full_width(code[3:])}"),
    ],
    ids=[
        "zero width",
        "direction, Arabic",
        "full-width at",
        "full width, Persian",
        "capitals, number sign",
        "spaces, dot",
        "long dash",
    ],
)
def test_what_people_type_and_paste_is_taken(app, as_address, as_code):
    app.type_address(as_address(app.address))
    app.expect("code")
    app.type_code(as_code(app.code()))
    app.expect("done")


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


def test_a_hotspots_login_page_is_no_connection(app):
    for body, kind in (("<html>", "text/html"), ('{"login": true}', "application/json"), ("null", "application/json")):
        answer_with(app.page, "request-code", body, kind)
        app.type_address()
        app.expect_notice("no connection")
    app.ask()


def test_a_mistyped_domain_gets_a_hint_and_is_never_corrected(app):
    app.fill("email", "kim@navr.com")
    app.expect("hint", "#hint")
    app.look("hint")
    assert app.page.locator("#email").input_value() == "kim@navr.com"
    app.tap("hint")
    assert app.page.locator("#email").input_value() == "kim@naver.com"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("kim@naver.con", "kim@naver.com"),
        ("kim@gmial.com", "kim@gmail.com"),
        ("Kim@Gmaill.com ", "kim@gmail.com"),
        ("kim@daum.com", "kim@daum.net"),
        ("kim@kakao.com", None),
        ("kim@example.com", None),
        ("kim@kakaocorp.com", None),
        ("kim", None),
        ("kim@", None),
        ("a@b@navr.com", None),
    ],
)
def test_hints(browser, app_url, typed, meant):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(app_url)
        assert page.evaluate("async (typed) => (await import('/hint.ts')).hint(typed)", typed) == meant


def test_a_sick_ses_and_a_days_cap_say_when_to_come_back(app):
    answer_with(app.page, "request-code", problem("mail-unavailable", retry_after=5), status=503)
    app.type_address()
    app.expect_notice("sick")
    app.look("mail-unavailable")
    sent = app.state()["challengeId"]
    answer_with(app.page, "request-code", problem("too-many-requests", retry_after=36_000), status=429)
    app.tap("send")
    app.expect_notice("cap")
    assert re.search(r"\d+:\d\d", app.page.locator("#notice").inner_text())
    app.look("days-cap")
    app.tap("send")
    app.expect("code")
    assert app.state()["challengeId"] == sent, "every retry carried the same id"


def test_a_days_limit_may_follow_the_pause(app):
    app.ask()
    change_state(app, "resendAt", 0)
    app.page.reload()
    answer_with(app.page, "request-code", problem("too-many-requests", retry_after=36_000), status=429)
    app.tap("resend")
    app.expect_notice("cap")
    assert app.page.locator("#resend").get_attribute("aria-disabled") == "true"
    app.look("days-cap-of-a-resend")
    app.type_code()
    app.expect("done")


def test_the_link_of_the_email_leads_back_to_the_sign_up_that_asked(app, context):
    app.ask()
    (mail,) = app.inbox.mails(app.address)
    link = next(line for line in mail["plain"].splitlines() if "/verify?link=" in line).strip()
    tab = context.new_page()
    tab.goto(link)
    tab.get_by_role("button").click()
    tab.locator("h1", has_text=SAYS[app.language]["done"]).wait_for()
    assert "token" not in tab.url
    # The tab that waited goes on as well.
    app.expect("done")


def test_a_link_of_another_sign_up_is_not_taken(app, browser, inbox, address, app_url):
    app.ask()
    with browser.new_context() as other:
        stranger = App(other, app_url, "en", inbox, f"stranger-{address}")
        stranger.ask()
        (mail,) = inbox.mails(stranger.address)
    link = next(line for line in mail["plain"].splitlines() if "/verify?link=" in line).strip()
    app.page.goto(link)
    app.page.get_by_role("button").click()
    app.expect_notice("other")
    assert app.state()["token"] == ""
    app.look("not-this-app")
    app.type_code()
    app.expect("done")


def test_the_language_can_be_chosen(app):
    app.tap("language")
    app.language = "ko" if app.language == "en" else "en"
    app.ask()
    app.page.reload()
    app.expect("code")
    (mail,) = app.inbox.mails(app.address)
    assert ("인증번호" in mail["subject"]) == (app.language == "ko")
