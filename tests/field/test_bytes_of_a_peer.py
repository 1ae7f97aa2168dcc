# SPDX-License-Identifier: GPL-2.0-or-later
"""A peer sends bytes that would do something to a terminal or to a reader of the log."""
import re

import pytest

BYTES = "\x1b]0;gotcha\x07\xff\xfe\xc2\x9b31m\x00 key=value"


@pytest.mark.parametrize("how", ["line", "name", "error"])
def test_no_raw_byte_of_it_is_in_the_log_or_the_api(fakes, manage, how):
    guest = fakes.add("a")
    if how == "name":
        guest.set(answers={"query-name": '{"return": {"name": "%s"}}' % JSON})
    if how == "error":
        guest.set(answers={"balloon": '{"error": {"class": "X", "desc": "%s"}}' % JSON})
    daemon = manage(guest)
    if how == "line":
        guest.say(BYTES + "\n")
        guest.wait("reconnect", lambda state: state.accepted > 1 and state.connected)
    if how == "error":
        daemon.squeeze("a")
        daemon.wait_vm("a", "trouble", lambda vm: vm["trouble"], 30)
        daemon.process.send(15)
        guest.wait("guardian", lambda state: not state.connected, 60)
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f-\xff]", daemon.log.read_bytes())


JSON = "\\u001b]0;gotcha\\u0007\\u009b31m\\nkey=value"
