"""operate/check_sender.py against a DNS server of its own: a good zone passes, and each fault is named in words.

They need no service and no network.
"""

import copy
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from operate import check_sender
from tests.sender.dns_server import GARBAGE, REFUSED, SERVFAIL, SILENCE, DnsServer

ROOT = Path(__file__).resolve().parent.parent.parent
TOKENS = ("2ab7kq", "5cd9mr", "8ef1nt")
BOUNCE = "bounce.example.com"
DMARC = "_dmarc.example.com"
DKIM = f"{TOKENS[1]}._domainkey.example.com"
TARGET = f"{TOKENS[1]}.dkim.amazonses.com"
MX = "10 feedback-smtp.ap-northeast-2.amazonses.com."
GOOD = {
    "example.com": {
        "SOA": ["ns.example.com. admin.example.com. 1 7200 900 1209600 300"],
        "MX": ["10 mx.example.com."],
        "TXT": ['"v=spf1 -all"'],
    },
    "com": {"SOA": ["ns.com. admin.com. 1 7200 900 1209600 300"]},
    **{f"{token}._domainkey.example.com": {"CNAME": [f"{token}.dkim.amazonses.com."]} for token in TOKENS},
    BOUNCE: {"MX": [MX], "TXT": ['"v=spf1 include:amazonses.com ~all"']},
    DMARC: {"TXT": ['"v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com"']},
    "amazonses.com": {"TXT": ['"v=spf1 ip4:199.255.192.0/22 -all"']},
}
MAIL = {"mail.example.com": {"A": ["192.0.2.5"]}}
# The records that a `do` shows, ready to paste.
PASTE = {
    "dkim": f"        {DKIM}  CNAME  {TARGET}",
    "mx": f"        {BOUNCE}  MX  10 feedback-smtp.ap-northeast-2.amazonses.com",
    "spf": f'        {BOUNCE}  TXT  "v=spf1 include:amazonses.com ~all"',
    "dmarc": f'        {DMARC}  TXT  "v=DMARC1; p=none"',
}
# Eleven look-ups: one for each include, and one that the fourth costs in its turn.
WIDE = {f"s{number}.example.net": {"TXT": ['"v=spf1 ip4:192.0.2.1 -all"']} for number in range(9)}
WIDE["s3.example.net"] = {"TXT": ['"v=spf1 mx -all"']}
WIDE[BOUNCE] = {
    "MX": [MX],
    "TXT": ['"v=spf1 ' + " ".join(f"include:{name}" for name in WIDE) + '" " include:amazonses.com ~all"'],
}

