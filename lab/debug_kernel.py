# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that checks itself (KASAN, lockdep, kmemleak, page poisoning), for the driver's debug run.

In:  Debian's linux-source package, lab/debug.config.
Out: vmlinuz, modules, and what modules are built with, kept in the cache; as a program: what the
     checkpatch.pl of that source says of the driver.

Debian packages no such kernel, so this one is built: a quarter of an hour of two processors, once.
"""
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from lab.apt import private_apt
from lab.cache import ROOT, cached

SERIES = "debug"
SUITE, PACKAGE = "bookworm-security", "linux-source-6.12"
CONFIG = Path(__file__).resolve().parent / "debug.config"
# it is about code that is part of one kernel: compat.[ch] are there for several
IGNORED = ("CONSTANT_COMPARISON",)
# what building a module asks for, as Debian's header packages have it
KEPT = ("Makefile", ".config", "Module.symvers", "include", "scripts", "tools/objtool",
        "arch/x86/include", "arch/x86/Makefile", "arch/x86/Makefile.um", "arch/x86/Makefile_32.cpu",
        "arch/x86/tools", "arch/x86/Kbuild")


def debug_kernel() -> Path:
    """The folder: vmlinuz, modules/RELEASE, build."""
    return cached("kernels", f"{SERIES}-{_digest()}", _make)


def checkpatch() -> int:
    """Runs the kernel's own style check on all kernel code; 0 when it has nothing to say."""
    files = sorted(path for folder in ("guest", "lab/mock") for path in (ROOT / folder).glob("*.[ch]"))
    return subprocess.run(
        ["perl", debug_kernel() / "build" / "scripts" / "checkpatch.pl", "--no-tree", "--quiet",
         "--show-types", "--max-line-length=100", "--ignore", ",".join(IGNORED), "-f",
         *files]).returncode


def _digest() -> str:
    return sha256(PACKAGE.encode() + CONFIG.read_bytes()).hexdigest()[:12]


def _make(folder: Path) -> None:
    scrap = folder / "scrap"
    apt = private_apt(scrap / "apt", SUITE)
    for words in (("update",), ("download", PACKAGE)):
        subprocess.run(["apt-get", *apt, "-qq", *words], check=True, cwd=scrap, stdout=sys.stderr)
    subprocess.run(["dpkg", "-x", next(scrap.glob("*.deb")), scrap], check=True)
    subprocess.run(["tar", "-xf", next(scrap.glob("usr/src/*.tar.xz"))], check=True, cwd=scrap)
    tree = scrap / PACKAGE
    _run(tree, "make", "-s", "allnoconfig")
    _run(tree, "scripts/kconfig/merge_config.sh", "-m", ".config", str(CONFIG))
    _run(tree, "make", "-s", "olddefconfig")
    _run(tree, "make", "-s", f"-j{os.cpu_count()}", "bzImage", "modules")
    keep(tree, folder)
    shutil.rmtree(scrap)


def keep(tree: Path, folder: Path) -> None:
    """Takes out of a built @tree what is used."""
    release = (tree / "include/config/kernel.release").read_text(encoding="ascii").strip()
    shutil.copyfile(tree / "arch/x86/boot/bzImage", folder / "vmlinuz")
    modules = folder / "modules" / release
    modules.mkdir(parents=True)
    for name in ("modules.builtin", "modules.order"):
        shutil.copyfile(tree / name, modules / name)
    shutil.copyfile(tree / "drivers/virtio/virtio_balloon.ko", modules / "virtio_balloon.ko")
    for name in KEPT:
        source, target = tree / name, folder / "build" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        elif source.exists():
            shutil.copy2(source, target)


def _run(tree: Path, *argv: str) -> None:
    subprocess.run(argv, cwd=tree, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    sys.exit(checkpatch())
