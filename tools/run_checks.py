# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps of tools/check, run two at a time, the laboratory's alone.

In:  the rows of steps(); options and names of steps on the command line.
Out: a line per step; build/check/STEP.log; last "N passed, N failed, N skipped"; exit status 1 when
     something failed.

A step is a shell command. How many tests it stands for is counted from what it left behind (see
COUNTERS), and a step that stands for no test at all has failed: it proved nothing.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build/check"
WORKERS = 2
TAIL_LINES = 40
# more than there are processors: guests and daemons wait most of the time
LAB_WORKERS = 4
UNIT_TESTS = "--num-processes 4 --timeout-multiplier 4 --print-errorlogs"

# every build with its options. -O1 keeps sanitizer reports readable, -O0 keeps branches as written.
BUILDS = {
    "build": "-Dwerror=true",
    "build-asan": "-Dwerror=true -Db_sanitize=address,undefined -Doptimization=1",
    "build-cov": "-Dwerror=true -Db_coverage=true -Dbuildtype=debug",
    "build-fuzz": "-Dwerror=true -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false "
                  "-Dc_args=-fsanitize=fuzzer-no-link",
}
COMPILER = {"build-fuzz": "clang"}


@dataclass
class Step:
    name: str
    command: str
    counter: str = "one"
    needs: tuple[str, ...] = ()
    alone: bool = False
    limit_s: int = 900


@dataclass
class Result:
    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)


def build(folder: str) -> str:
    """The command that brings @folder up to date, whether or not it was there."""
    return f"CC={COMPILER.get(folder, 'gcc')} tools/build {folder} {BUILDS[folder]}"


def pytest(name: str, *args: str) -> str:
    return (f"/usr/bin/python3 -m pytest -v -rs --color=no -p no:cacheprovider "
            f"--junitxml=build/check/{name}.xml {' '.join(args)}")


def steps(everything: bool) -> list[Step]:
    """All steps. The order is the order of starting: what takes long or is needed comes first."""
    fuzz_s = 60 if everything else 5
    worlds = 100_000 if everything else 5_000  # of the property tests
    lab = ("-n", str(LAB_WORKERS), *(("--all-kernels",) if everything else ("-m", "'not long'")))
    storm_s = 3600 if everything else 60
    field_tests = ("-n", "4", *(() if everything else ("-m", "'not long'")))  # they wait, mostly
    # what needs the kernel that checks itself, which is built once, in a quarter of an hour
    more = [Step("checkpatch", "/usr/bin/python3 -m lab.debug_kernel", limit_s=7200)]
    return [
        Step("gcc", build("build")),
        Step("unit-asan", f"{build('build-asan')} && BALLONET_WORLDS={worlds} "
             f"meson test -C build-asan {UNIT_TESTS}", "meson:build-asan"),
        Step("fuzz", f"{build('build-fuzz')} && tools/check-fuzz build-fuzz {fuzz_s}", "lines",
             limit_s=7200),
        # the same tests once more, by another clock
        Step("coverage", f"{build('build-cov')} && tools/just-booted meson test -C build-cov "
             f"{UNIT_TESTS} && tools/check-coverage build-cov"),
        Step("clang-tidy", "git ls-files 'src/*.c' | xargs -P2 -n1 clang-tidy -quiet -p build", needs=("gcc",)),
        Step("analyzer", "tools/check-analyzer build", needs=("gcc",)),
        *(more if everything else []),
        Step("guest", "/usr/bin/python3 -m lab.headers 6.1 6.12"
             + (" 5.10 7 debug" if everything else "") + " && tools/package-dkms",
             limit_s=7200 if everything else 900),
        Step("field", f"BALLONET_STORM_S={storm_s} "
             + pytest("field", "-o 'python_files=test_*.py storm.py'", "tests/field", *field_tests),
             "pytest:field", needs=("gcc",), limit_s=9000 if everything else 600),
        Step("cppcheck", "tools/check-cppcheck"),
        Step("repository", pytest("repository", "tests/repository"), "pytest:repository", needs=("gcc",)),
        Step("layers", "tools/check-layers"),
        Step("pure", "tools/check-pure", needs=("gcc",)),
        Step("headers", "tools/check-headers"),
        Step("clang-format", "git ls-files -z '*.c' '*.h' | "
             "xargs -0 clang-format --style=file --dry-run -Werror"),
        Step("shellcheck", "git grep -lzE '^#!/bin/(ba)?sh' -- . | xargs -0 shellcheck"),
        Step("python", "git grep -lzE '^#!/usr/bin/python3' -- . | "
             "xargs -0 pyflakes3 $(git ls-files '*.py')"),
        Step("mandoc", "mandoc -Tlint -W warning man/*.[1-8]"),
        Step("lab", pytest("lab", "tests/lab", *lab), "pytest:lab", needs=("gcc",), alone=True,
             limit_s=7200 if everything else 1500),
    ]