# A fault: what stands in the zone instead (None: nothing), which words name it, and which record is to be pasted.
FAULTS = {
    "no such domain": (
        {name: None for name in GOOD if name.endswith("example.com")},
        "example.com does not exist: the DNS knows no such name (NXDOMAIN).",
        "dkim",
    ),
    "DKIM missing": ({DKIM: None}, f"DKIM: {DKIM} is missing.", "dkim"),
    "DKIM with the domain twice": (
        {DKIM: None, f"{DKIM}.example.com": {"CNAME": [f"{TARGET}."]}},
        f"It stands at {DKIM}.example.com: your DNS provider has put example.com behind the name a second time.",
        "dkim",
    ),
    "DKIM without the underscore": (
        {DKIM: None, f"{TOKENS[1]}.domainkey.example.com": {"CNAME": [f"{TARGET}."]}},
        f"It stands at {TOKENS[1]}.domainkey.example.com, without the underscore.",
        "dkim",
    ),
    "DKIM without _domainkey": (
        {DKIM: None, f"{TOKENS[1]}.example.com": {"CNAME": [f"{TARGET}."]}},
        f"It stands at {TOKENS[1]}.example.com, without ._domainkey.",
        "dkim",
    ),
    "DKIM as TXT": (
        {DKIM: {"TXT": [f'"{TARGET}"']}},
        f'DKIM: {DKIM} is a TXT record ("{TARGET}"), and SES looks for a CNAME.',
        "dkim",
    ),
    "DKIM behind a proxy": (
        {DKIM: {"A": ["192.0.2.7"]}},
        f"DKIM: {DKIM} gives an address and hides its CNAME: a proxy of your DNS provider stands before it.",
        "dkim",
    ),
    "DKIM with a typo in its target": (
        {DKIM: {"CNAME": [f"{TOKENS[1]}.dkim.amazonsses.com."]}},
        f'DKIM: {DKIM} points to "{TOKENS[1]}.dkim.amazonsses.com", and not to the name that SES gave you.',
        "dkim",
    ),
    "DKIM of another token": (
        {DKIM: {"CNAME": [f"{TOKENS[0]}.dkim.amazonses.com."]}},
        f'DKIM: {DKIM} points to "{TOKENS[0]}.dkim.amazonses.com", and not to the name that SES gave you.',
        "dkim",
    ),
    "DKIM with the domain behind its target": (
        {DKIM: {"CNAME": [f"{TARGET}.example.com."]}},
        f'DKIM: {DKIM} points to "{TARGET}.example.com": your DNS provider has put a domain behind the value.',
        "dkim",
    ),
    "MAIL FROM without MX": (
        {BOUNCE: {"TXT": GOOD[BOUNCE]["TXT"]}},
        f"MAIL FROM: {BOUNCE} has no MX record.",
        "mx",
    ),
    "MAIL FROM with the domain twice": (
        {BOUNCE: None, f"{BOUNCE}.example.com": GOOD[BOUNCE]},
        f"MAIL FROM: {BOUNCE} has no MX record. It stands at {BOUNCE}.example.com: your DNS provider has put",
        "mx",
    ),
    "MAIL FROM with two MX": (
        {BOUNCE: GOOD[BOUNCE] | {"MX": [MX, "20 mx.example.com."]}},
        f"MAIL FROM: {BOUNCE} has 2 MX records",
        "mx",
    ),
    "MAIL FROM with the MX of another region": (
        {BOUNCE: GOOD[BOUNCE] | {"MX": ["10 feedback-smtp.us-east-1.amazonses.com."]}},
        f"MAIL FROM: the MX record of {BOUNCE} is that of the region us-east-1, and you send from ap-northeast-2.",
        "mx",
    ),
    "MAIL FROM with the MX of somebody else": (
        {BOUNCE: GOOD[BOUNCE] | {"MX": ["10 mx.example.com."]}},
        f'MAIL FROM: the MX record of {BOUNCE} is "10 mx.example.com", and not that of SES.',
        "mx",
    ),
    "MAIL FROM as CNAME": (
        {BOUNCE: {"CNAME": ["feedback-smtp.ap-northeast-2.amazonses.com."]}},
        f"MAIL FROM: {BOUNCE} is a CNAME",
        "mx",
    ),
    "no SPF": ({BOUNCE: {"MX": [MX]}}, f"SPF: {BOUNCE} has no SPF record.", "spf"),
    "two SPF": (
        {BOUNCE: GOOD[BOUNCE] | {"TXT": ['"v=spf1 include:amazonses.com ~all"', '"v=spf1 -all"']}},
        f"SPF: {BOUNCE} has 2 SPF records",
        "spf",
    ),
    "SPF with a typo at its beginning": (
        {BOUNCE: GOOD[BOUNCE] | {"TXT": ['"spf1 include:amazonses.com ~all"']}},
        'is "spf1 include:amazonses.com ~all". It must begin with "v=spf1" and a space.',
        "spf",
    ),
    "SPF without SES": (
        {BOUNCE: GOOD[BOUNCE] | {"TXT": ['"v=spf1 include:example.net ~all"']}},
        "It does not include amazonses.com, so mails of SES fail.",
        "spf",
    ),
    "SPF with SES too late": (
        {BOUNCE: GOOD[BOUNCE] | {"TXT": ['"v=spf1 ~all include:amazonses.com"']}},
        "It does not include amazonses.com before its all, so mails of SES fail.",
        "spf",
    ),
    "SPF that lets everybody": (
        {BOUNCE: GOOD[BOUNCE] | {"TXT": ['"v=spf1 include:amazonses.com +all"']}},
        "+all lets everybody send in your name.",
        "spf",
    ),
    "SPF with too many look-ups": (
        WIDE,
        "That takes more than 10 DNS look-ups, so SPF fails.",
        "spf",
    ),
    "no DMARC": ({DMARC: None}, f"DMARC: {DMARC} is missing. No parent has one either.", "dmarc"),
    "DMARC with the domain twice": (
        {DMARC: None, f"{DMARC}.example.com": GOOD[DMARC]},
        f"DMARC: {DMARC} is missing. It stands at {DMARC}.example.com",
        "dmarc",
    ),
    "DMARC without the underscore": (
        {DMARC: None, "dmarc.example.com": GOOD[DMARC]},
        f"DMARC: {DMARC} is missing. It stands at dmarc.example.com, without the underscore.",
        "dmarc",
    ),
    "DMARC at the domain": (
        {DMARC: None, "example.com": GOOD["example.com"] | {"TXT": ['"v=DMARC1; p=none"']}},
        f"DMARC: {DMARC} is missing. It stands at example.com, without _dmarc.",
        "dmarc",
    ),
    "two DMARC": (
        {DMARC: {"TXT": ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']}},
        f"DMARC: {DMARC} has 2 DMARC records",
        "dmarc",
    ),
    "DMARC in another order": (
        {DMARC: {"TXT": ['"p=none; v=DMARC1"']}},
        f'DMARC: the TXT record of {DMARC} is "p=none; v=DMARC1". It must begin with "v=DMARC1;".',
        "dmarc",
    ),
    "DMARC in small letters": (
        {DMARC: {"TXT": ['"v=dmarc1; p=none"']}},
        'It must begin with "v=DMARC1;".',
        "dmarc",
    ),
    "DMARC without policy": (
        {DMARC: {"TXT": ['"v=DMARC1; rua=mailto:dmarc@example.com"']}},
        "It has no p, so it states no policy",
        "dmarc",
    ),
    "DMARC with a wrong policy": (
        {DMARC: {"TXT": ['"v=DMARC1; p=monitor"']}},
        'p must be none, quarantine or reject, and it is "monitor".',
        "dmarc",
    ),
    "DMARC with a comma": (
        {DMARC: {"TXT": ['"v=DMARC1; p=none; rua"']}},
        '"rua" is no tag: each one is name=value, with a semicolon between two.',
        "dmarc",
    ),
    "DMARC with a wrong alignment": (
        {DMARC: {"TXT": ['"v=DMARC1; p=none; adkim=relaxed"']}},
        'adkim must be r or s, and it is "relaxed".',
        None,
    ),
}


@pytest.fixture
def check(capsys):
    """Checks a zone, which differs from the good one by these names. Gives exit status, output and the server."""

    def run(changes=None, **variables):
        zone = copy.deepcopy(GOOD) | (changes or {})
        server = DnsServer({name: records for name, records in zone.items() if records is not None})
        given = {"DOMAIN": "example.com", "MAIL_FROM": BOUNCE, "DKIM": ",".join(TOKENS), "TIMEOUT": "5"} | variables
        with server.run() as address:
            given.setdefault("RESOLVER", address)
            status = check_sender.main([], given)
        return status, "".join(capsys.readouterr()), server

    return run


def wrong(output):
    return [line for line in output.splitlines() if line.startswith("wrong  ")]


def test_a_good_zone_passes(check):
    status, output, _ = check()
    assert (status, wrong(output)) == (0, []), output
    assert output.count("ok  DKIM: ") == 3
    for said in (
        f"ok  MAIL FROM: the MX record of {BOUNCE} is 10 feedback-smtp.ap-northeast-2.amazonses.com",
        f'ok  SPF: {BOUNCE} says "v=spf1 include:amazonses.com ~all"',
        f"ok  DMARC: {DMARC} says",
        "ok  DMARC: SES signs with the name example.com, the domain of From, so DKIM is aligned",
        f"ok  DMARC: SPF is checked for {BOUNCE}, which belongs to example.com, so it is aligned",
        "\nAll is right.\n",
    ):
        assert said in output


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_its_record_is_ready_to_paste(check, fault):
    changes, words, record = FAULTS[fault]
    # The good zone has none of it, so the fault is what is found.
    _, good, _ = check()
    assert words not in good
    status, output, _ = check(changes)
    assert status == 1, output
    lines = output.splitlines()
    [place] = [number for number, line in enumerate(lines) if line.startswith("wrong  ") and words in line]
    if fault == "no such domain":
        assert PASTE["dkim"] in lines and PASTE["mx"] in lines and PASTE["dmarc"] in lines
        return
    assert lines[place + 1].startswith("    do  ")
    if record:
        assert PASTE[record] in lines[place + 2 : place + 4], output
    # One fault is one line; without any MAIL FROM its SPF record is missing as well.
    assert len(wrong(output)) == (2 if fault == "MAIL FROM with the domain twice" else 1), output


@pytest.mark.parametrize("name", ["example.com", "_dmarc.example.com", DKIM, BOUNCE])
@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (SERVFAIL, "the DNS server answered SERVFAIL: it got no good answer from the domain's own name servers."),
        (REFUSED, "the DNS server answered REFUSED."),
        # What cannot be read does not count as an answer.
        (GARBAGE, "the DNS server did not answer within 0.4 s."),
        (SILENCE, "the DNS server did not answer within 0.4 s."),
    ],
)
def test_a_question_without_an_answer_is_no_missing_record(check, name, failure, words):
    status, output, _ = check({name: failure}, TIMEOUT="0.4")
    assert status == 2, output
    assert words in output
    assert "missing" not in output and wrong(output) == []
    assert re.search(r"^unknown  .*\n    do  Whether the record is there is not known\.", output, re.MULTILINE)


