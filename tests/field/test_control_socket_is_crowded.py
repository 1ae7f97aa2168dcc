# SPDX-License-Identifier: GPL-2.0-or-later
"""Others crowd the control socket: requests that never end, hundreds of connections.

A storm of 900 connections kept an operator's `release` out.
"""
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

CROWD = """
import os, socket, sys, time
path, how, count, uid = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
held = []
while True:
    while len(held) < count:
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(0.2)
        try:
            one.connect(path)
        except OSError:
            one.close()
            break
        one.setblocking(False)
        held.append(one)
    print(len(held), flush=True)
    for one in list(held):
        try:
            if how == "loris":
                one.send(b"GET /v1/vms HTTP/1.1\\r\\nX: " if one is not held[0] else b"x")
            if one.recv(4096) == b"":
                raise OSError
        except BlockingIOError:
            pass
        except OSError:
            one.close()
            held.remove(one)
    time.sleep(0.2)
"""
NOBODY = 65534


@contextmanager
def crowd(daemon, how, count, uid):
    os.chmod(daemon.control, 0o666)  # an operator's choice: everybody may look
    os.chmod(daemon.folder, 0o755)
    argv = [sys.executable, "-c", CROWD, str(daemon.control), how, str(count), str(uid)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        try:
            child.stdout.readline()
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize("how", ["loris", "silent"])
@pytest.mark.parametrize("uid", [0, NOBODY])
def test_a_release_of_root_is_served_all_the_same(fakes, manage, how, uid):
    guest = fakes.add("a")
    daemon = manage(guest)
    with crowd(daemon, how, 900, uid):
        for _ in range(5):
            daemon.release("a")  # which waits for its answer 5 s at most
            time.sleep(0.3)


def test_who_finds_no_place_is_told_so(fakes, manage):
    daemon = manage(fakes.add("a"))
    held, answers = [], []
    for _ in range(70):
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(5)
        one.connect(str(daemon.control))
        held.append(one)
    for one in held[-3:]:
        answers.append(one.recv(4096))
    assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in answers), answers
