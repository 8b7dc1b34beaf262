"""Stands in for what SES says of emails that do not arrive, which the local AWS does not say.

The functions send their emails through this proxy. It hands them to the local AWS, and for some addresses of
example.com it tells request-code, as the stack's rule would.
"""

import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# How the address begins, and what SES says.
KINDS = {
    "bounce": "Bounce Permanent General",
    "full": "Bounce Transient MailboxFull",
    "content": "Bounce Transient ContentRejected",
}
# A mail server answers within seconds.
AFTER_SECONDS = 2


def kind(address):
    """What SES says of an email to this address; None if it arrives."""
    local, _, domain = address.partition("@")
    return next((kind for start, kind in KINDS.items() if domain == "example.com" and local.startswith(start)), None)


def undelivered(email, message_id):
    """What the rule tells request-code of an email, as `SendEmail` got it. None if it arrives, or nobody asks."""
    (address,) = email["Destination"]["ToAddresses"]
    tags = {tag["Name"]: [tag["Value"]] for tag in email.get("EmailTags", [])}
    said = kind(address)
    if not said or "challenge" not in tags:
        return None
    # The local AWS makes up other ids than SES, with an @.
    named = {name: tags[name] for name in ("challenge", "mail")} | {"message_id": message_id.partition("@")[0]}
    return {"undelivered": named | {"kind": said}}


def post(url, body, headers):
    """The status and the body of the response."""
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class Proxy(ThreadingHTTPServer):
    """Takes what is meant for SES, on a thread of its own."""

    daemon_threads = True

    def __init__(self, port, aws, functions):
        super().__init__(("127.0.0.1", port), Handler)
        self.aws, self.functions = aws, functions
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def tell(self, event):
        """Tells request-code, as `aws lambda invoke` would."""
        url = f"{self.functions}/2015-03-31/functions/request-code/invocations"
        timer = threading.Timer(AFTER_SECONDS, post, (url, json.dumps(event).encode(), {}))
        timer.daemon = True
        timer.start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        # The functions open their connection with it.
        self.respond(404, b"{}")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        names = ("Authorization", "Content-Type", "X-Amz-Date")
        headers = {name: self.headers[name] for name in names if name in self.headers}
        status, said = post(self.server.aws + self.path, body, headers)
        self.respond(status, said)
        if status == 200 and (event := undelivered(json.loads(body), json.loads(said)["MessageId"])):
            self.server.tell(event)

    def respond(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Logs nothing: the functions log their calls."""
