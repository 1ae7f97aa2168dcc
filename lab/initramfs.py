# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's whole user space: busybox, our init, the agent, and just the modules it needs.

In:  a kernel, and optionally drivers of our own in place of the kernel's balloon driver.
Out: a cpio archive, cached by the hash of what is in it.

The modules' order is worked out here (from their own .modinfo, as depmod would), so the guest only
inserts them one after the other, and the guest needs no kmod and no decompressor.
"""
import hashlib
import lzma
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from lab.cache import cached
from lab.kernels import Kernel

HERE = Path(__file__).resolve().parent
BALLOON = "virtio_balloon"
WANTED = ("virtio_pci", "virtio_console", "virtio_blk", "ext4")
SOFT = ("crc32c_generic",)  # ext4's checksum driver: a soft dependency, part of crc32c since 6.16
CFLAGS = ("-static", "-O2", "-Wall", "-Wextra")


def agent() -> Path:
    return static_binary(HERE / "agent" / "agent.c")


def static_binary(source: Path) -> Path:
    """A program for guests, compiled when its source changed."""
    def compile_into(folder: Path) -> None:
        subprocess.run(["gcc", *CFLAGS, "-o", folder / source.stem, source], check=True)

    return cached("agent", _digest(source.read_bytes(), " ".join(CFLAGS).encode()),
                  compile_into) / source.stem


def initramfs(kernel: Kernel, balloon: str | Path | None = BALLOON, balloon_args: str = "",
              spare: Iterable[str | Path] = ()) -> Path:
    """The archive for @kernel.

    @balloon is the name of a module of the kernel, a .ko file of our own, or None for a guest that
    has no driver for its balloon; @balloon_args are its parameters. Modules of our own find their
    dependencies in the kernel's. What is @spare lies there too, for the agent to insert.
    """
    files: dict[str, bytes] = {
        "init": (HERE / "agent" / "init").read_bytes(),
        "bin/busybox": _busybox().read_bytes(),
        "bin/agent": agent().read_bytes(),
    }
    wanted = [*WANTED, *([balloon] if balloon else [])]
    modules = _load_order(kernel, wanted)
    files |= {f"modules/{name}.ko": code
              for name, code in (_load_order(kernel, [*wanted, *spare]) | modules).items()}
    args = {_name(Path(balloon)): f" {balloon_args}"} if balloon and balloon_args else {}
    files["modules/order"] = "".join(
        f"{name}.ko{args.get(name, '')}\n" for name in modules).encode()
    archive = _cpio(files, ("proc", "sys", "dev", "data", "bin", "modules"))

    def write_into(folder: Path) -> None:
        (folder / "initramfs").write_bytes(archive)

    return cached("initramfs", f"{kernel.series}-{_digest(archive)}", write_into) / "initramfs"


def _busybox() -> Path:
    found = shutil.which("busybox")
    if not found:
        raise RuntimeError("no busybox here: apt-get install busybox-static")
    return Path(found)


def _load_order(kernel: Kernel, wanted: Iterable[str | Path]) -> dict[str, bytes]:
    """Name and code of every module to insert, dependencies first."""
    tree = {_name(path): path for path in kernel.modules.rglob("*.ko*")}
    builtin = {_name(Path(line)) for line in
               (kernel.modules / "modules.builtin").read_text(encoding="ascii").splitlines()}
    order: dict[str, bytes] = {}

    def add(module: str | Path) -> None:
        path = module if isinstance(module, Path) else tree.get(module)
        name = _name(Path(module))
        if name in order or (name in builtin and not isinstance(module, Path)):
            return
        if path is None:
            raise RuntimeError(f"{kernel.release} has no module {name}")
        code = _code(path)
        for needed in _depends(code):
            add(needed)
        order[name] = code

    for module in (*(soft for soft in SOFT if soft in tree), *wanted):
        add(module)
    return order


def _name(path: Path) -> str:
    return path.name.split(".ko")[0].replace("-", "_")


def _code(path: Path) -> bytes:
    raw = path.read_bytes()
    return lzma.decompress(raw) if path.suffix == ".xz" else raw


def _depends(code: bytes) -> list[str]:
    found = re.search(rb"\0depends=([^\0]*)\0", code)
    names = found.group(1).decode("ascii") if found else ""
    return [name.replace("-", "_") for name in names.split(",") if name]


def _cpio(files: dict[str, bytes], folders: Iterable[str]) -> bytes:
    """A "newc" archive; everything is root's and may be run."""
    out = bytearray()

    def entry(number: int, name: str, mode: int, data: bytes) -> None:
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out.extend(b"070701" + b"".join(b"%08x" % field for field in fields))
        out.extend(name.encode() + b"\0")
        out.extend(b"\0" * (-len(out) % 4))
        out.extend(data)
        out.extend(b"\0" * (-len(out) % 4))

    number = 0
    for number, name in enumerate(folders, 1):
        entry(number, name, 0o040755, b"")
    for number, (name, data) in enumerate(files.items(), number + 1):
        entry(number, name, 0o100755, data)
    entry(0, "TRAILER!!!", 0, b"")
    return bytes(out)


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]
