# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages of other suites, without any change to the machine.

In:  suites, and the mirror this machine's apt already uses.
Out: options of an apt with a root of its own (sources, lists, state).
"""
import os
import subprocess
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def mirror(suite: str) -> str:
    """The address this machine's apt uses for Debian, or for its security updates."""
    out = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"],
        check=True, capture_output=True, text=True).stdout
    known = [line.split(" ", 1) for line in out.splitlines() if " " in line]
    security = [uri for release, uri in known if release.endswith("-security")]
    plain = [uri for release, uri in known if not release.endswith("-security")]
    if suite.endswith("-security"):
        # the two lie side by side on every mirror that has both
        security += [uri.rstrip("/") + "-security/" for uri in plain]
        found = security
    else:
        found = plain
    if not found:
        raise RuntimeError("apt knows no Debian mirror here: is there a sources.list, "
                           "and was `apt-get update` run?")
    return found[0]


def private_apt(root: Path, *suites: str, foreign: str = "") -> list[str]:
    """Options that make apt resolve for an empty machine below @root, with @suites in its sources.

    With @foreign it knows the packages of that architecture too, as NAME:ARCH.
    """
    known = f"amd64,{foreign}" if foreign else "amd64"
    for sub in ("lists/partial", "archives/partial"):
        (root / sub).mkdir(parents=True)
    (root / "status").touch()
    (root / "sources.list").write_text("".join(
        f"deb [arch={known} signed-by={KEYRING}] {mirror(suite)} {suite} main\n"
        for suite in suites), encoding="utf-8")
    options = {
        "Dir::Etc::sourcelist": root / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": root,
        "Dir::State::lists": root / "lists",
        "Dir::State::status": root / "status",
        "Dir::Cache": root,
        "Dir::Cache::archives": root / "archives",
        "Acquire::Languages": "none",
        "APT::Architecture": "amd64",
        "APT::Architectures": known,
        "APT::Sandbox::User": "root" if os.getuid() == 0 else "",
    }
    return [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
