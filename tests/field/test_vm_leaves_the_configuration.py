# SPDX-License-Identifier: GPL-2.0-or-later
"""A VM is taken out of the configuration while its balloon is out.

With its connection down just then, it was forgotten with its balloon inflated.
"""
import signal

from lab.daemon import ApiError
from lab.process import wait_for


def is_forgotten(daemon, name):
    try:
        daemon.vm(name)
    except ApiError as error:
        return error.status == 404
    return False


def test_one_whose_connection_is_down_is_kept_until_its_balloon_is_at_0(fakes, manage):
    guest, other = fakes.add("a"), fakes.add("b")
    daemon = manage(guest, other)
    daemon.squeeze("a")
    guest.wait("balloon", lambda state: state.balloon_mib > 32)
    guest.set(greeting="", deflate_mib_s=0)  # no connection is greeted
    guest.drop()
    daemon.wait_vm("a", "lost connection", lambda vm: vm["state"] == "down", 30)
    daemon.configure([other])
    daemon.process.send(signal.SIGHUP)
    wait_for("reload", lambda: "reloaded" in daemon.log.read_text(), 30)
    daemon.wait_vm("b", "figures", lambda vm: vm["state"] == "running", 30)
    guest.set(greeting=None, deflate_mib_s=2000)
    guest.drop()
    guest.wait("balloon at 0", lambda state: state.balloon_mib == 0, 60)
    daemon.wait_vm("a", "word of it", lambda vm: vm["phase"] != "deflating", 60)
    guest.die()
    wait_for("end of a", lambda: is_forgotten(daemon, "a"), 60)
