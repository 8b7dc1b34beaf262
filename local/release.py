"""Makes the archives of a release in dist/, one for each architecture: `make release`.

`sam deploy` deploys such an archive as it is. The same commit and the same tools, which its README.md names, give the
same bytes in every folder.
"""

import gzip
import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import uuid
import zipfile
import zlib
from pathlib import Path

from local.ports import Ports
from local.service import ROOT, Failure, Service, exit_status, say

NAME = "email-verification"
FUNCTIONS = ("request-code", "verify-code")
LICENCE_FILE = re.compile(r"(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|UNLICENSE)", re.IGNORECASE)
# Each with Rust's name for it.
TARGETS = {"arm64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}
# The Zig of .venv, whichever other is on the PATH.
ZIG = Path(importlib.util.find_spec("ziglang").origin).with_name("zig")

README = """\
# email-verification {version} for {architecture}

Proves that an email address belongs to the person who typed it into your mobile app. Both Lambda functions are built:
you need the SAM CLI of December 2025 or later and an AWS account's credentials. Put your own address in, and run this
here:

```sh
export AWS_DEFAULT_REGION=ap-northeast-2

cat > parameters.yaml <<'END'
SenderAddress: you@example.com
SenderName: My app
END

sam deploy --parameter-overrides file://parameters.yaml
```

SES mails a link to your address. Open it, and ask for a code, at the output `ApiUrl`:

```sh
curl -i "$API_URL/request-code" -H 'Content-Type: application/json' -d '{{"email": "you@example.com"}}'
```

`docs/deploy.md` of the project goes on from here: your own domain, production, alarms (`operations.yaml`), updates.
`template.yaml` describes every parameter. `sbom.cdx.json` lists what is in the functions (CycloneDX), and
`THIRD-PARTY-LICENSES.txt` has its licences.

`make release` made this archive of {source},
with {tools}. They give the same bytes again.
"""


def environment(**more):
    inherited = Service(Ports()).environment()
    # Cargo would take the first two in place of the flags below. The third is a running service's.
    for name in ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "TMPDIR"):
        inherited.pop(name, None)
    return inherited | more


def output(*command):
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failure(f"`{' '.join(command)}` failed; see above.")
    return done.stdout.strip()


def tools():
    """What decides about the bytes besides the commit."""
    cargo_lambda = re.match(r"cargo-lambda ([\d.]+)", output("cargo", "lambda", "--version")).group(1)
    return (
        f"{output('rustc', '--version')}, cargo-lambda {cargo_lambda}, "
        f"Zig {output(ZIG, 'version')} and zlib {zlib.ZLIB_RUNTIME_VERSION}"
    )


def renamed(metadata):
    """Folders of this machine, each with the name that a binary has in its place: panics say where they happened."""
    crates = {Path(item["manifest_path"]).parent.parent for item in metadata["packages"] if item["source"]}
    commit = re.search(r"^commit-hash: (\w+)$", output("rustc", "--version", "--verbose"), re.MULTILINE).group(1)
    return {
        ROOT: "/email-verification",
        Path(metadata["target_directory"]): "/target",
        # Where the component rust-src is installed. Without it Rust's own sources have this name already.
        Path(output("rustc", "--print", "sysroot"), "lib/rustlib/src/rust"): f"/rustc/{commit}",
        **dict.fromkeys(crates, "/crates"),
    }


def compile_functions(architecture):
    """The binaries of both functions, by their names."""
    metadata = json.loads(output("cargo", "metadata", "--locked", "--format-version", "1"))
    names = renamed(metadata)
    flags = [f"--remap-path-prefix={folder}={name}" for folder, name in names.items()]
    command = ["cargo", "lambda", "build", "--release", "--locked", "--target", TARGETS[architecture]]
    for function in FUNCTIONS:
        command += ["--package", function]
    # Not by RUSTFLAGS, which would replace cargo-lambda's own flags.
    command += ["--config", f"build.rustflags={json.dumps(flags)}"]
    if subprocess.run(command, cwd=ROOT, env=environment(CARGO_ZIGBUILD_ZIG_PATH=str(ZIG))).returncode:
        raise Failure("`cargo lambda build` failed; see above.")
    built = Path(metadata["target_directory"], "lambda")
    binaries = {function: (built / function / "bootstrap").read_bytes() for function in FUNCTIONS}
    for function, binary in binaries.items():
        if left := [str(folder) for folder in names if str(folder).encode() in binary]:
            raise Failure(f"{function} names folders of this machine: {', '.join(left)}.")
    return binaries


def zipped(binary):
    """The code of a function. With no time in it, a deploy of the same binary changes nothing."""
    item = zipfile.ZipInfo("bootstrap")
    item.create_system, item.external_attr = 3, 0o100755 << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(item, binary, zipfile.ZIP_DEFLATED, 9)
    return file.getvalue()


def replaced(text, pattern, by, times):
    text, found = re.subn(pattern, by, text)
    if found != times:
        raise Failure(f"template.yaml: expected {times} places that match {pattern!r}, found {found}.")
    return text


def template(architecture):
    """template.yaml with the built functions in place of their sources. It takes its own architecture alone."""
    text = (ROOT / "template.yaml").read_text()
    text = replaced(text, r" +Metadata:\n +BuildMethod: rust-cargolambda\n", "", 2)
    text = replaced(text, r"CodeUri: functions/(request-code|verify-code)\n", r"CodeUri: \1.zip\n", 2)
    parameter = (
        f"\\1    Description: Processor of the functions. Those of this archive are built for {architecture}.\n"
        f"    Default: {architecture}\n    AllowedValues: [{architecture}]\n"
    )
    rest = r"    Description: >-\n(?:      .*\n)+    Default: .*\n    AllowedValues: .*\n"
    return replaced(text, rf"(  Architecture:\n    Type: String\n){rest}", parameter, 1)