def test_what_is_wrong_outweighs_what_is_unknown(check):
    status, output, _ = check({DKIM: SERVFAIL, DMARC: None})
    assert status == 1
    assert "Wrong: 1." in output and "Could not be looked up: 1." in output


def test_a_failure_where_a_record_was_put_by_mistake_hides_nothing(check):
    status, output, _ = check({DKIM: None, f"{DKIM}.example.com": SERVFAIL})
    assert status == 1
    assert f"wrong  DKIM: {DKIM} is missing.\n    do  Add:" in output


def test_no_dns_server_at_all(check):
    began = time.monotonic()
    # Port 9 has no DNS server.
    status, output, _ = check(RESOLVER="127.0.0.1:9", TIMEOUT="0.4")
    assert status == 2
    assert "unknown  example.com: " in output and "missing" not in output
    # It asks once, and not again for every record.
    assert time.monotonic() - began < 3


def test_a_long_answer_comes_over_tcp(check):
    others = [f'"site-verification={number}{"x" * 200}"' for number in range(6)]
    status, output, server = check({BOUNCE: GOOD[BOUNCE] | {"TXT": [*others, *GOOD[BOUNCE]["TXT"]]}})
    assert (status, wrong(output)) == (0, []), output
    assert (BOUNCE, "TXT", True) in server.asked


