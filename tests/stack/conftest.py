"""What the tests of `make check-stack` and `make why` run against. No network beyond this machine is used."""

import threading
from http.server import ThreadingHTTPServer

import pytest

from operate import check_stack, why
from tests.stack import healthy
from tests.stack.aws import Aws
from tests.stack.world import EMAIL, MAY_HAVE_IT, NOW, Web, World, advise_well


@pytest.fixture(scope="session")
def aws():
    return Aws()


@pytest.fixture(scope="session")
def web():
    with ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def world(aws, web):
    return World(aws, web)


@pytest.fixture
def check(world, capsys):
    """Runs the command, and returns its status and its lines."""

    def run(**variables):
        with world.dns() as resolver:
            environment = {"STACK": healthy.NAME, "RESOLVER": resolver, "TIMEOUT": "1"} | variables
            status = check_stack.main(environment, world.aws.client)
        printed = capsys.readouterr()
        lines = (printed.out + printed.err).splitlines()
        advise_well(lines)
        return status, lines

    return run


@pytest.fixture
def ask(world, capsys):
    """Runs the command, and returns its status and lines. Each time it looks where the address went."""
    world.zone["example.org"] = {"MX": ["10 mx.example.org."]}

    def run(**variables):
        with world.dns() as resolver:
            environment = {"EMAIL": EMAIL, "STACK": healthy.NAME, "RESOLVER": resolver, "TIMEOUT": "1"} | variables
            status = why.main(environment, world.aws.client, NOW)
        printed = capsys.readouterr()
        text = printed.out + printed.err
        advise_well(text.splitlines())
        assert "kim@" not in text and "kim%40" not in text
        assert not [name for name, asked in world.aws.calls if "kim" in str(asked) and name not in MAY_HAVE_IT]
        assert world.web.asked == [] and all(
            name.startswith(("Describe", "Get", "Filter")) for name, _ in world.aws.calls
        )
        return status, text.splitlines()

    return run
