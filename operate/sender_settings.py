"""What `make check-sender` is given, and how it writes names and texts."""

import ipaddress
import re
from dataclasses import dataclass, field

NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
TOKEN = re.compile(r"[a-z0-9]{1,63}")


class Misuse(Exception):
    """Variables with which nothing can be checked."""


def show(text, most=120):
    """A text out of the DNS, in quotes. Whoever writes the record must not write to the terminal."""
    safe = "".join(char if " " <= char <= "~" else f"\\x{ord(char):02x}" for char in text[: most + 1])
    return f'"{safe[:most]}…"' if len(safe) > most else f'"{safe}"'


def parents(domain):
    """The domains above one, the nearest first."""
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(1, len(labels))]


def is_below(name, domain):
    return name.endswith(f".{domain}")


@dataclass(frozen=True)
class Settings:
    domain: str
    identity: str
    region: str = "ap-northeast-2"
    mail_from: str | None = None
    # For each token the targets that its CNAME may have, the one to paste first.
    dkim: dict = field(default_factory=dict)
    resolver: tuple | None = None
    timeout: float = 5

    @classmethod
    def read(cls, variables):
        given = {name: value.strip() for name, value in variables.items() if value.strip()}
        if "DOMAIN" not in given:
            raise Misuse("DOMAIN is not set. Give the domain of From, as in: make check-sender DOMAIN=example.com")
        domain = cls._domain("DOMAIN", given["DOMAIN"])
        identity = cls._domain("IDENTITY", given.get("IDENTITY", domain))
        if identity != domain and not is_below(domain, identity):
            raise Misuse(f"IDENTITY: {identity} is not a parent of {domain}, so it lets nobody send as {domain}.")
        region = given.get("REGION", cls.region)
        if not REGION.fullmatch(region):
            raise Misuse(f"REGION: expected a region such as ap-northeast-2, found {show(region)}")
        mail_from = cls._domain("MAIL_FROM", given["MAIL_FROM"]) if "MAIL_FROM" in given else None
        try:
            timeout = float(given.get("TIMEOUT", cls.timeout))
        except ValueError:
            timeout = 0
        if not 0 < timeout <= 60:
            raise Misuse(f"TIMEOUT: expected seconds from 0 to 60, found {show(given['TIMEOUT'])}")
        dkim = cls._dkim(given.get("DKIM", ""), region, identity)
        return cls(domain, identity, region, mail_from, dkim, cls._resolver(given.get("RESOLVER")), timeout)

    @staticmethod
    def _domain(variable, text):
        domain = text.rpartition("@")[2].rstrip(".").lower()
        if not domain.isascii():
            try:
                domain = domain.encode("idna").decode()
            except UnicodeError:
                domain = ""
        if not NAME.fullmatch(domain):
            raise Misuse(f"{variable}: expected a domain such as example.com, found {show(text)}")
        return domain

    @staticmethod
    def _dkim(text, region, identity):
        """Reads bare tokens as well as whole outputs: name, CNAME, value."""
        targets, token = {}, None
        for word in re.split(r"[,;\s]+", text.lower()):
            word = word.rstrip(".")
            if token and word.startswith(f"{token}.") and word.endswith(".amazonses.com"):
                targets[token] = [word]
                continue
            if word in ("", "cname"):
                continue
            token, _, rest = word.partition("._domainkey.")
            if not TOKEN.fullmatch(token) or rest not in ("", identity):
                expected = f"tokens, or the outputs DkimRecord1 to 3 of a stack that sends as {identity}"
                raise Misuse(f"DKIM: expected {expected}, found {show(word)}")
            # A few regions have a target of their own.
            targets[token] = [f"{token}.dkim.amazonses.com", f"{token}.dkim.{region}.amazonses.com"]
        return targets

    @staticmethod
    def _resolver(text):
        if not text:
            return None
        found = re.fullmatch(r"\[(?P<six>[^]]+)](:(?P<a>\d+))?|(?P<four>[0-9.]+)(:(?P<b>\d+))?|(?P<bare>.+)", text)
        try:
            address = str(ipaddress.ip_address(found["six"] or found["four"] or found["bare"]))
            port = int(found["a"] or found["b"] or 53)
            if not 0 < port < 65536:
                raise ValueError
        except ValueError:
            raise Misuse(f"RESOLVER: expected an address such as 1.1.1.1 or 127.0.0.1:53, found {show(text)}") from None
        return address, port
