"""The sample sign-up of examples/sign-up, as a test uses it, and what a test does to its requests."""

import json

from local.service import ROOT

AXE = ROOT / ".venv/npm/node_modules/axe-core/axe.min.js"
PICTURES = ROOT / "target" / "browser"
LOCALES = {"en": "en-US", "ko": "ko-KR"}
SAYS = {
    "en": {
        "code": "Enter the code",
        "dead": "You need a new code",
        "done": "You are signed up",
        "exists": "You already have an account",
        "left": "You have 4 tries left",
        "none left": "no tries left",
        "expired": "This code no longer works",
        "refused": "The verification is no longer valid",
        "should be over": "The code has probably expired",
        "no connection": "No connection",
        "sick": "We cannot send email right now. Try again in 5 s.",
        "cap": "Too many requests. Try again after",
        "pause": "You can send a new email in",
        "day": "You can send a new email after",
        "incomplete": "This is not a whole code",
        "invalid": "This is not an email address that we can send to",
        "other": "If you signed up in another app or browser, enter the code from the same email there.",
        "hint": "Did you mean kim@naver.com?",
        "mistyped": "Is the address right?",
        "mailbox": "There seems to be no mailbox at",
        "temporary": "may be late, or may not come",
        "content": "was refused. Please use another address.",
        "wrong": "This code is wrong",
    },
    "ko": {
        "code": "인증번호를 입력해 주세요",
        "dead": "인증번호를 다시 받아 주세요",
        "done": "가입이 완료되었습니다",
        "exists": "이미 가입된 이메일 주소입니다",
        "left": "4번 더 입력할 수 있습니다",
        "none left": "입력 횟수를 모두 사용했습니다",
        "expired": "더 이상 사용할 수 없는 인증번호입니다",
        "refused": "인증이 더 이상 유효하지 않습니다",
        "should be over": "인증번호의 유효 시간이 지났습니다",
        "no connection": "서버에 연결할 수 없습니다",
        "sick": "지금은 메일을 보낼 수 없습니다. 5초 뒤에 다시 시도해 주세요.",
        "cap": "이후에 다시 시도해 주세요",
        "pause": "초 뒤에 인증번호를 다시 받을 수 있습니다",
        "day": "이후에 인증번호를 다시 받을 수 있습니다",
        "incomplete": "자릿수가 맞지 않습니다",
        "invalid": "메일을 보낼 수 없는 주소입니다",
        "other": "다른 앱이나 브라우저에서 가입을 시작하셨다면 그 화면에 같은 메일의 인증번호를 입력해 주세요.",
        "hint": "혹시 kim@naver.com인가요?",
        "mistyped": "주소가 맞는지 확인해 주세요",
        "mailbox": "주소의 메일함이 없는 것 같습니다",
        "temporary": "늦거나 도착하지 않을 수 있습니다",
        "content": "수신 거부되었습니다. 다른 이메일 주소를 사용해 주세요.",
        "wrong": "인증번호가 일치하지 않습니다",
    },
}


class App:
    """The sample in a tab of its own. Its requests are counted, and what the person does."""

    def __init__(self, context, url, language, inbox, address):
        self.page, self.url, self.language, self.inbox, self.address = context.new_page(), url, language, inbox, address
        self.requests, self.errors, self.mailed = [], [], 1
        self.taps, self.filled = 0, 0
        self.page.on("request", lambda request: self.requests.append(request.url.rsplit("/", 1)[-1]))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)
        self.page.locator("#title:not(:empty)").wait_for()

    def sent(self, path):
        return self.requests.count(path)

    def fill(self, field, text):
        self.page.locator(f"#{field}").fill(text)
        self.filled += 1

    def tap(self, button):
        self.page.locator(f"#{button}").click()
        self.taps += 1

    def type_address(self, address=None):
        self.fill("email", address or self.address)
        self.tap("send")

    def type_code(self, code=None):
        self.fill("code", code or self.code())
        self.tap("verify")

    def code(self):
        """The code of the newest email, once as many have arrived as are expected."""
        return self.inbox.code(self.address, self.mailed)

    def link(self):
        """The link of the one email."""
        (mail,) = self.inbox.mails(self.address)
        return next(line for line in mail["plain"].splitlines() if "/verify?link=" in line).strip()

    def wrong_code(self, number=1):
        return f"{(int(self.code()) + number) % 1_000_000:06}"

    def use_up(self, first=1):
        """Types wrong codes until no guess is left."""
        for number in range(first, 6):
            self.page.locator("#verify[aria-disabled=false]").wait_for()
            self.type_code(self.wrong_code(number))
        self.expect_notice("none left")

    def expect_one_mail(self):
        self.inbox.mails(self.address)

    def expect(self, what, place="h1"):
        self.page.locator(place, has_text=SAYS[self.language][what]).wait_for(timeout=20_000)

    def expect_notice(self, what):
        self.expect(what, "#notice")

    def focus(self):
        """The id of what has the focus."""
        return self.page.evaluate("document.activeElement.id")

    def ask(self):
        self.type_address()
        self.expect("code")

    def ask_no_more(self):
        """The sample asks three times whether its email arrived: not in this test, which counts its requests."""
        self.change_state("askAt", [])
        self.page.reload()

    def state(self):
        return self.page.evaluate("JSON.parse(localStorage.getItem('sign-up'))")

    def change_state(self, member, value):
        """Changes what is stored."""
        self.page.evaluate(
            """([member, value]) => {
              const state = JSON.parse(localStorage.getItem("sign-up"));
              localStorage.setItem("sign-up", JSON.stringify({ ...state, [member]: value }));
            }""",
            [member, value],
        )

    def claims(self):
        """What the sample shows of the proof."""
        return json.loads(self.page.locator("#claims").text_content())

    def look(self, name):
        look(self.page, f"{name}-{self.language}")


def look(page, name):
    """Takes a picture, and lets axe-core search for violations, in light and dark."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=PICTURES / f"{name}-{scheme}.png")
        # Past the page's policy, which allows no script but its own.
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run()")["violations"]
        assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == [], (name, scheme)


def new_context(browser, language):
    """A phone's browser that has stored nothing yet."""
    return browser.new_context(viewport={"width": 390, "height": 844}, locale=LOCALES[language], has_touch=True)


def press_the_button(page, link):
    """Opens the link of an email, and presses the button of its page. Returns the proof that it brings to the app."""
    page.goto(link)
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        page.get_by_role("button").click()
    return answer.value.headers["location"].partition("#token=")[2]


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


def answer_with(page, path, body, kind="application/problem+json", status=200):
    """Answers once in place of the service."""
    headers = {"access-control-allow-origin": "*"}

    def fulfill(route):
        route.fulfill(status=status, body=body, content_type=kind, headers=headers)

    page.route(f"**/{path}", fulfill, times=1)


def problem(kind, **members):
    return json.dumps({"type": f"urn:email-verification:{kind}"} | members)
