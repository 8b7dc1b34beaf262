"""The ports of the service on this machine."""

import os
import socket
import sys
from dataclasses import dataclass, fields


def is_free(port):
    with socket.socket() as probe:
        # macOS lets a server bind where another listens on every address.
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as probe:
        # As servers do: a connection that has just ended does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True)
class Ports:
    """Where everything listens."""

    api: int = 9000
    aws: int = 4566
    smtp: int = 1025
    inbox: int = 1080
    app: int = 9080

    @property
    def functions(self):
        """That of `cargo lambda watch`, to which the API's port leads."""
        return self.api + 1

    @property
    def ses(self):
        """That of the stand-in between the functions and SES."""
        return self.api + 2

    @classmethod
    def from_environment(cls):
        """Each port can be set by a variable, as in `make run API_PORT=9010`."""
        chosen = {field.name: os.environ.get(cls.variable(field.name)) for field in fields(cls)}
        return cls(**{name: int(port) for name, port in chosen.items() if port})

    @staticmethod
    def variable(name):
        return f"{name.upper()}_PORT"

    def items(self):
        return vars(self).items()

    def taken(self):
        """Which of them something else uses, and what to do. Empty if none."""
        ports = [*self.items(), ("api", self.functions), ("api", self.ses)]
        taken = [(self.variable(name), port) for name, port in ports if not is_free(port)]
        if not taken:
            return ""
        numbers = ", ".join(str(port) for _, port in taken)
        others = " ".join(f"{name}={port + 10}" for name, port in dict(taken).items())
        shows = "lsof -nP -iTCP -sTCP:LISTEN" if sys.platform == "darwin" else "ss -ltnp"
        return (
            f"Taken: port {numbers}. Stop what listens there (`{shows}` shows it), or choose others: make run {others}"
        )
