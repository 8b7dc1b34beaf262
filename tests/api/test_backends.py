"""The whole backends of examples/backends: their own tests, and sign-ups over HTTP.

All but the last two tests need no service. Those sign up with proofs of a stack, if API_URL and INBOX_URL are set, and
for a test recipient TEST_DOMAIN and TEST_CODE.
"""

import os
import re
import uuid

import pytest

from tests.api.backends import Example
from tests.api.issuer import Issuer
from tests.api.test_proof import AUDIENCE, Proof

REFUSED = (401, "proof-refused")


@pytest.fixture(params=["django", "express", "go"])
def example(request, tmp_path):
    return Example(request.param, tmp_path)


@pytest.fixture
def start(example):
    """Starts the backend for an issuer and an audience."""
    yield example.start
    example.stop()


@pytest.fixture(scope="module")
def local():
    """An issuer on this machine."""
    return Issuer(AUDIENCE)


@pytest.fixture(scope="module")
def proof(request):
    """A proof of the stack."""
    if "API_URL" not in os.environ:
        pytest.skip("needs API_URL, a stack")
    return Proof(request.getfixturevalue("api"), request.getfixturevalue("inbox"))


def test_a_backend_passes_its_own_tests(example):
    done = example.run_tests()
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    ran = re.search(r"^Ran (\d+) tests|^\S* ?pass (\d+)$", said, re.MULTILINE)
    assert (int(ran[1] or ran[2]) if ran else said.count("--- PASS")) >= 8, said


def test_a_proof_makes_one_account(start, local):
    backend = start(local.url, AUDIENCE)
    token = local.token(jti="1")
    assert backend.sign_up(token) == (201, "kim@example.com")
    for again in (token, local.token(jti="1", email="lee@example.com"), local.token()):
        assert backend.sign_up(again) == (409, "account-exists")
    assert backend.sign_up(local.token(email="lee@example.com")) == (201, "lee@example.com"), "nothing was half written"


def test_a_proof_for_nobody_here_is_refused(start, local):
    backend = start(local.url, AUDIENCE)
    stranger = Issuer(AUDIENCE)
    for token in (
        local.token(aud=f"{AUDIENCE}:test"),
        local.token(aud="another-backend"),
        local.token(iss=stranger.url),
        stranger.token(),
        stranger.token(iss=local.url),
        local.token(exp=1),
        "not a JWT",
        "\ud800.e30.e30",
    ):
        assert backend.sign_up(token) == REFUSED, token
    assert backend.sign_up() == (400, "malformed-request")
    assert backend.sign_up(local.token()) == (201, "kim@example.com")


def test_a_proof_is_for_one_purpose(start, local):
    backend = start(local.url, AUDIENCE)
    for purpose in ("sign-in", "change-email", None):
        assert backend.sign_up(local.token(purpose=purpose)) == REFUSED, purpose
    assert backend.sign_up(local.token()) == (201, "kim@example.com")
    for purpose in ("change-email", None):
        assert backend.sign_in(local.token(purpose=purpose)) == REFUSED, purpose
    assert backend.sign_in(local.token(purpose="sign-in")) == (200, "kim@example.com")


def test_a_proof_that_met_an_account_logs_in_once(start, local):
    backend = start(local.url, AUDIENCE)
    used, unused = local.token(), local.token()
    assert backend.sign_in(unused) == (404, "no-account")
    assert backend.sign_up(used) == (201, "kim@example.com")
    assert backend.sign_up(unused) == (409, "account-exists")
    # That of a sign-up whose response was lost.
    assert backend.sign_in(used) == REFUSED
    assert backend.sign_in(unused) == (200, "kim@example.com")
    assert backend.sign_in(unused) == REFUSED


def test_a_staging_backend_accepts_test_recipients(start, local):
    backend = start(local.url, f"{AUDIENCE} {AUDIENCE}:test")
    assert backend.sign_up(local.token(aud=f"{AUDIENCE}:test")) == (201, "kim@example.com")
    assert backend.sign_up(local.token(email="lee@example.com")) == (201, "lee@example.com")
    assert backend.sign_up(local.token(aud=f"{AUDIENCE}:test:test", email="choi@example.com")) == REFUSED


def test_the_challenge_is_that_of_the_app(start, local):
    backend = start(local.url, AUDIENCE)
    token = local.token(challenge_id="a1")
    assert backend.sign_up(token, challenge_id="a2") == REFUSED
    # However the app writes a UUID, the service writes it in lower case.
    assert backend.sign_up(token, challenge_id="A1") == (201, "kim@example.com")


def test_a_proof_is_not_refused_while_there_are_no_keys(start):
    issuer = Issuer(AUDIENCE)
    backend = start(issuer.url, AUDIENCE)
    token = issuer.token()
    for status in (500, 302):
        issuer.respond(status, issuer.key_set)
        assert backend.sign_up(token) == (503, "keys-unavailable"), status
    for body in (b"", b"<p>", b"[]", b"{}", b'{"keys": 1}'):
        issuer.respond(200, body)
        assert backend.sign_up(token) == (503, "keys-unavailable"), body
    issuer.respond(200, issuer.key_set)
    assert backend.sign_up(token) == (201, "kim@example.com")


def test_a_proof_of_the_stack_signs_up_once(start, proof):
    issuer = os.environ.get("PROOF_ISSUER", os.environ["API_URL"].rstrip("/"))
    backend = start(issuer, AUDIENCE)
    stranger = Issuer(AUDIENCE)
    for token in (stranger.token(), stranger.token(iss=issuer), stranger.token(iss=issuer, aud=f"{AUDIENCE}:test")):
        assert backend.sign_up(token) == REFUSED
    assert backend.sign_up(proof.token, challenge_id=proof.id) == (201, proof.email)
    assert backend.sign_up(proof.token, challenge_id=proof.id) == (409, "account-exists")


@pytest.fixture(scope="module")
def test_recipient(request):
    """The address and the proof of a test recipient of the stack, who gets no email."""
    if "TEST_DOMAIN" not in os.environ:
        pytest.skip("needs TEST_DOMAIN and TEST_CODE, those of a stack with test recipients")
    api, inbox = request.getfixturevalue("api"), request.getfixturevalue("inbox")
    email = f"{uuid.uuid4().hex}@{os.environ['TEST_DOMAIN']}"
    asked = api.request_code(email)
    verified = api.verify_code(email, asked.body["challenge_id"], os.environ["TEST_CODE"])
    assert (asked.status, verified.status, inbox.mails(email, count=0)) == (202, 200, [])
    return email, verified.body["token"]


def test_a_test_recipient_of_the_stack_signs_up_only_where_it_may(start, test_recipient):
    issuer = os.environ.get("PROOF_ISSUER", os.environ["API_URL"].rstrip("/"))
    email, token = test_recipient
    assert start(issuer, AUDIENCE).sign_up(token) == REFUSED
    assert start(issuer, f"{AUDIENCE} {AUDIENCE}:test").sign_up(token) == (201, email)
