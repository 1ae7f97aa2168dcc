# SPDX-License-Identifier: GPL-2.0-or-later
"""A front end of rust-vmm's vhost crate, built from Debian's sources of it, never installed.

In:  the mirror this machine's apt already uses; a cargo of this machine.
Out: the path of lab/rustvmm's program, which plays a small guest for the device of a socket.

Cloud Hypervisor and other hypervisors speak vhost-user by this crate. Debian has it, and none of them.
"""
import shutil
import subprocess
import sys
from pathlib import Path

from lab.cache import ROOT, cached
from lab.newqemu import unpack

SUITES = ("trixie", "sid")
PACKAGE = "librust-vhost-dev"
SOURCE = ROOT / "lab" / "rustvmm"
SOURCES_ARE_HERE = """[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "{folder}/tree/usr/share/cargo/registry"
"""


def missing() -> str | None:
    """What this machine lacks for it; None: nothing."""
    return None if shutil.which("cargo") else "no cargo"


def rust_front(build: Path) -> Path:
    """The program, built below @build."""
    crates = cached("rust", PACKAGE, lambda folder: unpack(PACKAGE, SUITES, folder))
    shutil.copytree(SOURCE, build, dirs_exist_ok=True)
    (build / ".cargo").mkdir(exist_ok=True)
    (build / ".cargo" / "config.toml").write_text(SOURCES_ARE_HERE.format(folder=crates),
                                                  encoding="utf-8")
    subprocess.run(["cargo", "build", "--offline", "--quiet"], cwd=build, check=True,
                   stdout=sys.stderr)
    return build / "target" / "debug" / "front"
