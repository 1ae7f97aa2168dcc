# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the house share: running one of the tools, and writing small trees."""
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a tool of the repository with @env added; its two outputs come back as one text."""
    return subprocess.run([ROOT / command[0], *command[1:]], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
                          env=os.environ | env, check=False)


def tree(folder: Path, files: dict[str, str]) -> Path:
    """Writes @files (path: text) below @folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder
