"""Every email and page that the example `render` writes, in each language, light and dark: axe-core finds nothing."""

import os
from pathlib import Path

import pytest

from local.service import ROOT

AXE = ROOT / ".venv/npm/node_modules/axe-core/axe.min.js"
FILES = sorted(Path(os.environ["RENDERED"]).glob("*.html")) if "RENDERED" in os.environ else []
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
