# SPDX-License-Identifier: GPL-2.0-or-later
"""A compiler at work on this project's own pure sources, which need no library."""
from lab.apps.app import App, Ask
from lab.cache import ROOT

FILL = """
cat >/srv/load <<-'END'
	#!/bin/sh
	cd /srv
	while :; do
		for file in src/base/*.c src/model/*.c src/policy/*.c; do
			start=$(date +%s%N)
			gcc -O2 -D_GNU_SOURCE -Isrc -Iinclude -c "$file" -o /srv/out.o
			end=$(date +%s%N)
			echo $(((end - start) / 1000))
		done
	done
END
chmod 755 /srv/load
"""
COMPILE = App(
    name="compile",
    title="gcc -O2 on this project's sources, one file after the other",
    packages=("gcc", "libc6-dev"),
    fill=FILL,
    start="",
    asks=(Ask("/srv/load", second_column=0),),
    files={"src": ROOT / "src", "include": ROOT / "include"},
)
