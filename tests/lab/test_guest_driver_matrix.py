# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonet.ko builds wherever the kernel's own driver does: other forms of what it uses, other
processors."""
import subprocess
from graphlib import TopologicalSorter

import pytest

from lab.headers import module
from lab.matrix import ARCHES, PROBES, build_arch, build_form, probes

SHORT = ("test_module_builds_against_the_oldest_forms", "test_files_call_each_other_one_way")
FORMS = [(series, form) for series in ("5.10", "6.1", "6.12", "7") for form in ("older", "newer")
         if (series, form) != ("7", "newer")]  # that is what 7 has


def test_module_builds_against_the_oldest_forms():
    """Also without balloon_page_finalize(), which came with point releases of 2025 and 2026."""
    assert build_form("6.1", "older") == {"PAGE_INSERT", "BALLOON_INODE"}


def test_files_call_each_other_one_way():
    defined, called = {}, {}
    for path in module("6.1").parent.glob("*.o"):
        if path.stem in ("ballonet", "ballonet.mod"):
            continue
        for line in subprocess.run(["nm", path], check=True, capture_output=True,
                                   text=True).stdout.splitlines():
            *_, kind, symbol = line.split()
            if kind in "TDBR":
                defined[symbol] = path.stem
            elif kind == "U":
                called.setdefault(path.stem, set()).add(symbol)
    calls = {name: {defined[symbol] for symbol in symbols if symbol in defined}
             for name, symbols in called.items()}
    assert len(calls) > 10
    TopologicalSorter(calls).prepare()  # CycleError names those that do not


def test_each_probe_is_built_both_ways():
    found = [build_form(series, form) for series, form in FORMS]
    found += [probes(module(series)) for series in ("5.10", "6.1", "6.12", "7")]
    assert set().union(*found) == PROBES
    assert set.intersection(*found) == set()


@pytest.mark.parametrize("name", ARCHES)
def test_module_compiles_and_links_for_another_processor(name):
    assert build_arch(name).stat().st_size > 0
