"""Draws every email and every page into docs/images: in each language, at three widths, light, dark, and without
`<style>`, as some email clients show it."""

import re
import sys
import tempfile
from pathlib import Path

from local import chromium
from local.service import ROOT, Failure, say

IMAGES = ROOT / "docs" / "images"
WIDTHS = (320, 390, 1280)


def draw(browser, files):
    """One picture for each file, width and look. Says which ones scroll sideways."""
    too_wide = []
    for width in WIDTHS:
        for look in ("light", "dark", "unstyled"):
            scheme = "dark" if look == "dark" else "light"
            with browser.new_context(viewport={"width": width, "height": 200}, color_scheme=scheme) as context:
                page = context.new_page()
                for file in files:
                    html = file.read_text()
                    if look == "unstyled":
                        html = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
                    page.set_content(html)
                    name = f"{file.stem}-{width}-{look}.png"
                    page.screenshot(path=IMAGES / name, full_page=True)
                    # A browser never drops the style of a page; an email client may drop an email's.
                    must_fit = look != "unstyled" or file.stem.startswith("mail")
                    if must_fit and page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                        too_wide.append(name)
    return too_wide


def main():
    try:
        IMAGES.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder, chromium.browser() as browser:
            chromium.render(folder)
            too_wide = draw(browser, sorted(Path(folder).glob("*.html")))
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    for name in too_wide:
        print(f"wider than the screen: {name}", file=sys.stderr)
    say(f"docs/images has {len(list(IMAGES.glob('*.png')))} pictures.")
    return bool(too_wide)


if __name__ == "__main__":
    sys.exit(main())
