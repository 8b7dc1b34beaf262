"""HTTP/1.1 for all stand-ins: connections stay open, and a thread attends each.

Threads and blocking sockets, because a function has few connections and makes one call at a time, and because asyncio
does TLS in Python.
"""

import re
import socket
import ssl
import threading
import time

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request"}


def listen():
    """A socket on a free port of 127.0.0.1, and the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


def serve(listener, answer, context=None, opened=lambda: None, distance=lambda: 0):
    """Attends connections for ever, in threads of its own.

    `answer(head, body)` gets a request's bytes and returns those of the response. `opened()` is called for each
    connection. `distance()` is the time of a round trip, in seconds: a connection takes two, and a request one.
    """

    def accept():
        while True:
            connection, _ = listener.accept()
            opened()
            threading.Thread(target=attend, args=(connection, answer, context, distance), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def attend(connection, answer, context, distance):
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            travel(2 * distance())
            connection = context.wrap_socket(connection, server_side=True)
        for head, body in requests(connection):
            response = answer(head, body)
            travel(distance())
            connection.sendall(response)
    except (ConnectionError, ssl.SSLError):
        pass  # The function has ended.
    finally:
        connection.close()


def travel(seconds):
    if seconds:
        time.sleep(seconds)


def requests(connection):
    """The requests of a connection, as head and body, until the other side closes it."""
    data = b""
    while True:
        while (end := data.find(b"\r\n\r\n")) < 0:
            if not (part := connection.recv(65536)):
                return
            data += part
        head, data = data[:end], data[end + 4 :]
        length = int(found[1]) if (found := LENGTH.search(head)) else 0
        if b"transfer-encoding" in head.lower():
            raise NotImplementedError("a body in chunks")
        while len(data) < length:
            if not (part := connection.recv(65536)):
                return
            data += part
        yield head, data[:length]
        data = data[length:]


def response(body, status=200, headers=()):
    """The bytes of a response."""
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode() + body
