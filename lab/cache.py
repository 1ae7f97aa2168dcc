# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the lab keeps what is dear to make: kernels, initramfs images, the data disk, the agent.

In:  a name and a function that fills a new folder.
Out: the finished folder, made once, shared by every clone and every process of this user.

A folder is made under a temporary name and renamed when it is whole, so a reader never sees half of
one, and an interrupted build leaves nothing that looks finished.
"""
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("BALLONET_BUILD", ROOT / "build")).resolve()


def cache_dir() -> Path:
    """$BALLONET_CACHE, else the user's cache folder."""
    own = os.environ.get("BALLONET_CACHE")
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(user) / "ballonet"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on @path; the kernel drops it when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(kind: str, name: str, make: Callable[[Path], None]) -> Path:
    """The folder @kind/@name of the cache; @make fills it when it is not there yet."""
    return made_once(cache_dir() / kind / name, make)


def made_once(place: Path, make: Callable[[Path], None]) -> Path:
    """@place, a folder that the first who asks for it fills by @make; the others wait for it."""
    if place.is_dir():
        return place
    with locked(place.parent / f".{place.name}.lock"):
        if place.is_dir():
            return place
        draft = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        try:
            make(draft)
            draft.chmod(0o755)
            draft.rename(place)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    return place
