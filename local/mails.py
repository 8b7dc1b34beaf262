"""Checks every email: whether mail clients support what it cannot do without, and whether SpamAssassin gives it points.

The code must be readable, the link must open, and the text must stand in its order and language. Looks may be missing.
What a client supports in part passes: caniemail counts a notice about other values than the email's as part.
"""

import json
import subprocess
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from local import chromium, spam
from local.service import ROOT, TOOLS, Failure, say

# Outlook on Windows and Windows Mail.
OUTLOOK = "outlook.windows*"
# What a client may do without, which clients, and why the email is fine then. A new line needs such a reason.
MAY_BE_MISSING = [
    ("<body> element", "outlook.*", "the table in it has the same background"),
    ("<style> element", "gmail.mobile-webmail", "it has nothing but dark mode; the rest stands inline"),
    ("@media", "gmail.mobile-webmail", "it has nothing but dark mode"),
    ("@media", OUTLOOK, "it has nothing but dark mode"),
    ("color-scheme CSS property", "*", "a client that darkens by itself changes text and background together"),
    ("color-scheme meta tag", "*", "the same"),
    ("display:none", "gmail.mobile-webmail", "max-height and overflow hide the preview"),
    ("opacity", "gmail.mobile-webmail", "max-height and overflow hide the preview"),
    ("opacity", OUTLOOK, "display:none hides the preview"),
    ("overflow", OUTLOOK, "display:none hides the preview"),
    ("overflow", "outlook.android", "display:none hides the preview"),
    ("max-height property", OUTLOOK, "display:none hides the preview"),
    ("max-width", "outlook.windows", "the card is as wide as the window"),
    ("background", "outlook.windows-mail", "caniemail takes background-color for it, which is supported"),
    ("border-radius", OUTLOOK, "the corners are square"),
    ("system-ui, ui-serif, ui-sans-serif, ui-rounded, ui-monospace", OUTLOOK, "other fonts follow, Consolas for one"),
    ("word-break", "outlook.windows-mail", "Korean lines may break within a word"),
    ("overflow-wrap", "gmail.*", "one scrolls to a name or contact wider than the screen; the code is not"),
    ("overflow-wrap", "outlook.*", "the same"),
    ("white-space", OUTLOOK, "the code has no space to break at, and fits into 320px"),
    ("white-space", "samsung-email.android", "the same"),
    ("target attribute", "gmail.*", "every link opens in a new window"),
    ("target attribute", "outlook.*", "every link opens in a new window"),
    ("role attribute", "outlook.windows-mail", "the tables hold one cell in a row, so they are read in order"),
    ("aria-label attribute", "outlook.windows-mail", "the code itself is read"),
]


def unsupported(mails):
    """What caniemail finds: a list of {file, feature, client}."""
    with open(ROOT / "local" / "mail_clients.mjs") as script:
        done = subprocess.run(
            [TOOLS / "node", "--input-type=module", "-", *mails],
            stdin=script,
            stdout=subprocess.PIPE,
            # A script from stdin looks for packages from here.
            cwd=ROOT / ".venv" / "npm",
        )
    if done.returncode:
        raise Failure("caniemail failed; see above.")
    return json.loads(done.stdout)


def faults_in_clients(mails):
    """What is missing somewhere and may not be, and which lines of the list above are no longer true."""
    found = unsupported(mails)
    missing, used = {}, set()
    for issue in found:
        feature, client = issue["feature"], issue["client"]
        allowed = {line for line in MAY_BE_MISSING if line[0] == feature and fnmatch(client, line[1])}
        used |= {line[:2] for line in allowed}
        if not allowed:
            missing.setdefault(f"{Path(issue['file']).name}: {feature} is not supported by", set()).add(client)
    features = {issue["feature"] for issue in found}
    say(f"{len(mails)} emails in mail clients: {len(features)} features are missing in one or another.")
    faults = [f"{start} {', '.join(sorted(clients))}" for start, clients in missing.items()]
    for feature, clients, _ in MAY_BE_MISSING:
        if (feature, clients) not in used:
            faults.append(f"local/mails.py: no email lacks {feature} in {clients}. Take the line away.")
    return faults


def main():
    try:
        spam.install()
        with tempfile.TemporaryDirectory() as folder:
            chromium.render(folder)
            mails = sorted(Path(folder).glob("mail-*.html"))
            faults = faults_in_clients(mails) + spam.faults(mails)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    for fault in faults:
        print(fault, file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
