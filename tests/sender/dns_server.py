"""A DNS server for the tests, on 127.0.0.1, that answers from a dictionary over UDP and TCP.

A zone is {name: {type: [value, …]}}, with values as in a zone file. A name that has no records but has names below it
exists; any other is NXDOMAIN. "*" as first label answers for names that are not there. In place of the dictionary of a
name, SERVFAIL, REFUSED, SILENCE and GARBAGE do what they say.
"""

import contextlib
import socket
import socketserver
import struct
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SERVFAIL, REFUSED, SILENCE, GARBAGE = "SERVFAIL", "REFUSED", "SILENCE", "GARBAGE"
# What fits into an answer over UDP without EDNS.
DATAGRAM = 512


def bind():
    """A server for UDP and one for TCP, on the same port."""
    for _ in range(100):
        udp = Udp(("127.0.0.1", 0), UdpQuestion)
        try:
            return udp, Tcp(udp.server_address, TcpQuestion)
        except OSError:  # Somebody else has that port for TCP.
            udp.server_close()
    raise OSError("no port is free for UDP and TCP")


class DnsServer:
    def __init__(self, zone):
        self.zone = {name.lower(): records for name, records in zone.items()}
        # What was asked, as (name, type, whether over TCP).
        self.asked = []

    @contextlib.contextmanager
    def run(self):
        """Serves until the block ends. Gives address and port."""
        udp, tcp = bind()
        with udp, tcp:
            threads = []
            for server in (udp, tcp):
                server.answer = self.answer
                threads.append(threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True))
                threads[-1].start()
            try:
                yield "{}:{}".format(*udp.server_address)
            finally:
                for server in (udp, tcp):
                    server.shutdown()
                for thread in threads:
                    thread.join()

    def answer(self, wire, tcp):
        """The answer to a question, or None for silence."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, tcp))
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        records = self._records(name)
        if records == SILENCE:
            return None
        if records == GARBAGE:
            return wire[:2] + b"\x84\x00\xff\xff\xff\xff"
        if records in (SERVFAIL, REFUSED):
            response.set_rcode(dns.rcode.from_text(records))
            return response.to_wire()
        for _ in range(8):
            if records is None or kind in records or "CNAME" not in records:
                break
            self._add(response, name, "CNAME", records["CNAME"])
            name = records["CNAME"][0].rstrip(".").lower()
            records = self._records(name)
        if records is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif kind in records:
            self._add(response, name, kind, records[kind])
        whole = response.to_wire()
        if tcp or len(whole) <= DATAGRAM:
            return whole
        response.answer.clear()
        response.flags |= dns.flags.TC
        return response.to_wire()

    def _records(self, name):
        if name in self.zone:
            return self.zone[name]
        if any(other.endswith(f".{name}") for other in self.zone):
            return {}
        labels = name.split(".")
        for start in range(1, len(labels)):
            above = ".".join(labels[start:])
            if f"*.{above}" in self.zone:
                return self.zone[f"*.{above}"]
            if above in self.zone or any(other.endswith(f".{above}") for other in self.zone):
                return None
        return None

    @staticmethod
    def _add(response, name, kind, values):
        response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *values))


class Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True


class Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class UdpQuestion(socketserver.BaseRequestHandler):
    def handle(self):
        wire, socket_ = self.request
        answer = self.server.answer(wire, tcp=False)
        if answer:
            socket_.sendto(answer, self.client_address)


class TcpQuestion(socketserver.BaseRequestHandler):
    def handle(self):
        wire = self._read(struct.unpack("!H", self._read(2))[0])
        answer = self.server.answer(wire, tcp=True)
        if answer:
            self.request.sendall(struct.pack("!H", len(answer)) + answer)

    def _read(self, length):
        return self.request.recv(length, socket.MSG_WAITALL)
