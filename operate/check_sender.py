"""Checks the DNS records that let mail of a domain arrive, and says in words what is missing or wrong.

Variables, from the environment or as arguments (`DOMAIN=example.com`):

DOMAIN     the domain of the address in From
DKIM       the three tokens of Easy DKIM, or the stack's outputs DkimRecord1 to 3 as they are
MAIL_FROM  the custom MAIL FROM domain, if there is one, such as bounce.example.com
REGION     the region that SES sends from; ap-northeast-2 if it is not given
IDENTITY   the domain that SES has verified, if it is a parent of DOMAIN
RESOLVER   the DNS server to ask, as address or address:port; the system's if it is not given
TIMEOUT    seconds to wait for each answer; 5 if it is not given

Exit status: 0 if nothing is wrong, 1 if something is, 2 if something could not be looked up or a variable is no use.
Nothing is read from AWS, and nothing is written anywhere.
"""

import os
import re
import secrets
import sys
from dataclasses import dataclass

from operate.resolver import Dns, Unanswered
from operate.sender_settings import NAME, Misuse, Settings, is_below, parents, show

START = "v=DMARC1; p=none"
SPF = "v=spf1 include:amazonses.com ~all"
FEEDBACK = re.compile(r"feedback-smtp\.([a-z0-9-]+)\.amazonses\.com")
# Terms of SPF that cost a receiver a look-up (RFC 7208, section 4.6.4), which makes ten at most.
COSTLY = re.compile(r"[+?~-]?(include:|a(?=[:/]|$)|mx(?=[:/]|$)|ptr(?=:|$)|exists:)|redirect=")
MOST_LOOKUPS = 10


@dataclass(frozen=True)
class Policy:
    """A DMARC record: where it stands, its text and its tags."""

    domain: str
    text: str
    tags: dict
    # What is no tag at all.
    rest: list

    @classmethod
    def read(cls, domain, text):
        parts = [part.strip() for part in text.split(";") if part.strip()]
        pairs = [part.split("=", 1) for part in parts if "=" in part]
        tags = {}
        for name, value in pairs:
            tags.setdefault(name.strip().lower(), value.strip())
        return cls(domain, text, tags, [part for part in parts if "=" not in part])


