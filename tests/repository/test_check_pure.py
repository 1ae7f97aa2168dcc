# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/check-pure fails what could reach a clock, an allocator, I/O, a log or a memory."""
import subprocess

import pytest

from repository import ROOT, run

PURE = """
#include <stdio.h>
#include <string.h>
static const char *const words[] = { "a", "b" };
const char *word(unsigned int i);
int write_word(char *text, size_t n, unsigned int i);
const char *word(unsigned int i) { return words[i & 1]; }
int write_word(char *text, size_t n, unsigned int i)
{
	char copy[64];

	memset(copy, (int)i, sizeof(copy));
	return snprintf(text, n, "%s%.64s", word(i), copy);
}
"""


def library(folder, text):
    (folder / "sample.c").write_text(text, encoding="ascii")
    # without optimization every call that stands in the source is left in the object
    subprocess.run(["gcc", "-fPIC", "-fstack-protector-strong", "-w", "-c", "sample.c"],
                   cwd=folder, check=True)
    subprocess.run(["ar", "rcs", "libsample.a", "sample.o"], cwd=folder, check=True)
    return folder / "libsample.a"


def test_a_pure_library_passes(tmp_path):
    done = run("tools/check-pure", library(tmp_path, PURE))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("text, told", [
    ("#include <stdlib.h>\nvoid *f(void) { return malloc(1); }", "malloc"),
    ("#include <stdlib.h>\nvoid f(void *p) { free(p); }", "free"),
    ("#include <time.h>\nint f(struct timespec *t) { return clock_gettime(1, t); }",
     "clock_gettime"),
    ("#include <time.h>\ntime_t f(void) { return time(NULL); }", "time"),
    ("#include <stdio.h>\nvoid f(void) { printf(\"%d\", 1); }", "printf"),
    ("#include <unistd.h>\nlong f(char *p) { return read(0, p, 1); }", "read"),
    ("#include <stdlib.h>\nlong f(void) { return random(); }", "random"),
    ("void log_event(int n, const char *f, ...);\nvoid f(void) { log_event(3, 0); }", "log_event"),
    ("#include <errno.h>\nint f(void) { return errno; }", "__errno_location"),
    ("int f(void) { static int calls; return ++calls; }", "writable data (.bss)"),
    ("int level = 3;", "writable data (.data)"),
    ("int f(void) { static __thread int calls; return ++calls; }", "writable data (.tbss)"),
])
def test_a_call_or_a_memory_that_is_not_pure_fails(tmp_path, text, told):
    done = run("tools/check-pure", library(tmp_path, PURE + text))
    assert done.returncode == 1
    assert told in done.stdout


def test_the_object_at_fault_is_named(tmp_path):
    text = "void abort(void);\nvoid f(void) { abort(); }"
    done = run("tools/check-pure", library(tmp_path, text))
    assert done.stdout.startswith("sample.o: abort: ")


def test_an_empty_library_proves_nothing_and_fails(tmp_path):
    assert run("tools/check-pure", library(tmp_path, "")).returncode == 1


def test_the_libraries_of_this_build_are_pure():
    if not (ROOT / "build/src/policy/libpolicy.a").exists():
        pytest.skip("build/ is not built")
    done = run("tools/check-pure")
    assert done.returncode == 0, done.stdout
