# SPDX-License-Identifier: GPL-2.0-or-later
"""Lets the tests import the lab, and gives them guests that end with the test."""
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from lab.cache import BUILD  # noqa: E402  (needs the path above)
from lab.guest import Guest, Spec  # noqa: E402
from lab.process import own_folder  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-kernels", action="store_true",
                     help="besides 6.1 and 6.12, run on 5.10 and 7.x")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: runs with tools/check --all only")
    if not hasattr(config, "workerinput"):  # the workers have the folder from here
        (BUILD / "lab").mkdir(parents=True, exist_ok=True)
        folder = own_folder("booted", BUILD / "lab")
        os.environ["BALLONET_BOOTED"] = str(folder)
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A module that names its SHORT tests keeps only those for tools/check, which has 15 minutes
    for everything; the others are long."""
    for item in items:
        short = getattr(item.module, "SHORT", None)
        if short is not None and item.originalname not in short:
            item.add_marker("long")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "series" in metafunc.fixturenames:
        more = ["5.10", "7"] if metafunc.config.getoption("--all-kernels") else []
        metafunc.parametrize("series", ["6.1", "6.12", *more])


@pytest.fixture
def boot() -> Iterator[Callable[..., Guest]]:
    """boot(name="a", memory_mib=512, ...) gives a guest that is up; it is ended with the test."""
    with ExitStack() as stack:
        def boot_one(**wishes: Any) -> Guest:
            return stack.enter_context(Guest(Spec(**wishes)))
        yield boot_one