class Sender:
    """The checks of one sender. Each prints what it found and, if that is wrong, what to do."""

    def __init__(self, settings, ask):
        self.settings = settings
        self.ask = ask
        self.wrong = 0
        self.unknown = 0
        self._nowhere = secrets.token_hex(8)

    def check(self):
        settings = self.settings
        about = [settings.domain]
        about += [f"identity {settings.identity}"] if settings.identity != settings.domain else []
        about += [f"MAIL FROM {settings.mail_from}"] if settings.mail_from else []
        print(f"{', '.join(about)}, sent from {settings.region}\n")
        if self._guard(settings.domain, self._domain):
            for token in settings.dkim:
                self._guard(f"{token}._domainkey.{settings.identity}", lambda token=token: self._dkim(token))
            if len(settings.dkim) != 3:
                self._count_tokens()
            if settings.mail_from:
                self._guard(settings.mail_from, self._mail_from)
            else:
                self._no_mail_from()
            self._guard(f"_dmarc.{settings.domain}", self._dmarc)
        return self._sum_up()

    def _guard(self, name, check):
        """Does a check, unless a question of it gets no answer."""
        try:
            check()
        except Unanswered as failure:
            self.unknown += 1
            print(f"unknown  {name}: {failure}")
            self._do(failure.advice)
            return False
        return True

    def _sum_up(self):
        print()
        if self.wrong:
            print(
                f"Wrong: {self.wrong}. Check again once you have changed the records: an old answer is kept for as long"
            )
            print("as its TTL says, often an hour. SES itself looks for up to 72 hours.")
        if self.unknown:
            print(f"Could not be looked up: {self.unknown}. Nothing is known about these; try again.")
        if self.wrong or self.unknown:
            return 1 if self.wrong else 2
        left = [] if len(self.settings.dkim) == 3 else ["DKIM"]
        left += [] if self.settings.mail_from else ["MAIL FROM"]
        print("All is right" + (f" in what was checked. Not checked: {', '.join(left)}." if left else "."))
        return 0

    def _ok(self, text):
        print(f"ok  {text}")

    def _note(self, text, *records):
        print(f"note  {text}")
        self._records(records)

    def _wrong(self, text, advice, *records):
        self.wrong += 1
        print(f"wrong  {text}")
        self._do(advice, *records)

    def _do(self, advice, *records):
        print(f"    do  {advice}")
        self._records(records)

    @staticmethod
    def _records(records):
        for name, kind, value in records:
            print(f"        {name}  {kind}  {value}")

    def _is_wildcard(self, name, kind):
        """Whether any name beside this one gives the same."""
        found = self.ask.find(name, kind)
        return bool(found) and found == self.ask.find(f"{self._nowhere}.{parents(name)[0]}", kind)

    def _misplaced(self, name, kind, fits):
        """Where a missing record may stand instead, and why, as two sentences; none if it is nowhere."""
        bare = re.sub(r"\._domainkey(?=\.)", "", name)
        zones = [zone for zone in (self.settings.identity, *parents(self.settings.identity)) if "." in zone]
        places = [(f"{name}.{zone}", zone) for zone in zones if name == zone or is_below(name, zone)]
        places += [(place, None) for place in (name.replace("_", ""), bare) if place != name]
        for place, zone in places:
            try:
                found = any(map(fits, self.ask.find(place, kind) or [])) and not self._is_wildcard(place, kind)
            except Unanswered:
                continue
            if found:
                if zone:
                    short = name.removesuffix(zone).rstrip(".") or "@"
                    why = f"It stands at {place}: your DNS provider has put {zone} behind the name a second time."
                    return why, f"Delete that one, and type only {short} as the name, to get:"
                missing = "._domainkey" if place == bare else "the underscore"
                return f"It stands at {place}, without {missing}.", "Give it this name:"
        return None, None

    def _domain(self):
        settings = self.settings
        found = self.ask.find(settings.domain, "SOA")
        if found is None:
            self._wrong(
                f"{settings.domain} does not exist: the DNS knows no such name (NXDOMAIN).",
                "Check the spelling, and that its registration has not run out. If it is a new subdomain, it exists as "
                "soon as it has any record.",
            )
        else:
            self._ok(f"{settings.domain} exists")
        if aliases := self.ask.find(settings.domain, "CNAME"):
            self._note(
                f"{settings.domain} is a CNAME to {show(aliases[0])}. Beside a CNAME no other record may stand, such "
                "as an MX or a TXT."
            )
        random = f"{self._nowhere}.{settings.domain}"
        if wild := [kind for kind in ("CNAME", "TXT", "MX", "A") if self.ask.find(random, kind)]:
            self._note(
                f"*.{settings.domain} answers for names that have no record of their own ({', '.join(wild)}). What "
                "looks wrong below may come from there."
            )

    def _dkim(self, token):
        targets = self.settings.dkim[token]
        name = f"{token}._domainkey.{self.settings.identity}"
        record = (name, "CNAME", targets[0])
        found = self.ask.find(name, "CNAME")
        if found and found[0] in targets:
            self._ok(f"DKIM: {name} points to {found[0]}")
        elif found and found[0].startswith(f"{targets[0]}."):
            self._wrong(
                f"DKIM: {name} points to {show(found[0])}: your DNS provider has put a domain behind the value.",
                "Write the value with a dot at its end, so that it becomes:",
                record,
            )
        elif found:
            self._wrong(
                f"DKIM: {name} points to {show(found[0])}, and not to the name that SES gave you.",
                "Correct the value to:",
                record,
            )
        elif (texts := self.ask.find(name, "TXT")) and not self._is_wildcard(name, "TXT"):
            self._wrong(
                f"DKIM: {name} is a TXT record ({show(texts[0], 60)}), and SES looks for a CNAME.",
                "Delete the TXT record, and add:",
                record,
            )
        elif self.ask.find(name, "A") and not self._is_wildcard(name, "A"):
            self._wrong(
                f"DKIM: {name} gives an address and hides its CNAME: a proxy of your DNS provider stands before it.",
                "Switch the proxy off for this record (at Cloudflare: DNS only), so that it is:",
                record,
            )
        else:
            why, advice = self._misplaced(name, "CNAME", lambda target: target.endswith(".amazonses.com"))
            self._wrong(f"DKIM: {name} is missing. {why or ''}".rstrip(), advice or "Add:", record)

    def _count_tokens(self):
        if not self.settings.dkim:
            self._note(
                "DKIM was not checked, because the DNS cannot tell which tokens are yours. Give those of the "
                "stack's outputs DkimRecord1 to 3: DKIM=token1,token2,token3"
            )
        else:
            self._note(
                f"DKIM: SES has three tokens for a domain, and DKIM names {len(self.settings.dkim)}. Give all three."
            )

    def _no_mail_from(self):
        self._note(
            "MAIL FROM was not checked, because MAIL_FROM is not set. Without a domain of your own there, DMARC "
            "stands on DKIM alone."
        )

    def _mail_from(self):
        settings = self.settings
        name = settings.mail_from
        records = (name, "MX", f"10 feedback-smtp.{settings.region}.amazonses.com"), (name, "TXT", f'"{SPF}"')
        example = f"bounce.{settings.identity}"
        if name in (settings.domain, settings.identity):
            self._wrong(
                f"MAIL FROM: {name} is the domain of From itself. SES wants a subdomain that serves for nothing "
                "else: its MX would take the domain's own mail away.",
                f"Set another MAIL FROM domain in SES, such as {example}, and check again with MAIL_FROM={example}",
            )
            return
        if not is_below(name, settings.identity) and not is_below(name, self._organization(settings.identity)):
            self._wrong(
                f"MAIL FROM: {name} is not below {settings.identity}, so SES does not accept it.",
                f"Set another MAIL FROM domain in SES, such as {example}, and check again with MAIL_FROM={example}",
            )
            return
        if aliases := self.ask.find(name, "CNAME"):
            self._wrong(
                f"MAIL FROM: {name} is a CNAME to {show(aliases[0])}, and beside a CNAME no MX and no TXT may stand.",
                "Delete the CNAME, or choose another name, and add:",
                *records,
            )
            return
        self._guard(f"the MX record of {name}", lambda: self._mx(name, records[0]))
        self._guard(f"the SPF record of {name}", lambda: self._spf(name, records[1]))

    def _mx(self, name, record):
        found = self.ask.find(name, "MX") or []
        region = self.settings.region
        hosts = ", ".join(show(f"{preference} {host}") for preference, host in found)
        if len(found) > 1:
            self._wrong(
                f"MAIL FROM: {name} has {len(found)} MX records ({hosts}). SES accepts exactly one.",
                "Delete the others, and keep:",
                record,
            )
        elif not found:
            why, advice = self._misplaced(name, "MX", lambda mx: FEEDBACK.fullmatch(mx[1]))
            self._wrong(f"MAIL FROM: {name} has no MX record. {why or ''}".rstrip(), advice or "Add:", record)
        elif (given := FEEDBACK.fullmatch(found[0][1])) and given[1] == region:
            self._ok(f"MAIL FROM: the MX record of {name} is {found[0][0]} {found[0][1]}")
        elif given:
            self._wrong(
                f"MAIL FROM: the MX record of {name} is that of the region {given[1]}, and you send from {region}.",
                f"Change it, or give the region you send from (REGION={given[1]}):",
                record,
            )
        else:
            self._wrong(
                f"MAIL FROM: the MX record of {name} is {hosts}, and not that of SES. So SES does not use this domain.",
                "Replace it by:",
                record,
            )

    @staticmethod
    def _is_spf(text):
        return re.match(r"v=spf1( |$)", text, re.IGNORECASE) is not None

    def _spf(self, name, record):
        texts = self.ask.find(name, "TXT") or []
        found = [text for text in texts if self._is_spf(text)]
        almost = [text for text in texts if "spf" in text.lower() and text not in found]
        if len(found) > 1:
            self._wrong(
                f"SPF: {name} has {len(found)} SPF records ({', '.join(show(text, 60) for text in found)}). Then none "
                "counts.",
                "Delete them, and keep this one alone:",
                record,
            )
        elif not found and almost:
            self._wrong(
                f'SPF: the TXT record of {name} is {show(almost[0])}. It must begin with "v=spf1" and a space.',
                "Correct it to:",
                record,
            )
        elif not found:
            why, advice = self._misplaced(name, "TXT", self._is_spf)
            self._wrong(f"SPF: {name} has no SPF record. {why or ''}".rstrip(), advice or "Add:", record)
        else:
            self._spf_terms(name, found[0], record)

    def _spf_terms(self, name, text, record):
        terms = [term.lower() for term in text.split()[1:]]
        ends = [place for place, term in enumerate(terms) if re.fullmatch(r"[+?~-]?all", term)]
        read = terms[: ends[0]] if ends else terms
        if ends and terms[ends[0]] in ("all", "+all"):
            self._wrong(
                f"SPF: {name} says {show(text)}. {terms[ends[0]]} lets everybody send in your name.",
                "Replace it by:",
                record,
            )
        elif not {"include:amazonses.com", "+include:amazonses.com"} & set(read):
            late = " before its all" if len(read) < len(terms) - 1 else ""
            self._wrong(
                f"SPF: {name} says {show(text)}. It does not include amazonses.com{late}, so mails of SES fail.",
                "Replace it by:",
                record,
            )
        elif self._lookups(text) > MOST_LOOKUPS:
            self._wrong(
                f"SPF: {name} says {show(text)}. That takes more than {MOST_LOOKUPS} DNS look-ups, so SPF fails.",
                "SES needs one include. Replace it by:",
                record,
            )
        else:
            self._ok(f"SPF: {name} says {show(text)}")

    def _lookups(self, text, seen=()):
        """How many look-ups an SPF record costs. It stops to count where there are too many."""
        count = 0
        for term in text.lower().split()[1:]:
            if count > MOST_LOOKUPS:
                break
            if re.fullmatch(r"[+?~-]?all", term):
                break
            if not COSTLY.match(term):
                continue
            count += 1
            where = re.fullmatch(r"(?:[+?~-]?include:|redirect=)([^%\s]+)", term)
            if where and where[1] not in seen and len(seen) < MOST_LOOKUPS and NAME.fullmatch(where[1]):
                inner = [inner for inner in self.ask.find(where[1], "TXT") or [] if self._is_spf(inner)]
                count += self._lookups(inner[0], (*seen, where[1])) if len(inner) == 1 else 0
        return count

    def _texts_for_dmarc(self, domain):
        """The DMARC records of one domain, and its other TXT records there."""
        texts = self.ask.find(f"_dmarc.{domain}", "TXT") or []
        found = [text for text in texts if re.match(r"v\s*=\s*DMARC1\s*(;|$)", text)]
        return found, [text for text in texts if text not in found]

    def _walk(self, domain):
        """The DMARC records at a domain and above it, the nearest first: the tree walk of RFC 9989, section 4.10."""
        above = parents(domain)
        # At most eight questions, however long the name is.
        policies = []
        for place in [domain, *above[-7:]]:
            found, _ = self._texts_for_dmarc(place)
            if len(found) == 1:
                policies.append(Policy.read(place, found[0]))
                if policies[-1].tags.get("psd", "").lower() in ("y", "n"):
                    break
        return policies

    def _organization(self, domain):
        """The organizational domain, by which receivers compare names: RFC 9989, section 4.10.2."""
        policies = self._walk(domain)
        if not policies:
            return domain
        last = policies[-1]
        if last.tags.get("psd", "").lower() == "y" and last.domain != domain:
            below = [place for place in [domain, *parents(domain)] if is_below(place, last.domain)]
            return below[-1]
        return last.domain

    def _dmarc(self):
        domain = self.settings.domain
        name = f"_dmarc.{domain}"
        record = (name, "TXT", f'"{START}"')
        found, others = self._texts_for_dmarc(domain)
        almost = [text for text in others if re.search(r"dmarc|\bp\s*=", text, re.IGNORECASE)]
        if len(found) > 1:
            self._wrong(
                f"DMARC: {name} has {len(found)} DMARC records ({', '.join(show(text, 60) for text in found)}). Then "
                "none counts.",
                "Keep one and delete the others. If you do not know which one:",
                record,
            )
            return
        if not found and almost:
            self._wrong(
                f'DMARC: the TXT record of {name} is {show(almost[0])}. It must begin with "v=DMARC1;".',
                "Correct it. To start with:",
                record,
            )
            return
        policy = Policy.read(domain, found[0]) if found else self._inherited()
        if policy is None:
            why, advice = self._misplaced(name, "TXT", lambda text: text.startswith("v=DMARC1"))
            if not why and any(text.startswith("v=DMARC1") for text in self.ask.find(domain, "TXT") or []):
                why, advice = f"It stands at {domain}, without _dmarc.", "Give it this name:"
            why = why or "No parent has one either."
            self._wrong(f"DMARC: {name} is missing. {why}", advice or "Add, to start with:", record)
        elif self._tags_are_right(policy, record):
            self._say_policy(policy)
            self._align(policy)

    def _inherited(self):
        """The record of a parent that counts for a domain without one."""
        above = {policy.domain: policy for policy in self._walk(self.settings.domain)}
        organization = self._organization(self.settings.domain)
        return above.get(organization) or next(reversed(above.values()), None)

    @staticmethod
    def _tag(policy, domain):
        """The name of the tag that says the policy."""
        return "sp" if policy.domain != domain and "sp" in policy.tags else "p"

    def _tags_are_right(self, policy, record):
        name = f"_dmarc.{policy.domain}"
        tag = self._tag(policy, self.settings.domain)
        said = f"DMARC: {name} says {show(policy.text)}."
        before = self.wrong
        if policy.rest:
            self._wrong(
                f"{said} {show(policy.rest[0], 40)} is no tag: each one is name=value, with a semicolon between two.",
                "Correct it. To start with:",
                (name, "TXT", record[2]),
            )
        elif tag not in policy.tags:
            self._wrong(
                f"{said} It has no p, so it states no policy, and some receivers ignore it.",
                "Correct it. To start with:",
                (name, "TXT", record[2]),
            )
        elif policy.tags[tag].lower() not in ("none", "quarantine", "reject"):
            self._wrong(
                f"{said} {tag} must be none, quarantine or reject, and it is {show(policy.tags[tag], 40)}.",
                "Correct it. To start with:",
                (name, "TXT", record[2]),
            )
        for alignment in ("adkim", "aspf"):
            if policy.tags.get(alignment, "r").lower() not in ("r", "s"):
                self._wrong(
                    f"{said} {alignment} must be r or s, and it is {show(policy.tags[alignment], 40)}.",
                    f"Take {alignment} out of the record: without it, r counts.",
                )
        return self.wrong == before

    def _say_policy(self, policy):
        domain = self.settings.domain
        wish = policy.tags[self._tag(policy, domain)].lower()
        what = f"the policy is {wish}"
        if policy.domain == domain:
            self._ok(f"DMARC: _dmarc.{domain} says {show(policy.text)}; {what}")
        else:
            tag = self._tag(policy, domain)
            self._ok(
                f"DMARC: {domain} has no record of its own, so that of its parent counts: _dmarc.{policy.domain} says "
                f"{show(policy.text)}; {what}, by {tag}"
            )
        if wish == "none":
            self._note("DMARC: none only watches. Once the reports show no mail of yours that fails, go to quarantine.")
        if "rua" not in policy.tags:
            self._note("DMARC: nobody gets reports. To get them, add rua=mailto: and an address of yours.")

    def _align(self, policy):
        """Whether receivers see that the names of DKIM and SPF belong to the one in From."""
        settings = self.settings
        strict = {tag: policy.tags.get(tag, "r").lower() == "s" for tag in ("adkim", "aspf")}
        home = self._organization(settings.domain)
        if settings.identity == settings.domain:
            self._ok(f"DMARC: SES signs with the name {settings.identity}, the domain of From, so DKIM is aligned")
        elif strict["adkim"]:
            self._wrong(
                f"DMARC: adkim=s wants DKIM to sign as {settings.domain} itself, and SES signs as {settings.identity}.",
                f"Take adkim=s out of _dmarc.{policy.domain}, or verify {settings.domain} itself in SES.",
            )
        elif self._organization(settings.identity) != home:
            self._wrong(
                f"DMARC: SES signs with the name {settings.identity}, and to receivers {settings.domain} is not part "
                f"of it: only {home} has a DMARC record.",
                "Add a record for the parent as well:",
                (f"_dmarc.{settings.identity}", "TXT", f'"{START}"'),
            )
        else:
            self._ok(
                f"DMARC: SES signs with the name {settings.identity}, a parent of the domain of From, so DKIM is "
                "aligned"
            )
        name = settings.mail_from
        if not name or name == settings.domain:
            return
        if strict["aspf"]:
            self._note(
                f"DMARC: aspf=s wants {settings.domain} itself in MAIL FROM, which SES does not allow. So SPF never "
                "counts, and DMARC stands on DKIM alone."
            )
        elif self._organization(name) == home:
            self._ok(f"DMARC: SPF is checked for {name}, which belongs to {home}, so it is aligned")
        else:
            self._note(f"DMARC: to receivers {name} is not part of {home}. So SPF does not count, only DKIM does.")


def main(arguments=None, environment=os.environ):
    names = ("DOMAIN", "DKIM", "MAIL_FROM", "REGION", "IDENTITY", "RESOLVER", "TIMEOUT")
    variables = {name: environment[name] for name in names if name in environment}
    try:
        for argument in sys.argv[1:] if arguments is None else arguments:
            name, equals, value = argument.partition("=")
            if name not in names or not equals:
                raise Misuse(f"Expected one of {', '.join(names)} with = and a value, found {show(argument)}")
            variables[name] = value
        settings = Settings.read(variables)
        return Sender(settings, Dns(settings.resolver, settings.timeout)).check()
    except Misuse as misuse:
        print(misuse, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
