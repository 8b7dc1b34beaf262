"""The service's responses without the service, for clients that `make clients` cannot compile.

`python3 stub.py COMMAND…` runs the command with the stub's URL as its last argument, and ends as the command ends.
Python's own library is enough.
"""

import http.server
import json
import subprocess
import sys
import threading

PROBLEM = "application/problem+json"
URN = "urn:email-verification:"
# By the first part of the address. Anybody else is mailed a code.
RESPONSES = {
    "bounce": (422, PROBLEM, json.dumps({"type": f"{URN}undeliverable", "reason": "mailbox"})),
    "wait": (429, PROBLEM, json.dumps({"type": f"{URN}too-many-requests", "retry_after": 42})),
    # What API Gateway itself answers.
    "rate": (429, "application/json", '{"message": "Too Many Requests"}'),
    "down": (503, "application/json", '{"message": "Service Unavailable"}'),
    "lost": (404, "application/json", '{"message": "Not Found"}'),
    # The login page of a hotspot.
    "page": (200, "text/html", "<html>"),
    "json": (200, "application/json", '{"login": true}'),
}
MALFORMED = (400, PROBLEM, json.dumps({"type": f"{URN}malformed-request"}))


def response(path, kind, body):
    """The status, content type and body."""
    own = {"/request-code": "locale", "/verify-code": "code"}.get(path)
    is_json = kind.partition(";")[0] == "application/json"
    if not is_json or set(body) != {"email", "challenge_id", "purpose", own}:
        return MALFORMED
    if path == "/request-code":
        challenge = {"challenge_id": body["challenge_id"], "expires_in": 600, "resend_in": 60}
        return RESPONSES.get(body["email"].partition("@")[0], (202, "application/json", json.dumps(challenge)))
    if body["code"] == "000000":
        return 401, PROBLEM, json.dumps({"type": f"{URN}invalid-code", "guesses_left": 4})
    proof = {"email": body["email"], "token": f"a proof for {body['purpose']}", "token_type": "JWT", "expires_in": 600}
    return 200, "application/json", json.dumps(proof)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, kind, text = response(self.path, self.headers["Content-Type"], body)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def main(command):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return subprocess.run([*command, f"http://127.0.0.1:{server.server_port}"]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