def test_a_text_in_pieces_is_one(check):
    status, output, _ = check({DMARC: {"TXT": ['"v=DMARC1; p=quar" "antine; rua=mailto:dmarc@example.com"']}})
    assert status == 0
    assert "the policy is quarantine" in output


def test_an_answer_does_not_write_to_the_terminal(check):
    text = r'"v=DMARC1; p=\027[2J\007\010\200evil\013' + "x" * 100 + '"'
    status, output, _ = check({DMARC: {"TXT": [text + ' "' + "y" * 200 + '"']}})
    assert status == 1
    assert re.search(r"[^\n -~…]", output) is None
    assert r"\x1b[2J" in output and "y" * 100 not in output and "…" in output


def test_another_text_beside_dmarc_does_not_matter(check):
    status, output, _ = check({DMARC: {"TXT": ['"site-verification=1"', *GOOD[DMARC]["TXT"]]}})
    assert status == 0, output


def test_a_parents_policy_counts_for_a_subdomain(check):
    zone = {f"{token}._domainkey.mail.example.com": {"CNAME": [f"{token}.dkim.amazonses.com."]} for token in TOKENS}
    zone |= {DMARC: {"TXT": ['"v=DMARC1; p=reject; sp=none; rua=mailto:dmarc@example.com"']}}
    status, output, _ = check(zone, DOMAIN="mail.example.com", MAIL_FROM="")
    assert status == 0, output
    assert "mail.example.com has no record of its own, so that of its parent counts: _dmarc.example.com says" in output
    assert "the policy is none, by sp" in output