def crates(architecture):
    """The crates in both functions: depth in the tree, name, version and licence of each.

    They are those of `cargo tree`. What reads `cargo metadata`, as cargo-cyclonedx does, adds crates that only the
    tests use, such as ring.
    """
    command = ["cargo", "tree", "--locked", "--target", TARGETS[architecture], "--edges", "normal,no-proc-macro"]
    for function in FUNCTIONS:
        command += ["--package", function]
    # The second time that a crate is named, it has no lines below.
    for line in filter(None, output(*command, "--prefix", "depth", "--format", "|{p}|{l}|").splitlines()):
        depth, crate, licence, _ = line.split("|")
        yield int(depth), crate.split()[0], crate.split()[1].removeprefix("v"), re.sub(r" ?/ ?", " OR ", licence)


def licences(architecture):
    """The licences of the crates, each text once: most have to go along with what was compiled of the crate."""
    packages = json.loads(output("cargo", "metadata", "--locked", "--format-version", "1"))["packages"]
    folders = {(item["name"], item["version"]): Path(item["manifest_path"]).parent for item in packages}
    ours = {item["name"] for item in packages if not item["source"]}
    whose, without = {}, []
    for crate, number, licence in sorted({entry[1:] for entry in crates(architecture)}):
        if crate not in ours:
            files = [path for path in sorted(folders[crate, number].iterdir()) if LICENCE_FILE.match(path.name)]
            for text in dict.fromkeys(path.read_text(errors="replace").strip() for path in files if path.is_file()):
                whose.setdefault(text, []).append(f"{crate} {number}")
            without += [] if files else [f"{crate} {number}: {licence}"]
    parts = ["Both functions are compiled of these crates, and of Rust's standard library (MIT OR Apache-2.0)."]
    parts += ["Crates that name their licence and carry no text of it:\n\n" + "\n".join(without)]
    parts += [f"{', '.join(names)}\n\n{text}" for text, names in whose.items()]
    return ("\n\n" + "-" * 80 + "\n\n").join(parts) + "\n"


def sbom(architecture, version):
    """The crates, in CycloneDX. It names no time, so that it is the same again."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(item["name"], item["version"]): item.get("checksum") for item in lock}
    components, needs, above = {}, {NAME: set()}, [NAME]
    for depth, crate, number, licence in crates(architecture):
        kind = "application" if crate in FUNCTIONS else "library"
        component = {"type": kind, "bom-ref": f"{crate}@{number}", "name": crate, "version": number}
        component["licenses"] = [{"expression": licence}]
        if checksum := checksums[crate, number]:
            component |= {"purl": f"pkg:cargo/{crate}@{number}", "hashes": [{"alg": "SHA-256", "content": checksum}]}
        reference = component["bom-ref"]
        components[reference] = component
        del above[depth + 1 :]
        needs[above[-1]].add(reference)
        needs.setdefault(reference, set())
        above.append(reference)
    whole = {"type": "application", "bom-ref": NAME, "name": NAME, "version": version}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": whole | {"licenses": [{"expression": "MIT"}]}},
        "components": [component for _, component in sorted(components.items())],
        "dependencies": [{"ref": name, "dependsOn": sorted(below)} for name, below in sorted(needs.items())],
    }
    # GitHub signs none without a serial number. This one follows from the rest.
    document["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(document)).urn
    return json.dumps(document, indent=1) + "\n"


def packed(folder, seconds):
    """The archive of a folder, whose files are all of that time."""
    archive = folder.with_name(f"{folder.name}.tar.gz")
    with (
        open(archive, "wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as gz,
        tarfile.open(fileobj=gz, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path in sorted(folder.iterdir()):
            item = tarfile.TarInfo(f"{folder.name}/{path.name}")
            item.size, item.mtime = path.stat().st_size, seconds
            tar.addfile(item, io.BytesIO(path.read_bytes()))
    return archive


def make(architecture, dist, source="a folder as it was", seconds=0):
    """Makes a folder and its archive in `dist`, and returns the archive. Its files are of that time."""
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    folder = dist / f"{NAME}-{version}-{architecture}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say(f"Building both functions for {architecture} (some minutes) …")
    files = {f"{function}.zip": zipped(binary) for function, binary in compile_functions(architecture).items()}
    texts = {
        "README.md": README.format(version=version, architecture=architecture, source=source, tools=tools()),
        "THIRD-PARTY-LICENSES.txt": licences(architecture),
        "sbom.cdx.json": sbom(architecture, version),
        "template.yaml": template(architecture),
    }
    files |= {name: text.encode() for name, text in texts.items()}
    files |= {name: (ROOT / name).read_bytes() for name in ("LICENSE", "operations.yaml", "samconfig.toml")}
    sums = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())]
    files["SHA256SUMS"] = "".join(sums).encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    archive = packed(folder, seconds)
    for path in (*sorted(folder.glob("*.zip")), archive):
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.stat().st_size / 1e6:.2f} MB  {path.name}")
    return archive


def main():
    commit, seconds = output("git", "log", "-1", "--format=%H %ct").split()
    source = f"the commit {commit}"
    if changed := output("git", "status", "--porcelain"):
        if not os.environ.get("DIRTY"):
            raise Failure(
                f"This is not committed:\n{changed}\n"
                "So nobody could make the same archive of the commit that it names. "
                "Commit it, or try it with DIRTY=1."
            )
        source += " and what was not committed"
    for architecture in TARGETS:
        make(architecture, ROOT / "dist", source, int(seconds))


if __name__ == "__main__":
    sys.exit(exit_status(main))
