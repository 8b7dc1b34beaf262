"""Checks the links between the project's own documents: that the file is there, and the heading."""

import re
import subprocess
import sys

from local.service import ROOT


def prose(path):
    return re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)


def anchors(path):
    """The anchors that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def main():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = [(name, link) for name in listed.stdout.split() for link in dead_links(ROOT / name)]
    for name, link in found:
        print(f"{name}: {link} leads nowhere", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