def count_one(_: str, ok: bool, __: str) -> Result:
    return Result(passed=int(ok), failed=int(not ok))


def count_lines(_: str, ok: bool, log: str) -> Result:
    """Lines "ok NAME" and "not ok NAME"."""
    lines = log.splitlines()
    return Result(sum(line.startswith("ok ") for line in lines),
                  sum(line.startswith("not ok ") for line in lines))


def count_meson(folder: str, ok: bool, _: str) -> Result:
    """meson's log of the tests it ran."""
    result = Result()
    try:
        text = (ROOT / folder / "meson-logs/testlog.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return result
    for line in text.splitlines():
        test = json.loads(line)
        if test["result"] in ("OK", "EXPECTEDFAIL"):
            result.passed += 1
        elif test["result"] == "SKIP":
            result.skipped.append(test["name"])
        else:
            result.failed += 1
    return result


def count_pytest(name: str, ok: bool, _: str) -> Result:
    """pytest's JUnit file."""
    result = Result()
    try:
        tree = ET.parse(LOGS / f"{name}.xml")
    except (FileNotFoundError, ET.ParseError):
        return result
    for case in tree.iter("testcase"):
        skip = case.find("skipped")
        if skip is not None:
            result.skipped.append(f"{case.get('name')}: {skip.get('message')}")
        elif case.find("failure") is not None or case.find("error") is not None:
            result.failed += 1
        else:
            result.passed += 1
    return result


COUNTERS: dict[str, Callable[[str, bool, str], Result]] = {
    "one": count_one, "lines": count_lines, "meson": count_meson, "pytest": count_pytest}


def stale_counts(step: Step) -> list[Path]:
    """What a former run left behind, that must not be counted again."""
    kind, _, where = step.counter.partition(":")
    return {"meson": [ROOT / where / "meson-logs/testlog.json"],
            "pytest": [LOGS / f"{where}.xml"]}.get(kind, [])


class Runner:
    """Runs steps, shows them, and adds up what they stand for."""

    def __init__(self) -> None:
        self.total = Result()
        self.done: dict[str, bool] = {}
        self.running: dict[str, tuple[float, subprocess.Popen[bytes]]] = {}
        self.change = threading.Condition()

    def run(self, todo: list[Step]) -> None:
        """All of @todo: two at a time, then one by one those that must be alone."""
        self.queue = [step for step in todo if not step.alone]
        workers = [threading.Thread(target=self.work, daemon=True) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            time.sleep(0.2)
            self.show_running()
        for step in todo:
            if step.alone:
                worker = threading.Thread(target=self.run_one, args=(step,), daemon=True)
                worker.start()
                while worker.is_alive():
                    worker.join(0.2)
                    self.show_running()

    def work(self) -> None:
        """One worker: takes the first step that has what it needs, until none is left."""
        while True:
            with self.change:
                while True:
                    ready = next((step for step in self.queue
                                  if all(need in self.done for need in step.needs)), None)
                    if ready or not self.queue:
                        break
                    self.change.wait()
                if not ready:
                    return
                self.queue.remove(ready)
            self.run_one(ready)

    def run_one(self, step: Step) -> None:
        log = LOGS / f"{step.name}.log"
        log.unlink(missing_ok=True)
        broken = [need for need in step.needs if not self.done.get(need, True)]
        if broken:
            self.finish(step, Result(skipped=[f"not run: {broken[0]} failed"]), 0, "")
            return
        for path in stale_counts(step):
            path.unlink(missing_ok=True)
        begin = time.monotonic()
        with open(log, "wb") as out:
            child = subprocess.Popen(["bash", "-eo", "pipefail", "-c", step.command], cwd=ROOT,
                                     stdin=subprocess.DEVNULL, stdout=out,
                                     stderr=subprocess.STDOUT, start_new_session=True)
            with self.change:
                self.running[step.name] = (begin, child)
            try:
                ok = child.wait(step.limit_s) == 0
            except subprocess.TimeoutExpired:
                end_group(child)
                out.write(f"\ncheck: ended after {step.limit_s} s\n".encode())
                ok = False
        text = log.read_text(encoding="utf-8", errors="replace")
        kind, _, where = step.counter.partition(":")
        result = COUNTERS[kind](where, ok, text)
        if not ok and not result.failed or not (result.passed or result.failed or result.skipped):
            result.failed += 1  # it failed outside of its tests, or had none
        self.finish(step, result, time.monotonic() - begin, text)

    def finish(self, step: Step, result: Result, seconds: float, log: str) -> None:
        with self.change:
            self.running.pop(step.name, None)
            self.done[step.name] = not result.failed and not (result.skipped and not result.passed)
            self.total.passed += result.passed
            self.total.failed += result.failed
            self.total.skipped += [f"{step.name}: {what}" for what in result.skipped]
            state = "FAILED" if result.failed else "ok" if result.passed else "skipped"
            say(f"{step.name:14} {seconds:6.1f} s  {state:8} {counts(result)}")
            if result.failed:
                say("\n".join(f"    {line}" for line in log.splitlines()[-TAIL_LINES:]))
                say(f"    (all of it: build/check/{step.name}.log)")
            self.change.notify_all()

    def show_running(self) -> None:
        """On a terminal: what runs now, on one line that is written over."""
        if sys.stdout.isatty():
            with self.change:
                now = time.monotonic()
                what = "  ".join(f"{name} {now - begin:.0f} s"
                                 for name, (begin, _) in self.running.items())
                print(f"\r\x1b[K  {what}", end="", flush=True)

    def stop(self) -> None:
        for _, child in list(self.running.values()):
            end_group(child)


def counts(result: Result) -> str:
    return f"{result.passed} passed, {result.failed} failed, {len(result.skipped)} skipped"


def say(text: str) -> None:
    print(("\r\x1b[K" if sys.stdout.isatty() else "") + text, flush=True)


def end_group(child: "subprocess.Popen[bytes]") -> None:
    """Ends a step and everything it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(5)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def with_needs(names: Iterable[str], known: list[Step]) -> list[Step]:
    """The steps called @names and those they need, in the table's order."""
    table = {step.name: step for step in known}
    wanted: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in table:
            sys.exit(f"check: no step {name!r}; known: {', '.join(table)}")
        wanted.add(name)
        todo += table[name].needs
    return [step for step in known if step.name in wanted]


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/check", description="Builds, and runs all checks.")
    parser.add_argument("--all", action="store_true", help="more kernels, more fuzzing: long runs")
    parser.add_argument("--list", action="store_true", help="name the steps and leave")
    parser.add_argument("step", nargs="*", help="only these steps (and what they need)")
    args = parser.parse_args()
    known = steps(args.all)
    if args.list:
        print("\n".join(step.name for step in known))
        return 0
    todo = with_needs(args.step, known) if args.step else known
    LOGS.mkdir(parents=True, exist_ok=True)
    runner = Runner()
    begin = time.monotonic()
    try:
        runner.run(todo)
    except KeyboardInterrupt:
        runner.stop()
        say("check: interrupted")
        return 130
    for what in runner.total.skipped:
        say(f"skipped: {what}")
    say(f"all in {time.monotonic() - begin:.0f} s")
    say(counts(runner.total))
    return 1 if runner.total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
