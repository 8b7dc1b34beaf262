"""What each test is given. `make browser` runs the service, and sets these:

API_URL, INBOX_URL  the service and its inbox
RETURN_URL          AppReturnUrl of the stack, where test_return.py serves a page in place of the app
APP_URL             the sample of examples/sign-up
CHROMIUM            the path of the browser
RENDERED            a folder with every email and page, as the example `render` writes them
"""

import os
import uuid

import pytest

from local import chromium
from tests.api.client import Api, Inbox
from tests.browser.sample import App, new_context


def pytest_configure(config):
    config.addinivalue_line("markers", "begins: runs before all others")
    config.addinivalue_line("markers", "ends: runs after all others, which fill the time until then")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: bool(item.get_closest_marker("ends")) - bool(item.get_closest_marker("begins")))


@pytest.fixture(scope="session")
def api():
    return Api(os.environ["API_URL"])


@pytest.fixture(scope="session")
def inbox():
    return Inbox(os.environ["INBOX_URL"])


@pytest.fixture(scope="session")
def app_url():
    return os.environ["APP_URL"]


@pytest.fixture(scope="session")
def browser():
    with chromium.browser() as browser:
        yield browser


@pytest.fixture(params=["with JavaScript", "without JavaScript"])
def page(request, browser):
    """A tab as a phone's browser has it."""
    with browser.new_context(
        java_script_enabled=request.param == "with JavaScript",
        viewport={"width": 390, "height": 844},
        locale="ko-KR",
    ) as context:
        yield context.new_page()


@pytest.fixture
def address():
    """An address that got no email yet."""
    return f"{uuid.uuid4().hex}@example.com"


@pytest.fixture(params=["en", "ko"])
def language(request):
    return request.param


@pytest.fixture
def context(browser, language):
    with new_context(browser, language) as context:
        yield context


@pytest.fixture
def app(context, language, inbox, address, app_url):
    """The sample."""
    app = App(context, app_url, language, inbox, address)
    yield app
    assert app.errors == []


class Mailed:
    """A challenge whose email has arrived."""

    def __init__(self, api, inbox, address, locale):
        self.api, self.inbox, self.address = api, inbox, address
        self.id = api.request_code(address, locale=locale).body["challenge_id"]
        (self.mail,) = inbox.mails(address)
        self.code = inbox.code(address)

    def open(self, page):
        """Opens the email in the inbox and follows its link, in a tab of its own. Returns that tab."""
        page.goto(f"{self.inbox.url}/messages/{self.mail['id']}.html")
        with page.expect_popup() as popup:
            page.locator("a[href*='/verify?link=']").click()
        popup.value.wait_for_load_state()
        return popup.value

    def link(self):
        """The URL of the link, from the text part."""
        return next(line for line in self.mail["plain"].splitlines() if "/verify?link=" in line).strip()

    def type_code(self):
        return self.api.verify_code(self.address, self.id, self.code)


@pytest.fixture
def mailed(api, inbox, address):
    """Requests a code, by default in Korean."""
    return lambda locale="ko": Mailed(api, inbox, address, locale)
