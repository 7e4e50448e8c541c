"""What the checks of this folder share: the workspace as cargo describes it, and how a check ends."""

import json
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@cache
def metadata(*arguments):
    """`cargo metadata` of the lock file, with every feature."""
    command = ["cargo", "metadata", "--locked", "--all-features", "--format-version", "1", *arguments]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def members():
    """The packages of the workspace, in the order of their names."""
    ids = set(metadata()["workspace_members"])
    return sorted((package for package in metadata()["packages"] if package["id"] in ids), key=lambda p: p["name"])


def published():
    """The members that users get."""
    return [package for package in members() if package["publish"] is None]


def features(package):
    """The features of a package that can be built here, by name, in order."""
    # A name that starts with `_` is not to be used by itself.
    names = sorted(feature for feature in package["features"] if not feature.startswith("_"))
    if "native-tls" in names and platform.system() == "Linux" and not has_openssl():
        print(f"SKIPPED {package['name']}, native-tls: no headers of OpenSSL (libssl-dev and pkg-config on Debian)", flush=True)
        names.remove("native-tls")
    return names


@cache
def has_openssl():
    """Whether programs can be built with the OpenSSL of this machine."""
    return shutil.which("pkg-config") is not None and subprocess.run(["pkg-config", "--exists", "openssl"]).returncode == 0


def folder(package):
    """Where the package stands."""
    return Path(package["manifest_path"]).parent


def dependencies(package, *arguments):
    """What a package (`--package NAME`) or the workspace (`--workspace`) is built with, on any platform, itself included.

    `cargo tree` knows which optional packages the features really bring along; `cargo metadata` names too many.
    """
    command = ["cargo", "tree", "--locked", *package, "--target", "all", "--prefix", "none", "--format", "{p}", *arguments]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    by_name = {(package["name"], package["version"]): package for package in metadata()["packages"]}
    found = {tuple(line.replace(" v", " ", 1).split()[:2]) for line in lines if line}
    return [by_name[name] for name in sorted(found)]


def finish(complaints, summary):
    """Ends the check: with its complaints, or with a line that says what it has seen."""
    for complaint in complaints:
        print(f"error: {complaint}")
    if complaints:
        sys.exit(1)
    print(summary)
