"""PROOF_ISSUER=https://verify.example.com PROOF_AUDIENCE=email-verification python manage.py test

They sign proofs with a key of their own, and need no service.
"""

import json
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from unittest.mock import patch

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import TestCase, override_settings

from signup import proof
from signup.models import Account, UsedProof

KEY = ec.generate_private_key(ec.SECP256R1())
KEY_SET = {"keys": [jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True) | {"kid": "test"}]}


def make_proof(without=None, **changes):
    """A proof signed with the test key."""
    now = int(time.time())
    claims = {
        "iss": proof.ISSUER,
        "aud": proof.AUDIENCES[0],
        "sub": "kim@example.com",
        "email": "kim@example.com",
        "email_verified": True,
        "jti": str(uuid.uuid4()),
        "challenge_id": str(uuid.uuid4()),
        "purpose": "sign-up",
        "iat": now,
        "exp": now + 600,
    }
    claims.pop(without, None)
    return jwt.encode(claims | changes, KEY, "ES256", headers={"kid": "test"})


class KeySetHandler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(KEY_SET).encode())

    def log_message(self, *_):
        pass


class SignUpTest(TestCase):
    def setUp(self):
        server = ThreadingHTTPServer(("127.0.0.1", 0), KeySetHandler)
        Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.use_keys_at(f"http://127.0.0.1:{server.server_port}")

    def use_keys_at(self, url):
        keys = patch.object(proof, "KEYS", jwt.PyJWKClient(url))
        keys.start()
        self.addCleanup(keys.stop)

    def post(self, path, **body):
        return self.client.post(path, body, content_type="application/json").status_code

    def sign_up(self, token):
        return self.post("/sign-up", token=token)

    def sign_in(self, token):
        return self.post("/sign-in", token=token)

    def test_a_proof_makes_an_account_with_its_address(self):
        self.assertEqual(self.sign_up(make_proof()), 201)
        self.assertEqual(Account.objects.get().email, "kim@example.com")

    def test_a_proof_is_used_once_although_its_account_was_deleted(self):
        token = make_proof()
        self.assertEqual(self.sign_up(token), 201)
        self.assertEqual(self.sign_up(token), 409)
        Account.objects.all().delete()
        self.assertEqual(self.sign_up(token), 409)
        self.assertFalse(Account.objects.exists())

    def test_an_address_has_one_account(self):
        self.assertEqual(self.sign_up(make_proof()), 201)
        self.assertEqual(self.sign_up(make_proof()), 409)
        self.assertEqual(UsedProof.objects.count(), 1)

    def test_a_proof_that_met_an_account_logs_in_once(self):
        used, unused = make_proof(), make_proof()
        self.assertEqual(self.sign_in(unused), 404)
        self.assertEqual(self.sign_up(used), 201)
        self.assertEqual(self.sign_up(unused), 409)
        self.assertEqual(self.sign_in(used), 401)
        self.assertEqual(self.sign_in(unused), 200)
        self.assertEqual(self.sign_in(unused), 401)

    def test_used_proofs_are_deleted_a_day_after_they_ended(self):
        UsedProof.objects.create(jti="old", expires_at=time.time() - 86500)
        UsedProof.objects.create(jti="new", expires_at=time.time())
        UsedProof.delete_old()
        self.assertEqual(UsedProof.objects.get().jti, "new")

    def test_what_is_no_proof_for_this_backend_is_refused(self):
        for changes in (
            {"aud": "another-backend"},
            {"aud": f"{proof.AUDIENCES[0]}:test"},
            {"iss": "https://other.example.com"},
            {"exp": 1},
            {"email_verified": False},
        ):
            with self.subTest(changes):
                self.assertEqual(self.sign_up(make_proof(**changes)), 401)
        self.assertEqual(self.sign_up("not a JWT"), 401)
        self.assertEqual(self.post("/sign-up"), 400)

    def test_a_proof_is_for_one_purpose(self):
        self.assertEqual(self.sign_up(make_proof(purpose="sign-in")), 401)
        self.assertEqual(self.sign_up(make_proof(without="purpose")), 401)
        self.assertEqual(self.sign_up(make_proof()), 201)
        self.assertEqual(self.sign_in(make_proof(purpose="change-email")), 401)
        self.assertEqual(self.sign_in(make_proof(without="purpose")), 401)
        self.assertEqual(self.sign_in(make_proof(purpose="sign-in")), 200)

    def test_a_staging_backend_accepts_test_recipients(self):
        with patch.object(proof, "AUDIENCES", ["staging", "staging:test"]):
            self.assertEqual(self.sign_up(make_proof(aud="staging:test")), 201)

    def test_the_challenge_is_that_of_the_app(self):
        self.assertEqual(self.post("/sign-up", token=make_proof(challenge_id="1"), challenge_id="2"), 401)
        self.assertEqual(self.post("/sign-up", token=make_proof(challenge_id="2"), challenge_id="2"), 201)

    @override_settings(PROOF_BOUND_TO_SESSION=True)
    def test_the_challenge_is_that_of_the_session(self):
        self.assertEqual(self.sign_up(make_proof()), 401)
        challenge_id = self.client.post("/challenge").json()["challenge_id"]
        self.assertEqual(self.client.post("/challenge").json()["challenge_id"], challenge_id)
        self.assertEqual(self.sign_up(make_proof()), 401)
        self.assertEqual(self.sign_up(make_proof(challenge_id=challenge_id)), 201)

    def test_nothing_is_refused_while_there_are_no_keys(self):
        # Nobody listens there.
        self.use_keys_at("http://127.0.0.1:9")
        self.assertEqual(self.sign_up(make_proof()), 503)
