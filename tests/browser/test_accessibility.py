"""Every email and page that the example `render` writes, in each language, light and dark: axe-core finds nothing. Of a
code also what a screen reader gets, as far as the accessibility tree in Chromium shows it.
"""

import os
from pathlib import Path

import pytest

from local.service import ROOT

AXE = ROOT / ".venv/npm/node_modules/axe-core/axe.min.js"
FILES = sorted(Path(os.environ["RENDERED"]).glob("*.html")) if "RENDERED" in os.environ else []
MAILS = [file for file in FILES if file.stem.startswith("mail")]
# An email stands in the page of a mail client, which has the landmarks and headings.
OF_A_WHOLE_PAGE = {"region", "landmark-one-main", "page-has-heading-one"}


def test_there_are_emails_and_pages():
    assert len(FILES) > 50


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_axe_finds_no_violation(browser, file, scheme):
    with browser.new_context(color_scheme=scheme, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.set_content(file.read_text())
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run()")["violations"]
    expected = OF_A_WHOLE_PAGE if file.stem.startswith("mail") else set()
    violations = [(violation["id"], violation["nodes"][0]["html"]) for violation in found]
    assert [violation for violation in violations if violation[0] not in expected] == []


def accessible(page):
    """Role, name and parent's id of what the accessibility tree shows, by its id."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    return {
        node["nodeId"]: (node["role"]["value"], node.get("name", {}).get("value"), node.get("parentId"))
        for node in nodes
        if not node["ignored"]
    }


@pytest.mark.parametrize("file", MAILS, ids=lambda file: file.stem)
def test_a_screen_reader_gets_the_code_digit_by_digit_and_whoever_copies_it_gets_it_whole(browser, file):
    subject, _, code, *_ = file.with_suffix(".txt").read_text().splitlines()
    assert code.isdigit() and code in subject
    with browser.new_context() as context:
        page = context.new_page()
        page.set_content(file.read_text())
        tree = accessible(page)
        page.locator(".code").dblclick()
        copied = page.evaluate("getSelection().toString()")
    (spelled,) = (id for id, (role, _, _) in tree.items() if role == "group")
    assert tree[spelled][1] == " ".join(code)
    texts = [(name, parent) for role, name, parent in tree.values() if role == "StaticText"]
    # The preview, which has the code as well, is not read.
    assert [text for text in texts if code in text[0]] == [(code, spelled)]
    assert copied == code
