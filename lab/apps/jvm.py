# SPDX-License-Identifier: GPL-2.0-or-later
"""A JVM: its heap grows with what is thrown away; while it is idle it collects, and gives back."""
from pathlib import Path

from lab.apps.app import App, Ask

HERE = Path(__file__).resolve().parent
START = """
systemd-run -q --unit=lab-java -p OOMScoreAdjust=-900 java -XX:+UseG1GC -Xms64m -Xmx700m \\
	-XX:G1PeriodicGCInterval=20000 -XX:TieredStopAtLevel=1 -cp /srv Work /run/work.sock
until test -S /run/work.sock; do sleep 0.2; done
"""
JVM = App(
    name="jvm",
    title="a Java server with 200 MiB alive of a heap of at most 700",
    packages=("default-jdk-headless",),
    fill="cd /srv; javac -J-Xshare:off -d . Work.java",
    start=START,
    asks=(Ask("/srv/bin/ask line /run/work.sock 3200 0"),),
    files={"Work.java": HERE / "Work.java"},
)
