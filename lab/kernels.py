# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's cloud kernels, downloaded and unpacked, never installed.

In:  a series ("6.1") and the mirror this machine's apt already uses.
Out: Kernel(series, release, vmlinuz, modules), kept in the cache.
"""
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lab import debug_kernel
from lab.apt import private_apt
from lab.cache import cached

PARTS = re.compile(r"linux-(image|binary|modules|base)-\d\S*$")


@dataclass(frozen=True)
class Source:
    """A suite, and the package of it that always depends on the newest kernel of the series."""

    suite: str
    meta: str = "linux-image-cloud-amd64"


SERIES = {
    "5.10": Source("bullseye-security"),
    "6.1": Source("bookworm"),
    "6.12": Source("bookworm-security", "linux-image-6.12-cloud-amd64"),
    "7": Source("trixie-backports"),
}


@dataclass(frozen=True)
class Kernel:
    series: str
    release: str
    vmlinuz: Path
    modules: Path


def kernel(series: str) -> Kernel:
    """The newest kernel of @series, from the cache or from the machine's mirror."""
    if series == debug_kernel.SERIES:
        place = debug_kernel.debug_kernel()
    elif series in SERIES:
        place = cached("kernels", series, lambda folder: _fetch(SERIES[series], folder))
    else:
        raise ValueError(f"no kernel series {series!r}; known: {', '.join(SERIES)}, "
                         f"{debug_kernel.SERIES}")
    modules = next((place / "modules").iterdir())
    return Kernel(series, modules.name, place / "vmlinuz", modules)


def _fetch(source: Source, folder: Path) -> None:
    """Fills @folder with vmlinuz and modules/RELEASE/."""
    apt = private_apt(folder / "apt", source.suite)
    subprocess.run(["apt-get", *apt, "-qq", "update"], check=True, stdout=sys.stderr)
    debs, tree = folder / "debs", folder / "tree"
    debs.mkdir()
    names = _kernel_parts(apt, source.meta)
    subprocess.run(["apt-get", *apt, "-qq", "download", *names], check=True, cwd=debs,
                   stdout=sys.stderr)
    for deb in debs.iterdir():
        subprocess.run(["dpkg", "-x", deb, tree], check=True)
    release = _only(list(tree.glob("lib/modules/*")) + list(tree.glob("usr/lib/modules/*")))
    image = _only(list(tree.glob("boot/vmlinuz-*"))
                  or list(tree.glob("usr/lib/modules/*/vmlinuz")))
    (folder / "modules").mkdir()
    image.rename(folder / "vmlinuz")
    release.rename(folder / "modules" / release.name)
    for scrap in (folder / "apt", debs, tree):
        shutil.rmtree(scrap)


def _kernel_parts(apt: list[str], meta: str) -> list[str]:
    """The packages that hold the kernel itself: one, or the split ones of newer releases."""
    todo, found = [meta], []
    while todo:
        shown = subprocess.run(["apt-cache", *apt, "show", "--no-all-versions", todo.pop()],
                               check=True, capture_output=True, text=True).stdout
        for line in re.findall(r"^(?:Pre-)?Depends: (.*)$", shown, re.MULTILINE):
            for name in re.findall(r"[a-z0-9][a-z0-9+.-]+(?=[ ,]|$)", line):
                if PARTS.match(name) and name not in found:
                    found.append(name)
                    todo.append(name)
    if not found:
        raise RuntimeError(f"{meta} depends on no kernel image")
    return found


def _only(paths: list[Path]) -> Path:
    if len(paths) != 1:
        raise RuntimeError(f"expected one kernel in the package, found {[p.name for p in paths]}")
    return paths[0]


if __name__ == "__main__":
    for wanted in sys.argv[1:] or ("6.1", "6.12"):
        print(kernel(wanted))
