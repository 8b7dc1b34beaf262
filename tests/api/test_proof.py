"""The proof, verified by the backends of examples/backends with the keys from the API's URL.

PROOF_ISSUER and PROOF_AUDIENCE are those of the stack, if they are not API_URL and the template's default.
"""

import base64
import hashlib
import hmac
import json
import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.backends import Backend
from tests.api.issuer import Issuer

AUDIENCE = os.environ.get("PROOF_AUDIENCE", "email-verification")
# Seconds that the backends allow clocks to differ.
LEEWAY = 10
# How each says that it does not take the algorithm.
ALGORITHM_REFUSED = ("InvalidAlgorithmError", "ERR_JOSE_ALG_NOT_ALLOWED", "algorithm not allowed")


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encoded(data):
    data = data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def header(token):
    return json.loads(decoded(token.split(".")[0]))


def claims(token):
    return json.loads(decoded(token.split(".")[1]))


class Proof:
    """A proof and the request that bought it."""

    def __init__(self, api, inbox):
        self.email = f"{uuid.uuid4().hex}@example.com"
        self.id = api.request_code(self.email).body["challenge_id"]
        self.code = inbox.code(self.email)
        # Two at once. Which of them redeems the code is unknown and does not matter.
        with ThreadPoolExecutor(2) as both:
            self.responses = list(both.map(lambda _: api.verify_code(self.email, self.id, self.code), range(2)))
        self.token = self.responses[0].body["token"]
        self.header, self.claims = header(self.token), claims(self.token)


def wait_until(instant):
    time.sleep(max(0, instant - time.time()))


@pytest.fixture(scope="session")
def proof(api, inbox):
    return Proof(api, inbox)


@pytest.fixture(params=["python", "node", "go"])
def backend(request, tmp_path):
    return Backend(request.param, tmp_path)


@pytest.fixture(scope="session")
def issuer(api):
    return os.environ.get("PROOF_ISSUER", api.url)


@pytest.fixture(scope="session")
def keys(api):
    response = api.get(".well-known/jwks.json")
    assert response.status == 200
    return response


def test_two_right_requests_at_once_get_the_same_token(proof):
    one, other = proof.responses
    assert (one.status, other.status) == (200, 200)
    assert one.body["token"] == other.body["token"]


def test_the_response_and_the_claims_are_those_of_the_contract(proof, issuer):
    response = proof.responses[0].body
    assert sorted(response) == ["email", "expires_in", "token", "token_type"]
    assert (response["email"], response["token_type"]) == (proof.email, "JWT")
    assert proof.header == {"typ": "JWT", "alg": "ES256", "kid": proof.header["kid"]}
    said = dict(proof.claims)
    issued_at, expires_at = said.pop("iat"), said.pop("exp")
    assert said.pop("jti") not in ("", proof.id)
    assert said == {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": proof.email,
        "email": proof.email,
        "email_verified": True,
        "challenge_id": proof.id,
        "purpose": "sign-up",
    }
    assert issued_at <= time.time() < expires_at
    # A little less than the whole life if the other of the two requests was first.
    assert 0 <= expires_at - issued_at - response["expires_in"] < 10


def test_the_keys_are_public_and_named_by_their_thumbprints(keys, proof):
    assert keys.headers["cache-control"] == "public, max-age=300"
    assert keys.headers["content-type"] == "application/jwk-set+json"
    assert proof.header["kid"] in [key["kid"] for key in keys.body["keys"]]
    for key in keys.body["keys"]:
        assert sorted(key) == ["alg", "crv", "kid", "kty", "use", "x", "y"]
        required = {name: key[name] for name in ("crv", "kty", "x", "y")}
        assert key["kid"] == encoded(hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest())


def test_a_proof_is_accepted(backend, proof, issuer):
    assert backend.check(proof.token, issuer=issuer, audience=AUDIENCE) == [{"email": proof.email}]


def test_a_proof_for_another_audience_or_issuer_is_refused(backend, proof, issuer):
    (audience,) = backend.check(proof.token, issuer=issuer, audience="another-backend")
    assert any(error in audience["refused"] for error in ("InvalidAudienceError", '"aud" claim', "audience"))
    # The same keys under another name. `iss` is compared character by character.
    (issued,) = backend.check(proof.token, issuer=issuer.replace("http", "HTTP", 1), audience=AUDIENCE)
    assert any(error in issued["refused"] for error in ("InvalidIssuerError", '"iss" claim', "another issuer"))


