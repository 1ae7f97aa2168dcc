# SPDX-License-Identifier: GPL-2.0-or-later
"""What a module is built with: the headers of a laboratory kernel, unpacked and never installed.

In:  a series, as lab/kernels.py knows it.
Out: the folder for `make -C`, kept in the cache; module(series) builds guest/ and gives ballonet.ko.

Debian's header packages expect to lie in /usr/src. Here their Makefiles find each other by their own
place, `vmlinux` is dropped (it asks for pahole, and nothing of ours needs BTF), and a tool that was
linked with a newer C library than this machine's gets that library beside it.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import debug_kernel
from lab.apt import private_apt
from lab.cache import BUILD, ROOT, cached, locked
from lab.kernels import SERIES, kernel

GUEST = ROOT / "guest"
PATCHES = ROOT / "lab" / "patches"
SHARED = ROOT / "include" / "ballonet"
PART = re.compile(r"linux-(?:headers|kbuild)-[\w.+-]+")
# a line of sparse or gcc about a file; kbuild's own words about pahole and BTF are none
FINDING = re.compile(r"\.[ch]:\d+:\d+: (warning|error)")
# whose C library runs the tools of a suite that this machine's cannot
LIBC_SUITE = {"trixie-backports": "trixie", "trixie": "trixie"}
NEWER_TOOLS = ("usr/lib/linux-kbuild-*/tools/objtool/objtool.real-x86",
               "usr/lib/linux-kbuild-*/scripts/mod/modpost.real-*")
# what the packages were built with is not always here; one compiler serves all
MAKE = ("CC=gcc", "HOSTCC=gcc", "CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=")


def headers(series: str) -> Path:
    """The build folder of the kernel that lab/kernels.py boots for @series."""
    release = kernel(series).release
    if series == debug_kernel.SERIES:
        return debug_kernel.debug_kernel() / "build"
    place = cached("headers", f"{series}-{release}",
                   lambda folder: fetch_headers(SERIES[series].suite, f"linux-headers-{release}",
                                                folder))
    return place / "usr" / "src" / f"linux-headers-{release}"


def module(series: str, sparse: bool = False, source: Path = GUEST, name: str = "ballonet",
           patch: str = "", build: Path | None = None, variant: str = "",
           make: tuple[str, ...] = ()) -> Path:
    """NAME.ko for @series, built below build/guest/ from what @source holds now.

    With @patch, from a copy to which lab/patches/@patch.patch is applied; with @build, against
    other headers than those of @series, which @variant names. @make is more of the make line.
    """
    folder = BUILD / "guest" / "-".join(filter(None, (name, series, patch, variant)))
    with locked(folder.with_name(f".{folder.name}.lock")):
        if patch:
            with tempfile.TemporaryDirectory(prefix="ballonet-lab-") as copy:
                _copy_sources(source, Path(copy))
                subprocess.run(["patch", "-d", copy, "-p1", "-s", "-i",
                                PATCHES / f"{patch}.patch"], check=True)
                _copy_sources(Path(copy), folder)
        else:
            _copy_sources(source, folder)
        check = ("C=2", "CF=-D__CHECK_ENDIAN__") if sparse else ()
        done = subprocess.run(
            ["make", "-C", build or headers(series), f"M={folder}", *MAKE, *make, *check, "W=1",
             "KCFLAGS=-Werror", "modules"], capture_output=True, text=True)
        log = done.stdout + done.stderr
        (folder / "build.log").write_text(log, encoding="utf-8")
        if done.returncode != 0:
            raise RuntimeError(f"{name}.ko does not build on {series}:\n{log[-4000:]}")
        found = [line for line in log.splitlines() if FINDING.search(line)]
        if sparse and found:
            raise RuntimeError(f"sparse has found something on {series}:\n" + "\n".join(found))
    return folder / f"{name}.ko"


def _copy_sources(source: Path, folder: Path) -> None:
    """Brings @folder up to date; a file that has not changed keeps its time, so make is quick."""
    wanted = {path.name: path for path in source.iterdir()
              if path.suffix in (".c", ".h") or path.name == "Kbuild"}
    for name, path in (*wanted.items(),
                       *((f"ballonet/{path.name}", path) for path in SHARED.glob("*.h"))):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != path.read_bytes():
            shutil.copyfile(path, target)
    for stale in folder.glob("*.[ch]"):
        if stale.name not in wanted and not stale.name.endswith(".mod.c"):
            stale.unlink()


def foreign_headers(arch: str, suite: str, package: str) -> Path:
    """The build folder of @package of another architecture, with tools that run on this machine."""
    place = cached("headers", package, lambda folder: fetch_headers(suite, package, folder, arch))
    return next(path for path in place.glob("usr/src/linux-headers-*")
                if not path.name.endswith("-common"))


def fetch_headers(suite: str, package: str, folder: Path, foreign: str = "") -> None:
    """Fills @folder with usr/src and usr/lib of the header packages."""
    scrap = folder / "scrap"
    _unpack(suite, scrap, folder, package, foreign)
    for makefile in folder.glob("usr/src/linux-headers-*/Makefile"):
        text = makefile.read_text(encoding="utf-8")
        if len(text) < 1000:  # the stub that names its place, not the kernel's own
            makefile.write_text(text.replace(
                "/usr/src/", "$(dir $(realpath $(firstword $(MAKEFILE_LIST))))../"),
                encoding="utf-8")
    for vmlinux in folder.glob("usr/src/*/vmlinux"):
        vmlinux.unlink()
    if suite in LIBC_SUITE:
        _unpack(LIBC_SUITE[suite], scrap, folder / "libc", "libc6")
        for tool in (tool for name in NEWER_TOOLS for tool in folder.glob(name)):
            _run_with(tool, next((folder / "libc").rglob("ld-linux-x86-64.so.2")))
    shutil.rmtree(scrap, ignore_errors=True)


def _unpack(suite: str, scrap: Path, folder: Path, package: str, foreign: str = "") -> None:
    """Downloads @package with the header parts it depends on, and unpacks all into @folder."""
    shutil.rmtree(scrap, ignore_errors=True)
    apt = private_apt(scrap / "apt", suite, foreign=foreign)
    subprocess.run(["apt-get", *apt, "-qq", "update"], check=True, stdout=sys.stderr)
    todo, names = [package], []
    while todo:
        names.append(todo.pop())
        if foreign and names[-1].startswith("linux-headers-") and not names[-1].endswith("-common"):
            names[-1] += f":{foreign}"  # what runs while it is built is this machine's
        shown = subprocess.run(["apt-cache", *apt, "show", "--no-all-versions", names[-1]],
                               check=True, capture_output=True, text=True).stdout
        for line in re.findall(r"^Depends: (.*)$", shown, re.MULTILINE):
            todo += [part for part in PART.findall(line)
                     if part not in names + todo and f"{part}:{foreign}" not in names]
    debs = scrap / "debs"
    debs.mkdir()
    subprocess.run(["apt-get", *apt, "-qq", "download", *names], check=True, cwd=debs,
                   stdout=sys.stderr)
    for deb in debs.iterdir():
        subprocess.run(["dpkg", "-x", deb, folder], check=True)


def _run_with(tool: Path, loader: Path) -> None:
    """Puts a script in the place of @tool that runs it with the C library beside @loader."""
    real = tool.with_name(tool.name + ".elf")
    tool.rename(real)
    up = os.path.relpath(loader, tool.parent)
    tool.write_text(
        "#!/bin/sh\n"
        'here=$(dirname "$(readlink -f "$0")")\n'
        f'exec "$here/{up}" --library-path "$(dirname "$here/{up}")" "$here/{real.name}" "$@"\n',
        encoding="ascii")
    tool.chmod(0o755)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or ("6.1", "6.12"):
        print(module(wanted, sparse=True), flush=True)
