"""How `make check-sender` asks the DNS: one resolver, each question once."""

import dns.exception
import dns.name
import dns.rcode
import dns.resolver

from operate.sender_settings import Misuse


class Unanswered(Exception):
    """A question that got no answer, which says nothing about the record. `advice` says what to do."""

    def __init__(self, reason, advice):
        super().__init__(reason)
        self.advice = advice


class Dns:
    """Asks one resolver, each question once."""

    def __init__(self, server=None, timeout=5):
        try:
            self._resolver = dns.resolver.Resolver(configure=server is None)
        except dns.resolver.NoResolverConfiguration:
            raise Misuse("This machine names no DNS server. Name one: RESOLVER=1.1.1.1") from None
        if server:
            self._resolver.nameservers = [server[0]]
            self._resolver.port = server[1]
        # A lost datagram is sent again.
        self._resolver.timeout = timeout / 2
        self._resolver.lifetime = timeout
        self._timeout = timeout
        self._known = {}

    def find(self, name, kind):
        """The records of that kind, [] if the name has none of it, None if there is no such name."""
        if (name, kind) not in self._known:
            self._known[name, kind] = self._ask(name, kind)
        return self._known[name, kind]

    def _ask(self, name, kind):
        try:
            # Absolute: no search list of this machine is tried.
            question = dns.name.from_text(name, dns.name.root)
            answer = self._resolver.resolve(question, kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return None
        except (dns.name.NameTooLong, dns.name.LabelTooLong):
            return None
        except dns.resolver.LifetimeTimeout:
            raise Unanswered(
                f"the DNS server did not answer within {self._timeout:g} s.",
                "Whether the record is there is not known. Check the network, or ask another server: RESOLVER=1.1.1.1",
            ) from None
        except dns.resolver.NoNameservers as failure:
            raise self._refusal(failure) from None
        except dns.exception.DNSException as failure:
            raise Unanswered(
                f"the DNS server's answer makes no sense ({type(failure).__name__}).",
                "Whether the record is there is not known. Ask another server: RESOLVER=1.1.1.1",
            ) from None
        # Servers turn the order.
        return sorted(self._text(kind, record) for record in answer.rrset or [])

    @staticmethod
    def _refusal(failure):
        codes = {dns.rcode.to_text(error[4].rcode()) for error in failure.kwargs.get("errors", ()) if error[4]}
        if "SERVFAIL" in codes:
            return Unanswered(
                "the DNS server answered SERVFAIL: it got no good answer from the domain's own name servers.",
                "Whether the record is there is not known. Ask who runs the domain's name servers; a usual cause is a "
                "DNSSEC signature that has expired.",
            )
        return Unanswered(
            f"the DNS server answered {', '.join(sorted(codes)) or 'nothing that can be read'}.",
            "Whether the record is there is not known. Ask another server: RESOLVER=1.1.1.1",
        )

    @staticmethod
    def _text(kind, record):
        if kind == "TXT":
            return b"".join(record.strings).decode("latin-1")
        if kind == "MX":
            return record.preference, record.exchange.to_text(omit_final_dot=True).lower()
        if kind == "CNAME":
            return record.target.to_text(omit_final_dot=True).lower()
        return record.to_text()
