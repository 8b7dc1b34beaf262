"""Backends that verify proofs with the snippets of docs/backend.md, as they stand there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# Each reads tokens from standard input. For each token it prints the address that it proves, or why it is refused.
PYTHON = """
import json, sys
from snippet import proven_address

used = set()

def use_once(claims):
    return claims["jti"] not in used and not used.add(claims["jti"])

def check(token):
    try:
        return {"email": proven_address(token, use_once)}
    except Exception as error:
        return {"refused": f"{type(error).__name__}: {error}"}

print(json.dumps([check(token) for token in json.load(sys.stdin)]))
"""
NODE = """
import { readFileSync } from "node:fs";
import { provenAddress } from "./snippet.mjs";

const used = new Set();
const useOnce = async ({ jti }) => !used.has(jti) && Boolean(used.add(jti));
const responses = [];
for (const token of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    responses.push({ email: await provenAddress(token, useOnce) });
  } catch (error) {
    responses.push({ refused: `${error.code ?? error.name}: ${error.message}` });
  }
}
console.log(JSON.stringify(responses));
"""


def snippet(language):
    """The one block of code in that language."""
    text = (ROOT / "docs" / "backend.md").read_text()
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return code


class Backend:
    """A backend in one language. It remembers the ids it has seen during one call of `check`."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        if name == "python":
            (folder / "snippet.py").write_text(snippet("python"))
            (folder / "main.py").write_text(PYTHON)
            self.command = [sys.executable, "main.py"]
        else:
            (folder / "snippet.mjs").write_text(snippet("js"))
            (folder / "main.mjs").write_text(NODE)
            # Where local/setup.sh puts them.
            (folder / "node_modules").symlink_to(ROOT / ".venv" / "npm" / "node_modules")
            self.command = [str(ROOT / ".venv" / "bin" / "node"), "main.mjs"]

    def check(self, *tokens, issuer, audience):
        """For each token the address that it proves, or why it is refused."""
        done = self.run(tokens, {"PROOF_ISSUER": issuer, "PROOF_AUDIENCE": audience})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def run(self, tokens, variables):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PROOF_")} | variables
        return subprocess.run(
            self.command,
            cwd=self.folder,
            env=environment,
            input=json.dumps(tokens),
            capture_output=True,
            text=True,
            timeout=60,
        )
