"""Chromium, to see emails and pages as people see them. Playwright drives it; the browser is the system's own."""

import contextlib
import os
import shutil
import subprocess

from playwright.sync_api import sync_playwright

from local.service import ROOT, Failure
from local.system import install

NAMES = ("chromium", "chromium-browser", "google-chrome")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
PACKAGES = ["chromium", "fonts-noto-cjk"]


def installed():
    """The path of a browser, or None."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, (*NAMES, MAC))), None)


def find():
    """The path of a browser. Debian's is installed if there is none."""
    if installed() is None:
        install("Chromium", PACKAGES, "Elsewhere set CHROMIUM to the path of a Chromium or Chrome.")
    return installed()


@contextlib.contextmanager
def browser():
    """A headless browser."""
    path = find()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--disable-quic"])
        try:
            yield launched
        finally:
            launched.close()


def render(folder):
    """Writes every email and page, in each language, into a folder."""
    command = ["cargo", "run", "--quiet", "--locked", "--package", "verification", "--example", "render", folder]
    if subprocess.run([str(part) for part in command], cwd=ROOT).returncode:
        raise Failure("The emails and pages were not written; see above.")
