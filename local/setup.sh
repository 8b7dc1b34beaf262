#!/bin/sh
# Makes the virtual environment with the tools of requirements.txt and the npm packages of package.json, once. With the
# argument `browser` or `bench` it also holds those of requirements-browser.txt or requirements-bench.txt, with `kotlin` the
# compiler of kotlin/package.json. With `mutants` it makes nothing but the tools of `make mutants`, in target/tools.
set -eu
cd "$(dirname "$0")/.."

# Says what is missing, and how to install it: on Debian and Ubuntu, then on macOS.
fail() {
    if [ "$(uname)" = Darwin ]; then how=$3; else how="apt-get install $2"; fi
    printf '%s Install it: %s\n' "$1" "$how" >&2
    exit 1
}

command -v cargo >/dev/null || { echo "cargo is missing. Install Rust: https://rustup.rs" >&2; exit 1; }

if [ "${1-}" = mutants ]; then
    for tool in cargo-mutants@27.1.0 cargo-nextest@0.9.143; do
        if ! grep -qsF "\"${tool%@*} ${tool#*@} (" target/tools/.crates.toml; then
            echo "Compiling $tool into target/tools (minutes, once) …"
            cargo install --quiet --locked --root target/tools "$tool"
        fi
    done
    exit
fi

command -v cc >/dev/null || fail "A C compiler is missing." build-essential "xcode-select --install"
command -v python3 >/dev/null || fail "python3 is missing." "python3 python3-venv" "brew install python"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or later is needed; this is $(python3 --version)." python3 "brew install python"
python3 -c 'import ensurepip' 2>/dev/null || fail "Python's venv is missing." python3-venv "brew install python"

install_npm() {
    rm -rf "$2"
    mkdir "$2"
    cp "$1" "$2/package.json"
    PATH="$PWD/.venv/bin:$PATH" npm install --prefix "$2" --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error >/dev/null
}

wanted() {
    cat local/requirements.txt local/package.json
}

if ! wanted | cmp -s - .venv/installed.txt; then
    echo "Setting up the tools in .venv (a minute, once) …"
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement local/requirements.txt
    install_npm local/package.json .venv/npm
    wanted >.venv/installed.txt
fi

more="local/requirements-${1-}.txt"
if [ -f "$more" ] && ! cmp -s "$more" ".venv/installed-$1.txt"; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$more"
    cp "$more" ".venv/installed-$1.txt"
fi

if [ "${1-}" = kotlin ] && ! cmp -s local/kotlin/package.json .venv/kotlin/installed.json; then
    echo "Setting up the Kotlin compiler in .venv (90 MB, once) …"
    install_npm local/kotlin/package.json .venv/kotlin
    cp local/kotlin/package.json .venv/kotlin/installed.json
fi