def test_a_parents_policy_is_checked_as_well(check):
    zone = MAIL | {DMARC: {"TXT": ['"v=DMARC1; p=none; sp=no"']}}
    status, output, _ = check(zone, DOMAIN="mail.example.com", IDENTITY="example.com")
    assert status == 1
    assert 'sp must be none, quarantine or reject, and it is "no".' in output


def test_the_walk_ends_at_a_domain_that_says_so(check):
    zone = {"_dmarc.mail.example.com": {"TXT": ['"v=DMARC1; p=none; psd=n"']}}
    status, output, _ = check(zone, DOMAIN="mail.example.com", IDENTITY="example.com")
    assert status == 1
    assert "SES signs with the name example.com, and to receivers mail.example.com is not part of it" in output


@pytest.mark.parametrize(
    ("dmarc", "words"),
    [
        ("v=DMARC1; p=none", "ok  DMARC: SES signs with the name example.com, a parent of the domain of From"),
        ("v=DMARC1; p=none; adkim=s", "wrong  DMARC: adkim=s wants DKIM to sign as mail.example.com itself"),
        ("v=DMARC1; p=none; aspf=s", "note  DMARC: aspf=s wants mail.example.com itself in MAIL FROM"),
    ],
)
def test_the_identity_may_be_a_parent(check, dmarc, words):
    zone = MAIL | {DMARC: {"TXT": [f'"{dmarc}"']}}
    status, output, _ = check(zone, DOMAIN="mail.example.com", IDENTITY="example.com")
    assert status == ("wrong" in words), output
    assert words in output


def test_a_parent_without_dmarc_is_not_aligned(check):
    zone = {DMARC: None, "_dmarc.mail.example.com": GOOD[DMARC]}
    status, output, _ = check(zone, DOMAIN="mail.example.com", IDENTITY="example.com")
    assert status == 1
    assert "to receivers mail.example.com is not part of it: only mail.example.com has a DMARC record." in output


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("example.com", "MAIL FROM: example.com is the domain of From itself."),
        ("bounce.example.net", "MAIL FROM: bounce.example.net is not below example.com, so SES does not accept it."),
        ("bounceexample.com", "MAIL FROM: bounceexample.com is not below example.com, so SES does not accept it."),
    ],
)
def test_mail_from_is_a_subdomain(check, name, words):
    status, output, _ = check(MAIL_FROM=name)
    assert status == 1
    assert words in output