def test_a_proof_with_one_byte_changed_is_refused(backend, proof, issuer):
    changed = []
    for index, part in enumerate(proof.token.split(".")):
        data = decoded(part)
        for position in range(0, len(data), 7):
            parts = proof.token.split(".")
            parts[index] = encoded(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
            changed.append(".".join(parts))
    *refusals, genuine = backend.check(*changed, proof.token, issuer=issuer, audience=AUDIENCE)
    assert len(refusals) > 50
    assert all("refused" in response for response in refusals), refusals
    assert genuine == {"email": proof.email}, "the last one, so it was not the keys that were missing"
    in_signature = refusals[-10:]
    assert all("ignature" in response["refused"] for response in in_signature), in_signature


def test_a_proof_without_a_signature_is_refused(backend, proof, issuer):
    payload = proof.token.split(".")[1]
    forged = [f"{encoded(proof.header | {'alg': alg})}.{payload}." for alg in ("none", "None", "NONE")]
    for response in backend.check(*forged, issuer=issuer, audience=AUDIENCE):
        assert any(word in response["refused"] for word in ALGORITHM_REFUSED), response


def test_a_proof_signed_with_the_public_key_as_a_password_is_refused(backend, proof, keys, issuer):
    (key,) = [key for key in keys.body["keys"] if key["kid"] == proof.header["kid"]]
    point = b"\x04" + decoded(key["x"]) + decoded(key["y"])
    # SubjectPublicKeyInfo of a key on P-256 (RFC 5480): everything before the point is always the same.
    spki = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + point
    body = base64.encodebytes(spki).decode().replace("\n", "")
    pem = f"-----BEGIN PUBLIC KEY-----\n{body[:64]}\n{body[64:]}\n-----END PUBLIC KEY-----\n".encode()
    forged = []
    for password in (pem, spki, point, json.dumps(key).encode(), decoded(key["x"])):
        message = f"{encoded(proof.header | {'alg': 'HS256'})}.{proof.token.split('.')[1]}"
        forged.append(f"{message}.{encoded(hmac.digest(password, message.encode(), 'sha256'))}")
    for response in backend.check(*forged, issuer=issuer, audience=AUDIENCE):
        assert any(word in response["refused"] for word in ALGORITHM_REFUSED), response


@pytest.fixture(scope="session")
def other():
    return Issuer(AUDIENCE)


def test_a_well_signed_token_that_lacks_a_claim_is_refused(backend, other):
    names = ("iss", "aud", "exp", "jti", "email", "email_verified", "challenge_id", "purpose")
    lacking = [other.token(**{name: None}) for name in names]
    wrong = [other.token(email_verified=value) for value in (False, "true", 1)]
    wrong += [other.token(iss="https://example.com"), other.token(aud="another-backend"), other.token(exp=1)]
    wrong += [other.token(aud=f"{AUDIENCE}:test")]
    wrong += [other.token(purpose=value) for value in ("sign-in", "", "sign-up ", "SIGN-UP", ["sign-up"], True)]
    *refusals, genuine = backend.check(*lacking, *wrong, other.token(), issuer=other.url, audience=AUDIENCE)
    assert genuine == {"email": "kim@example.com"}
    assert all("refused" in response for response in refusals), refusals


def test_a_backend_that_is_not_configured_accepts_nothing(backend, other):
    issuer, audience = {"PROOF_ISSUER": other.url}, {"PROOF_AUDIENCE": AUDIENCE}
    for variables in ({}, issuer, audience, issuer | {"PROOF_AUDIENCE": " "}, audience | {"PROOF_ISSUER": ""}):
        done = backend.run([other.token()], variables)
        assert done.returncode != 0 and "email" not in done.stdout, done


def test_a_library_that_knows_the_issuer_alone_verifies_a_proof(proof, issuer, tmp_path):
    library = Backend("middleware", tmp_path)
    payload = proof.token.split(".")[1]
    unsigned = f"{encoded(proof.header | {'alg': 'none'})}.{payload}."
    changed = f"{proof.token.rsplit('.', 1)[0]}.{encoded(bytes(64))}"
    accepted, *refusals = library.check(proof.token, unsigned, changed, issuer=issuer, audience=AUDIENCE)
    assert accepted == {"email": proof.email}
    assert all("refused" in response for response in refusals), refusals
    (other,) = library.check(proof.token, issuer=issuer, audience="another-backend")
    assert "aud" in other["refused"]


def test_a_right_code_is_used_up_after_a_minute(api, proof):
    wait_until(proof.claims["iat"] + 50)
    again = api.verify_code(proof.email, proof.id, proof.code)
    assert (again.status, again.body["token"]) == (200, proof.token)
    wait_until(proof.claims["iat"] + 62)
    assert api.verify_code(proof.email, proof.id, proof.code).problem() == "401 code-expired"


def test_a_proof_is_refused_after_its_end(backend, proof, issuer):
    """Takes as long as a proof lives."""
    wait_until(proof.claims["exp"] + LEEWAY + 1)
    (response,) = backend.check(proof.token, issuer=issuer, audience=AUDIENCE)
    assert any(error in response["refused"] for error in ("ExpiredSignatureError", "ERR_JWT_EXPIRED", "expired"))
