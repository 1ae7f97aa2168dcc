# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU 11.1, unpacked with all its libraries into the cache, never installed.

In:  the mirror this machine's apt already uses.
Out: the path of a qemu-system-x86_64 that runs beside the machine's own.

Debian bookworm's QEMU knows no generic vhost-user device. The one of trixie-backports does, and needs
a newer C library, so it is started through its own dynamic linker with its own libraries.
"""
import shutil
import subprocess
import sys
from pathlib import Path

from lab.apt import private_apt
from lab.cache import cached

SUITES = ("trixie", "trixie-backports")
PACKAGE = "qemu-system-x86"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
START = """#!/bin/sh
# QEMU's modules must be of its own build, and are all built in but for displays
here=$(dirname "$0")/tree
export QEMU_MODULE_DIR="$here/none"
exec "$here/{libraries}/ld-linux-x86-64.so.2" --argv0 qemu-system-x86_64 \\
	--library-path "$here/{libraries}" "$here/usr/bin/qemu-system-x86_64" \\
	-L "$here/usr/share/qemu" -L "$here/usr/share/seabios" "$@"
"""


def new_qemu() -> Path:
    """The program, from the cache or from the machine's mirror."""
    return cached("qemu", "11.1", _fetch) / "qemu-system-x86_64"


def unpack(package: str, suites: tuple[str, ...], folder: Path) -> None:
    """Fills @folder/tree with a package of the last of @suites, and all that it needs."""
    apt = private_apt(folder / "apt", *suites)
    subprocess.run(["apt-get", *apt, "-qq", "update"], check=True, stdout=sys.stderr)
    subprocess.run(["apt-get", *apt, "-qq", "-y", "--no-install-recommends", "--download-only",
                    "-t", suites[-1], "install", package], check=True, stdout=sys.stderr)
    for deb in (folder / "apt" / "archives").glob("*.deb"):
        subprocess.run(["dpkg", "-x", deb, folder / "tree"], check=True)
    shutil.rmtree(folder / "apt")


def _fetch(folder: Path) -> None:
    """Fills @folder with tree/ and the script that starts it."""
    unpack(PACKAGE, SUITES, folder)
    start = folder / "qemu-system-x86_64"
    start.write_text(START.format(libraries=LIBRARIES), encoding="utf-8")
    start.chmod(0o755)


if __name__ == "__main__":
    print(new_qemu())
