# SPDX-License-Identifier: GPL-2.0-or-later
"""A root to install packages in: this machine's files, and whatever is written is thrown away.

In:  kernels of the laboratory, with their headers.
Out: run(): a command in that root.

An overlay of / with its writable layer in memory, in a mount namespace of its own, which ends with
the process that holds it. The machine itself is never written to.
"""
import subprocess
import tempfile
from pathlib import Path

from lab.headers import headers
from lab.kernels import kernel

HOLD = """
mount -t tmpfs -o mode=755 overlay "$1" && cd "$1" && mkdir up work root &&
mount -t overlay -o lowerdir=/,upperdir=up,workdir=work overlay root &&
mount -t proc proc root/proc && mount --rbind /dev root/dev && echo ready && exec cat
"""


class Root:
    """As a context manager; its kernels are installed as far as modules and DKMS know."""

    def __init__(self, *series: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ballonet-lab-root-"))
        self._series = series
        self._holder: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Root":
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", HOLD, "sh", self._folder], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self._holder.stdout.readline() != "ready\n":
            self.close()
            raise RuntimeError("no root to install in: overlay file systems cannot be mounted here")
        for series in self._series:
            self.add_kernel(series)
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._holder.stdin.close()
        self._holder.wait()
        self._folder.rmdir()

    def add_kernel(self, series: str) -> str:
        """Puts the modules and the headers where their packages would; returns the release."""
        found = kernel(series)
        place = f"/lib/modules/{found.release}"
        self.run("mkdir", "-p", place)
        self.run("cp", "-a", f"{found.modules}/.", place)
        self.run("ln", "-sfn", headers(series), f"{place}/build")
        self.run("depmod", found.release)
        return found.release

    def run(self, *argv: object) -> str:
        """What the command says; RuntimeError with all of it when it fails."""
        done = subprocess.run(
            ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "chroot",
             self._folder / "root", *map(str, argv)], text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, argv))}: {done.returncode}:\n{done.stdout}")
        return done.stdout

    def read(self, path: str) -> bytes:
        return Path(f"/proc/{self._holder.pid}/root{self._folder}/root{path}").read_bytes()
