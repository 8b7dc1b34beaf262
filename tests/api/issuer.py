"""An issuer of proofs with a key of its own, for the tests of backends."""

import json
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import jwt
from cryptography.hazmat.primitives.asymmetric import ec


class Issuer:
    """An issuer whose tokens may lack what a proof has."""

    def __init__(self, audience):
        self.audience = audience
        self.key = ec.generate_private_key(ec.SECP256R1())
        public = jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True) | {"kid": "1", "alg": "ES256"}
        self.key_set = json.dumps({"keys": [public]}).encode()
        self.respond(200, self.key_set)
        issuer = self

        class Responder(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = issuer.response
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Responder)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def respond(self, status, body):
        """From now on this is what it serves in place of its key set."""
        self.response = status, body

    def token(self, **changes):
        """A proof in which some claims are others, or none where they are None."""
        email = "kim@example.com"
        proof = {"iss": self.url, "aud": self.audience, "sub": email, "email": email, "email_verified": True}
        proof |= {"jti": str(uuid.uuid4()), "challenge_id": str(uuid.uuid4()), "purpose": "sign-up"}
        proof |= {"iat": int(time.time()), "exp": int(time.time()) + 600} | changes
        proof = {name: value for name, value in proof.items() if value is not None}
        return jwt.encode(proof, self.key, "ES256", headers={"kid": "1"})
