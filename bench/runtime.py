"""The Lambda Runtime API, which hands events to one function at a time and measures how long it takes."""

import json
import queue
import re
import time

from bench import wire
from local.service import Failure

ARN = "arn:aws:lambda:ap-northeast-2:123456789012:function:bench"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
REQUEST = re.compile(rb"(\w+) /2018-06-01/runtime/(\S+) ")
# Seconds. Longer than anything takes that is worth measuring.
PATIENCE = 60


class Fault(Failure):
    """The function did not do what is measured."""


class Runtime:
    """The API for one process of a function. `whose` names it in faults."""

    def __init__(self, whose):
        self.whose = whose
        listener, port = wire.listen()
        self.address = f"127.0.0.1:{port}"
        # When the function asked for an event, events that wait for it, and its answers with how long they took.
        self.asked, self.events, self.answers = queue.SimpleQueue(), queue.SimpleQueue(), queue.SimpleQueue()
        self.handed_out = 0
        self.number = 0
        # Set once it runs.
        self.process = None
        wire.serve(listener, self.answer)

    def answer(self, head, body):
        now = time.perf_counter_ns()
        path = found[2].decode() if (found := REQUEST.match(head)) else ""
        if path == "invocation/next":
            return self.next(now)
        if path.endswith("/response"):
            self.answers.put(((now - self.handed_out) / 1e6, json.loads(body)))
        else:  # …/error and init/error
            fault = self.fault(f"{path}: {body.decode(errors='replace')}")
            self.asked.put(fault)
            self.answers.put(fault)
        return wire.response(b'{"status": "OK"}', 202)

    def next(self, now):
        self.asked.put(now)
        event = self.events.get()
        self.number += 1
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", f"8476a536-e9f4-11e8-9739-{self.number:012}"),
            ("Lambda-Runtime-Deadline-Ms", int(time.time() * 1000) + 25_000),
            ("Lambda-Runtime-Invoked-Function-Arn", ARN),
            ("Lambda-Runtime-Trace-Id", TRACE),
        ]
        response = wire.response(event, headers=headers)
        self.handed_out = time.perf_counter_ns()
        return response

    def fault(self, text):
        return Fault(f"{self.whose}: {text}")

    def wait_until_asked(self):
        """When the function asked for its next event, once it has: then it has nothing left to do."""
        return self._get(self.asked)

    def invoke(self, event, status):
        """Hands out an event, and returns how many milliseconds the answer took, which must have this status."""
        return self.invoke_often(event, status, 1)[0]

    def invoke_often(self, event, status, count):
        """The same for so many events, each handed out as soon as the function asks for it."""
        for _ in range(count):
            self.events.put(event)
        taken = [self._answer(status) for _ in range(count)]
        for _ in range(count):
            self.wait_until_asked()
        return taken

    def _answer(self, status):
        milliseconds, answer = self._get(self.answers)
        if answer.get("statusCode") != status:
            raise self.fault(f"it answered {answer}, not {status}")
        return milliseconds

    def _get(self, waiting):
        for _ in range(PATIENCE):
            try:
                got = waiting.get(timeout=1)
            except queue.Empty:
                if self.process.poll() is not None:
                    raise self.fault(f"it ended by itself, with status {self.process.returncode}") from None
                continue
            if isinstance(got, Fault):
                raise got
            return got
        raise self.fault(f"nothing came within {PATIENCE} s")
