# SPDX-License-Identifier: GPL-2.0-or-later
"""Lets the tests import the lab, and gives them fake QEMUs and real daemons that end with the test."""
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from lab.daemon import Daemon  # noqa: E402  (needs the path above)
from lab.fakeqemu import FakeHost, FakeQemu  # noqa: E402

# small guests; nothing is squeezed but on request
SETTINGS = {"reserve_min": "16MiB", "free_keep": "4MiB", "min_yield": "1GiB", "interval": "1s"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: runs with tools/check --all only")


@pytest.fixture
def fakes() -> Iterator[FakeHost]:
    with FakeHost() as host:
        yield host


@pytest.fixture
def manage() -> Iterator[Callable[..., Daemon]]:
    """manage(guest, ..., interval="10s") gives a daemon that is up and connected to them."""
    with ExitStack() as stack:
        def start(*guests: FakeQemu, connected: bool = True, prefix: tuple[str, ...] = (),
                  **settings: Any) -> Daemon:
            daemon = stack.enter_context(Daemon(guests, {**SETTINGS, **settings}, prefix=prefix))
            for guest in guests if connected else ():
                daemon.wait_vm(guest.name, "figures",
                               lambda vm: vm["resident_b"] and vm["available_b"], 60)
            return daemon
        yield start
