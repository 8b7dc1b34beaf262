"""What each test is given.

API_URL    the API, such as https://abc123.execute-api.ap-northeast-2.amazonaws.com
INBOX_URL  a maildump whose emails may be read; without it the cases that need a code are skipped
"""

import os
import uuid

import pytest

from tests.api.client import Api, Inbox


@pytest.fixture(scope="session")
def api():
    if "API_URL" not in os.environ:
        pytest.exit("API_URL is not set: where is the API?", returncode=2)
    return Api(os.environ["API_URL"])


@pytest.fixture(scope="session")
def inbox():
    if "INBOX_URL" not in os.environ:
        pytest.skip("needs INBOX_URL, an inbox that it can read")
    return Inbox(os.environ["INBOX_URL"])


@pytest.fixture
def address():
    """An address that got no email yet."""
    return f"{uuid.uuid4().hex}@example.com"
