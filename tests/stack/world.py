"""What is around a healthy stack: AWS, the API and the DNS. Each may be changed."""

import contextlib
import json
import re
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

from local import lint_links, operator_pages
from tests.sender.dns_server import DnsServer
from tests.stack import healthy
from tests.stack.aws import merged

NOW = datetime(2027, 3, 31, 12, 0, tzinfo=UTC)
EMAIL = "kim@example.org"
# The calls that the address may go to.
MAY_HAVE_IT = {"GetSuppressedDestination", "GetEmailIdentity"}


def starting(lines, word):
    return [line for line in lines if line.startswith(f"{word}  ")]


def advise_well(lines):
    """Whether AWS knows each command that is printed, and each section of the documents is there."""
    for line in lines:
        for call in re.findall(r"aws [a-z0-9]+ [a-z-]+-[a-z-]+[^:;]*", line):
            found = operator_pages.COMMAND.match(call)
            options = re.findall(r"(?<=\s)--([a-z0-9-]+)", call)
            assert not operator_pages.command_fault(*found.groups(), options), call
        for page, section in re.findall(r"(docs/[\w.]+\.md)#([\w-]+)", line):
            assert section in lint_links.anchors(lint_links.ROOT / page), line


class Web(BaseHTTPRequestHandler):
    """The API, which answers from the dictionary `server.pages`."""

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, body))
        status, answer = self.server.pages[f"{self.command} {self.path}"]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    do_POST = do_GET

    def log_message(self, *_):
        pass


class World:
    """AWS, the API and the DNS around one healthy stack."""

    def __init__(self, aws, web):
        self.aws, self.web = aws, web
        self.url = f"http://127.0.0.1:{web.server_port}"
        aws.answers, aws.calls = healthy.answers(self.url), []
        web.pages, web.asked = healthy.pages(self.url), []
        self.zone = dict(healthy.ZONE)

    def change(self, call, change):
        """Changes what AWS answers to a call such as dynamodb.DescribeTable, as `merged` does."""
        before = self.aws.answers[call]
        if callable(before) or callable(change):
            said = [part if callable(part) else lambda _, part=part: part for part in (before, change)]
            self.aws.answers[call] = lambda asked: merged(*(part(asked) for part in said))
        else:
            self.aws.answers[call] = merged(before, change)

    def replace(self, call, answer):
        """Answers only this to a call."""
        self.aws.answers[call] = lambda _: answer

    @contextlib.contextmanager
    def dns(self):
        with DnsServer(self.zone).run() as address:
            yield address
