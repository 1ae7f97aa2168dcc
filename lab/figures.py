# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures with goals: printed as rows as they come, and written as JSON at the end.

In:  name, measured value, goal.
Out: a table on standard output, build/bench/NAME.json, and whether all goals were reached.
"""
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.cache import BUILD


@dataclass(frozen=True)
class Figure:
    name: str
    measured: float | None
    unit: str
    goal: str
    reached: bool | None  # None: told for comparison, no goal


def machine(accel: str) -> dict[str, Any]:
    """What the figures were taken on."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    models = [line.split(":", 1)[1].strip() for line in cpuinfo.splitlines()
              if line.startswith("model name")]
    meminfo = Path("/proc/meminfo").read_text(encoding="ascii").split()
    return {"cpu": models[0] if models else platform.machine(), "cpus": len(models),
            "memory_mib": int(meminfo[1]) // 1024, "kernel": platform.release(),
            "accelerator": accel}


class Figures:
    """One bench's rows."""

    def __init__(self, name: str, accel: str) -> None:
        self.name = name
        self.machine = machine(accel)
        self.rows: list[Figure] = []
        print(f"{'figure':<58} {'measured':>14} {'goal':>12}  reached")

    def at_least(self, name: str, measured: float | None, goal: float, unit: str) -> None:
        self._row(name, measured, unit, f">= {goal:g}", measured is not None and measured >= goal)

    def at_most(self, name: str, measured: float | None, goal: float, unit: str) -> None:
        self._row(name, measured, unit, f"<= {goal:g}", measured is not None and measured <= goal)

    def told(self, name: str, measured: float | None, unit: str) -> None:
        """A figure without a goal, for comparison."""
        self._row(name, measured, unit, "", None)

    def failed(self, name: str, error: Exception) -> None:
        """A story that did not come to its end; the others are still told."""
        self._row(f"{name}: {error}".splitlines()[0], None, "", "", False)

    def _row(self, name: str, measured: float | None, unit: str, goal: str,
             reached: bool | None) -> None:
        measured = None if measured is None else round(measured, 2)
        self.rows.append(Figure(name, measured, unit, goal, reached))
        value = "unknown" if measured is None else f"{measured:g} {unit}"
        word = {True: "yes", False: "NO", None: ""}[reached]
        print(f"{name:<58} {value:>14} {goal:>12}  {word}", flush=True)

    @property
    def reached(self) -> bool:
        return all(row.reached is not False for row in self.rows)

    def write(self, **more: Any) -> Path:
        """@more stands in the file beside the figures."""
        path = BUILD / "bench" / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"name": self.name, "machine": self.machine, "reached": self.reached,
                   "figures": [asdict(row) for row in self.rows], **more}
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        return path
