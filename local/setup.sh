#!/bin/sh
# Makes the virtual environment with the tools of requirements.txt and the npm packages of package.json, once. With the
# argument `browser` it also holds those of requirements-browser.txt.
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

wanted() {
    cat local/requirements.txt local/package.json
}

if ! wanted | cmp -s - .venv/installed.txt; then
    echo "Setting up the tools in .venv (a minute, once) …"
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement local/requirements.txt
    mkdir .venv/npm
    cp local/package.json .venv/npm
    PATH="$PWD/.venv/bin:$PATH" npm install --prefix .venv/npm --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error >/dev/null
    wanted >.venv/installed.txt
fi

if [ "${1-}" = browser ] && ! cmp -s local/requirements-browser.txt .venv/installed-browser.txt; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement local/requirements-browser.txt
    cp local/requirements-browser.txt .venv/installed-browser.txt
fi
