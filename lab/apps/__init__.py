# SPDX-License-Identifier: GPL-2.0-or-later
"""The applications of the lab's real guests: a module each, and APPS, which names them all.

Each is made of packages, a script that fills its disk when the disk is made, one that starts it
when the guest boots, and a program that asks something of it.
"""
from lab.apps.app import App
from lab.apps.postgresql import POSTGRESQL

APPS: dict[str, App] = {app.name: app for app in (POSTGRESQL,)}
