# SPDX-License-Identifier: GPL-2.0-or-later
"""MOM (oVirt's Memory Overcommitment Manager) as Debian packages it, unpacked and never installed.

In:  the mirror this machine's apt already uses; a libvirtd; what the host looks like.
Out: Mom, a running momd with its example rules and its example settings as packaged.

bookworm has no MOM; trixie's is Python and runs here as it is.
"""
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from lab.apt import private_apt
from lab.cache import cached
from lab.libvirtd import Libvirtd
from lab.process import Process, own_folder

SUITE, PACKAGE = "trixie", "mom"
EXAMPLES = "usr/share/doc/mom/examples"


def mom_tree() -> Path:
    """Where the package is unpacked."""
    return cached("mom", SUITE, _fetch)


def _fetch(folder: Path) -> None:
    apt = private_apt(folder / "apt", SUITE)
    subprocess.run(["apt-get", *apt, "-qq", "update"], check=True, stdout=sys.stderr)
    subprocess.run(["apt-get", *apt, "-qq", "download", PACKAGE], check=True,
                   cwd=folder / "apt", stdout=sys.stderr)
    for deb in (folder / "apt").glob("*.deb"):
        subprocess.run(["dpkg", "-x", deb, folder], check=True)
    shutil.rmtree(folder / "apt")


class Mom:
    """momd, as a context manager."""

    def __init__(self, libvirtd: Libvirtd, prefix: tuple[str, ...] = ()) -> None:
        """@prefix: a command that starts it in another world (lab/hostview.py)."""
        tree = mom_tree()
        self.folder = own_folder("mom")
        self.log = self.folder / "mom.log"
        config = self.folder / "mom.conf"
        packaged = (tree / EXAMPLES / "mom-balloon.conf").read_text(encoding="utf-8")
        # the only two settings that name this machine, and one that the example leaves empty where
        # MOM wants a word
        for key, value in (("libvirt-hypervisor-uri", libvirtd.uri),
                           ("policy", tree / EXAMPLES / "balloon.rules"),
                           ("guest-manager-multi-thread", "true")):
            packaged = packaged.replace(f"\n{key}:\n", f"\n{key}: {value}\n")
        config.write_text(packaged, encoding="utf-8")
        self._argv = [*prefix, "/usr/bin/python3", str(tree / "usr/sbin/momd"), "-c", str(config)]
        self._env = {"PYTHONPATH": str(tree / "usr/lib/python3/dist-packages")}
        self.process: Process | None = None

    def __enter__(self) -> "Mom":
        self.process = Process("momd", self._argv, self.log, env=self._env)
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.stop(signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)
