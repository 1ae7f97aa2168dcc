# SPDX-License-Identifier: GPL-2.0-or-later
"""The coverage gate, the fuzz runs and the header check fail when they should."""
import os
import subprocess

import pytest

from repository import ROOT, tree

COVERED = "int f(int a);\nint f(int a)\n{\n\treturn a > 3 ? 1 : 2;\n}\n"
MAIN = "int f(int a);\nint main(void)\n{\n\treturn f(%s) == 0;\n}\n"


def tool(folder, *command):
    """Runs a tool of the repository in @folder."""
    return subprocess.run([ROOT / command[0], *command[1:]], cwd=folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def covered(folder, layer, calls, source=COVERED):
    """A tree with one source file in @layer, built for coverage and run."""
    tree(folder, {f"src/{layer}/f.c": source, "src/base/main.c": MAIN % calls, "b/x": ""})
    subprocess.run(["gcc", "--coverage", "-O0", "-o", "b/f", f"src/{layer}/f.c", "src/base/main.c"],
                   cwd=folder, check=True)
    subprocess.run(["b/f"], cwd=folder, check=False)
    return tool(folder, "tools/check-coverage", "b")


def test_full_coverage_of_policy_passes(tmp_path):
    done = covered(tmp_path, "policy", "1) + f(5")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("layer", ["policy", "model"])
def test_one_branch_of_a_gated_layer_that_was_never_taken_fails(tmp_path, layer):
    done = covered(tmp_path, layer, "1")
    assert done.returncode != 0, done.stdout


def test_other_layers_are_reported_and_not_gated(tmp_path):
    tree(tmp_path, {"src/policy/g.c": ""})
    done = covered(tmp_path, "host", "1")
    assert "src/host/f.c" in done.stdout


def test_an_exclusion_in_the_sources_fails(tmp_path):
    source = COVERED.replace(": 2;", ": 2; /* GCOVR_EXCL_LINE */")
    done = covered(tmp_path, "policy", "1) + f(5", source)
    assert done.returncode == 1
    assert "nothing may be excluded" in done.stdout


@pytest.mark.parametrize("status, word, code", [(0, "ok", 0), (1, "not ok", 1)])
def test_a_fuzz_target_is_one_test(tmp_path, status, word, code):
    tree(tmp_path, {"b/tests/fuzz/fuzz_x": f"#!/bin/sh\nexit {status}\n"})
    (tmp_path / "b/tests/fuzz/fuzz_x").chmod(0o755)
    (tmp_path / "b/tests/fuzz/fuzz_x.p").mkdir()
    done = tool(tmp_path, "tools/check-fuzz", "b", "1")
    assert (done.stdout, done.returncode) == (f"{word} x\n", code)


def test_a_build_without_fuzz_targets_fails(tmp_path):
    (tmp_path / "b").mkdir()
    done = tool(tmp_path, "tools/check-fuzz", "b", "1")
    assert (done.stdout, done.returncode) == ("not ok no fuzz targets in b\n", 1)


@pytest.mark.parametrize("text, told", [
    ("#include <stdint.h>\nuint64_t f(void);\n", None),
    ("uint64_t f(void);\n", "src/base/a.h: does not compile alone"),
    ("int b;\n", "src/base/a.h: holds a variable"),
])
def test_headers_compile_alone_and_hold_no_variable(tmp_path, text, told):
    tree(tmp_path, {"src/base/a.h": text, "build/check/x": "", "include/ballonet/w.h": ""})
    for command in (["init", "-q"], ["add", "-f", "src", "include"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True,
                       env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull})
    done = tool(tmp_path, "tools/check-headers")
    assert done.returncode == (1 if told else 0), done.stdout
    assert told is None or told in done.stdout


def test_the_clock_of_a_machine_that_was_just_booted_is_shown():
    done = tool(ROOT, "tools/just-booted", "/usr/bin/python3", "-c", "import time; print(time.monotonic())")
    if "no time namespace" in done.stdout:
        pytest.skip("no time namespaces here")
    assert float(done.stdout) < 60, done.stdout
