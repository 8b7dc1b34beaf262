#!/bin/sh
# Makes the virtual environment with the tools of requirements.txt, once.
set -eu
cd "$(dirname "$0")/.."

fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

command -v cargo >/dev/null || fail "cargo is missing. Install Rust: https://rustup.rs"
command -v cc >/dev/null || fail "A C compiler is missing. On Debian and Ubuntu: apt-get install build-essential"
command -v python3 >/dev/null || fail "python3 is missing. On Debian and Ubuntu: apt-get install python3 python3-venv"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or later is needed; this is $(python3 --version)."
python3 -c 'import ensurepip' 2>/dev/null || fail "Python's venv is missing. On Debian and Ubuntu: apt-get install python3-venv"

if cmp -s local/requirements.txt .venv/installed.txt; then
    exit 0
fi
echo "Setting up the tools in .venv (a minute, once) …"
rm -rf .venv
python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement local/requirements.txt
cp local/requirements.txt .venv/installed.txt
