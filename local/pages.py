"""Writes the files of docs/ that are made from other files. With `--check`, says which of them are out of date."""

import sys

from local import api_page, deployer_policy, parameters_page
from local.service import ROOT

PAGES = {
    "api.md": ("openapi.yaml", api_page.page),
    "parameters.md": ("template.yaml and operations.yaml", parameters_page.page),
    "deployer-policy.json": ("template.yaml and operations.yaml", deployer_policy.page),
}


def main():
    outdated = False
    for name, (source, page) in PAGES.items():
        path = ROOT / "docs" / name
        if sys.argv[1:] != ["--check"]:
            path.write_text(page())
        elif not path.exists() or path.read_text() != page():
            print(f"docs/{name} does not fit {source}: run `make pages`", file=sys.stderr)
            outdated = True
    return outdated


if __name__ == "__main__":
    sys.exit(main())