def test_what_was_not_checked_is_said(check):
    status, output, _ = check(DKIM="", MAIL_FROM="")
    assert status == 0
    assert "All is right in what was checked. Not checked: DKIM, MAIL FROM." in output
    status, output, _ = check(DKIM=TOKENS[0])
    assert "note  DKIM: SES has three tokens for a domain, and DKIM names 1." in output
    assert "Not checked: DKIM." in output


def test_a_wildcard_is_named_and_is_no_record(check):
    zone = {"*.example.com": {"A": ["192.0.2.1"], "TXT": ['"v=spf1 -all"']}, DMARC: None, BOUNCE: {"MX": [MX]}}
    status, output, _ = check(zone)
    assert "note  *.example.com answers for names that have no record of their own (TXT, A)." in output
    assert f"DMARC: {DMARC} is missing." in output
    everywhere = {f"{token}._domainkey.example.com": None for token in TOKENS}
    status, output, _ = check(zone | everywhere)
    assert status == 1
    assert f"DKIM: {DKIM} is missing." in output and "proxy" not in output


def test_a_cname_at_the_domain_is_named(check):
    _, output, _ = check({"example.com": {"CNAME": ["host.example.net."]}, "host.example.net": {"A": ["192.0.2.1"]}})
    assert 'note  example.com is a CNAME to "host.example.net".' in output


def test_the_stacks_outputs_can_be_pasted(check):
    target = "dkim.af-south-1.amazonses.com"
    outputs = [f"{token}._domainkey.example.com CNAME {token}.{target}" for token in TOKENS]
    zone = {f"{token}._domainkey.example.com": {"CNAME": [f"{token}.{target}."]} for token in TOKENS}
    status, output, _ = check(zone, DKIM="\n".join(outputs))
    assert (status, output.count("ok  DKIM: ")) == (0, 3), output
    status, output, _ = check(DKIM="\n".join(outputs))
    assert (status, len(wrong(output))) == (1, 3), output


@pytest.mark.parametrize(
    "variables",
    [
        {"DOMAIN": ""},
        {"DOMAIN": "example"},
        {"DOMAIN": "exa mple.com"},
        {"DOMAIN": "example.com;id"},
        {"DOMAIN": f"{'a' * 64}.com"},
        {"MAIL_FROM": "bounce..example.com"},
        {"IDENTITY": "example.net"},
        {"IDENTITY": "ample.com"},
        {"REGION": "Seoul"},
        {"DKIM": "not a token!"},
        {"DKIM": f"{TOKENS[0]}._domainkey.example.net"},
        {"RESOLVER": "dns.example.com"},
        {"RESOLVER": "127.0.0.1:0"},
        {"RESOLVER": "127.0.0.1:70000"},
        {"TIMEOUT": "0"},
        {"TIMEOUT": "soon"},
    ],
)
def test_a_wrong_variable_is_named_and_nothing_is_asked(check, variables):
    status, output, server = check(**variables)
    assert status == 2
    assert output.startswith(next(iter(variables)))
    assert server.asked == []


@pytest.mark.parametrize("domain", ["no-reply@example.com", "EXAMPLE.com.", " example.com "])
def test_a_domain_may_be_written_otherwise(check, domain):
    status, output, _ = check(DOMAIN=domain)
    assert status == 0
    assert output.startswith("example.com, MAIL FROM")


def test_a_domain_may_be_korean(check):
    name = "xn--9t4b11yi5a.com"
    zone = {name: GOOD["example.com"], f"_dmarc.{name}": GOOD[DMARC]}
    status, output, _ = check(zone, DOMAIN="테스트.com", DKIM="", MAIL_FROM="")
    assert status == 0, output
    assert f"ok  {name} exists" in output


def test_it_runs_as_a_program():
    with DnsServer(GOOD).run() as address:
        command = [sys.executable, "-m", "operate.check_sender", "DOMAIN=example.com", f"RESOLVER={address}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"MAIL_FROM": BOUNCE})
    assert (done.returncode, done.stderr) == (0, "")
    assert f"ok  SPF: {BOUNCE}" in done.stdout
