"""The functions' environment: what template.yaml gives them, against what their binaries read."""

import itertools
import re
import subprocess

from samtranslator.yaml_helper import yaml_parse

from local.service import ROOT

FUNCTIONS = {"RequestCode": "request-code", "VerifyCode": "verify-code"}

URLS = [
    "",
    "https://verify.example.com",
    "https://verify.example.com:8443/a/b",
    "https://verify.example.com/",
    "https://verify.example.com//",
    "https://verify.example.com/a//b",
    "https://verify.example.com/a?b=c&d=e:f",
    "https://verify.example.com?b=c",
    "https://verify.example.com/a#b",
    "https://verify.example.com:/a",
    "https://verify.example.com;a",
    "https://verify.example.com/$default/a",
    "https://verify.example.com/it's",
    "https://verify.example.com/a b",
    "https://verify.example.com/a^b",
    "https://a@verify.example.com",
    "https://*.example.com",
    "https://[::1]/a",
    "https://예시.한국",
    "https://",
    "https:///a",
    "http://verify.example.com",
    "http://127.0.0.1:9000",
    "http://127.0.0.1:9000/a",
    "http://127.0.0.1:1@example.net/",
    "http://127.0.0.1",
    "http://127.0.0.1:",
    "com.example.app://verified",
    "exampleapp://verified/a?b=c",
    "com.example.app://",
    "com.example.app:",
    "COM.example.app://verified",
    "app://확인",
    "javascript://a",
    "data://a",
    "ftp://a",
    "verify.example.com",
]


def variables_read(function, environment=None):
    """The variables that a function misses. When it is started without any, it names each that it reads."""
    binary = ROOT / "target" / "debug" / function
    done = subprocess.run([binary], env=environment or {}, capture_output=True, text=True)
    return set(re.findall(r"^  ([A-Z_]+): expected", done.stdout, re.MULTILINE))


# Values at the edges of what parameters take. Template and function must agree on each: what only the template takes is
# deployed, and then the function does not start.
EDGES = {
    ("VerificationLink", "VERIFICATION_LINK", "request-code"): [*URLS, "off", "page", "on"],
    ("AppReturnUrl", "APP_RETURN_URL", "verify-code"): URLS,
    ("SenderAddress", "SENDER_ADDRESS", "request-code"): [
        "no-reply@example.com",
        "a@b.xn--p1ai",
        "a@my--shop.co.kr",
        "a@example.c1",
        "a@example.c",
        "a@example.test",
        "a@b-.example.com",
        "a@-b.example.com",
        "a@b..example.com",
        "a@example",
        "a..b@example.com",
        ".a@example.com",
        "a.@example.com",
        "가@example.com",
        "@example.com",
    ],
    ("ProofAudience", "PROOF_AUDIENCE", "verify-code"): ["", "a", "a b", "\x7f", "\u3000", "가", "~" * 256, "a" * 257],
    ("SenderName", "SENDER_NAME", "request-code"): ["", "a", "예시", "a\nb", "\x85", "\x9f", "a" * 64, "a" * 65],
    ("SupportContact", "SUPPORT_CONTACT", "request-code"): ["", "a@example.com", "a\nb", "\x85", "a" * 128, "a" * 129],
    ("TrustedCallers", "TRUSTED_CALLERS", "request-code"): [
        "",
        "0" * 64,
        "aF" * 32,
        "0" * 63,
        "0" * 64 + " only",
        " only",
        "g" * 64,
    ],
    ("BrandColor", "BRAND_COLOR", "request-code"): ["", "#1d4ed8", "#1D4ED8", "1d4ed8", "#1d4ed", "#1d4edg", "red"],
}


def disagreements(parameters):
    """Values on which the pattern of a parameter and the function that reads it do not agree."""
    for (parameter, variable, function), values in EDGES.items():
        pattern = parameters[parameter]["AllowedPattern"]
        for value in values:
            taken = re.fullmatch(pattern, value) is not None
            if taken != (variable not in variables_read(function, {variable: value})):
                yield f"{parameter}: the template {'takes' if taken else 'refuses'} {value!r}, and {function} does not"


def numbers(variables, parameters):
    """The variables that are numbers, each with its parameter and bounds."""
    for variable, value in variables.items():
        parameter = value.get("Ref") if isinstance(value, dict) else None
        bounds = parameters.get(parameter, {})
        if bounds.get("Type") == "Number":
            yield variable, parameter, bounds["MinValue"], bounds["MaxValue"]


def bound_disagreements(resources, parameters):
    """Numbers at the bounds on which template and function do not agree, alone and in pairs."""
    for logical, function in FUNCTIONS.items():
        found = list(numbers(given(resources[logical]), parameters))
        for variable, parameter, least, most in found:
            for number in (least - 1, least, most, most + 1):
                taken = least <= number <= most
                if taken != (variable not in variables_read(function, {variable: str(number)})):
                    does = "takes" if taken else "refuses"
                    yield f"{parameter}: the template {does} {number}, and {function} does not"
        for one, other in itertools.combinations(found, 2):
            for numbers_of_both in itertools.product(one[2:], other[2:]):
                pair = dict(zip((one[0], other[0]), map(str, numbers_of_both), strict=True))
                if refused := variables_read(function, pair) & set(pair):
                    yield f"{function} does not take {pair} together: {', '.join(sorted(refused))}"


def given(function):
    return function["Properties"]["Environment"]["Variables"]


def unread(resources):
    """Variables that a function is given and does not read, or reads and is not given."""
    for logical, function in FUNCTIONS.items():
        has, reads = set(given(resources[logical])), variables_read(function)
        yield from (f"{logical} is given {variable}, which it does not read" for variable in sorted(has - reads))
        yield from (f"{logical} is not given {variable}, which it reads" for variable in sorted(reads - has))


def new_and_required(resources):
    """Variables that are new since the last release, and without which a function does not start.

    CloudFormation changes a function's code and its variables in two calls. Between them the new code would not start.
    """
    git = ["git", "-C", ROOT]
    tag = subprocess.run([*git, "describe", "--tags", "--abbrev=0"], capture_output=True, text=True)
    if tag.returncode:  # Nothing has been released.
        return
    tag = tag.stdout.strip()
    before = subprocess.run([*git, "show", f"{tag}:template.yaml"], capture_output=True, text=True, check=True)
    before = yaml_parse(before.stdout)
    common = before["Globals"]["Function"]["Environment"]["Variables"]
    for logical, function in FUNCTIONS.items():
        old = set(common) | set(given(before["Resources"][logical]))
        for variable in sorted(variables_read(function) - old):
            yield f"{function} does not start without {variable}, which {tag} does not give it: it needs a default"
