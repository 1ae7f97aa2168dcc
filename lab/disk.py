# SPDX-License-Identifier: GPL-2.0-or-later
"""The guests' disks: one ext4 image with data to read, shared by all, and swap of their own.

In:  nothing.
Out: paths of image files.

Every page of the data carries its own number and noise besides, so that it takes real room on the
host's disk, a page that was lost in the guest shows, and nothing can be shared or compressed.
"""
import random
import struct
import subprocess
from pathlib import Path

from lab.cache import cached

DATA_MIB = 1024
SWAP_IMAGE = "swap.img"
PAGE_B = 4096
MIB = 1 << 20


def data_disk() -> Path:
    """A read-only ext4 image with one file of DATA_MIB MiB, "data"."""
    return cached("disk", f"ext4-{DATA_MIB}-v1", _make) / "data.img"


def swap_disk(folder: Path, mib: int) -> Path:
    """An image, empty where there is none yet; the guest makes it a swap disk."""
    path = folder / SWAP_IMAGE
    if not path.exists():
        with open(path, "wb") as image:
            image.truncate(mib * MIB)
    return path


def copy_swap_disk(source: Path, folder: Path) -> None:
    """The same image for another guest, where @source holds one."""
    if (source / SWAP_IMAGE).exists():
        subprocess.run(["cp", "--sparse=always", source / SWAP_IMAGE, folder], check=True)


def _make(folder: Path) -> None:
    content = folder / "content"
    content.mkdir()
    noise = random.Random(1).randbytes(PAGE_B - 8 + MIB)
    with open(content / "data", "wb") as data:
        for first in range(0, DATA_MIB * MIB // PAGE_B, 256):
            data.write(b"".join(
                struct.pack("<Q", page) + noise[page % MIB:page % MIB + PAGE_B - 8]
                for page in range(first, first + 256)))
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-d", content,
                    folder / "data.img", f"{DATA_MIB + 64}M"],
                   check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    (content / "data").unlink()
    content.rmdir()
