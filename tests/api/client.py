"""How tests and scripts speak to the API, and read emails where they can."""

import json
import re
import time
import urllib.error
import urllib.request


class Response:
    """What the API returns."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.text = response.read().decode()
        # A page is no JSON.
        self.body = None if self.headers.get("content-type", "").startswith("text/html") else json.loads(self.text)

    def problem(self):
        """Status and last part of the problem's type, such as `401 code-expired`."""
        assert self.headers["content-type"] == "application/problem+json", self.text
        assert self.headers["cache-control"] == "no-store"
        assert self.body["status"] == self.status
        return f"{self.status} {self.body['type'].removeprefix('urn:email-verification:')}"


class Api:
    """The API of a stack."""

    def __init__(self, url):
        self.url = url.rstrip("/")

    def post(self, path, body, **headers):
        """POSTs a JSON body, or bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json"} | {
            key.replace("_", "-"): value for key, value in headers.items()
        }
        return self.send(urllib.request.Request(f"{self.url}/{path}", data, headers))

    def get(self, path):
        return self.send(urllib.request.Request(f"{self.url}/{path}"))

    def send(self, request):
        try:
            response = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            return Response(response)

    def request_code(self, email, **members):
        return self.post("request-code", {"email": email} | members)

    def verify_code(self, email, challenge_id, code, **members):
        return self.post("verify-code", {"email": email, "challenge_id": challenge_id, "code": code} | members)


class Inbox:
    """A maildump, which gets the emails."""

    def __init__(self, url):
        self.url = url.rstrip("/")

    def get(self, path):
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as response:
            return response.read().decode()

    def mails(self, recipient, count=1):
        """The mails to a recipient, oldest first, once there are `count`."""
        for _ in range(100):
            messages = json.loads(self.get("/messages/"))["messages"]
            messages = [message for message in messages if message["recipients"]["to"] == [recipient]]
            if len(messages) >= count:
                break
            time.sleep(0.1)
        assert len(messages) == count, messages
        return [
            message | {part: self.get(f"/messages/{message['id']}.{part}") for part in ("plain", "html")}
            for message in sorted(messages, key=lambda message: message["id"])
        ]

    def code(self, recipient, count=1):
        return re.search(r"\b[0-9]{4,10}\b", self.mails(recipient, count)[-1]["subject"]).group()
