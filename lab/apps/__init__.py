# SPDX-License-Identifier: GPL-2.0-or-later
"""The applications of the lab's real guests: a module each, and APPS, which names them all.

Each is made of packages, a script that fills its disk when the disk is made, one that starts it
when the guest boots, and a program that asks something of it.
"""
from dataclasses import replace

from lab.apps.app import App, together
from lab.apps.compile import COMPILE
from lab.apps.jvm import JVM
from lab.apps.nginx import CONTAINER, NGINX
from lab.apps.postgresql import POSTGRESQL
from lab.apps.redis import REDIS

ZRAM = replace(POSTGRESQL, name="zram", wishes=("zram",),
               title=f"{POSTGRESQL.title}; swap in compressed memory")
EARLYOOM = replace(POSTGRESQL, name="earlyoom", wishes=("earlyoom",),
                   title=f"{POSTGRESQL.title}; earlyoom kills below 10 % available")
APPS: dict[str, App] = {app.name: app for app in (
    POSTGRESQL, REDIS, NGINX, CONTAINER, COMPILE, JVM, ZRAM, EARLYOOM)}
TOGETHER = together("together", NGINX, REDIS)  # for tests: one guest to boot
