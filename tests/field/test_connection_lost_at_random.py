# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections are lost at random instants of squeezes, of guests that lag 0 to 10 s behind.

Every balloon ends at 0, and none is called empty while something is, or will be, in it.
"""
import random
import time

import pytest

from lab.daemon import ApiError

GUESTS = 20  # at a time: a round is mostly waiting
OVER = ("verifying", "resting", "watch")
ROUND_S = 120  # 10 s of lag, 10 s until it is stuck, and a machine that is busy


def begin(daemon, guests, rng):
    """Squeezes all of them, and says when each one's connection is to be lost."""
    lost = []
    for guest in guests:
        guest.set(lag_s=rng.choice((0, rng.uniform(0, 2), rng.uniform(0, 10))))
        if rng.random() < 0.3:
            guest.set(lose_after="balloon")
        else:
            lost.append((time.monotonic() + rng.uniform(0, 4), guest))
        daemon.squeeze(guest.name)
    return sorted(lost, key=lambda row: row[0])


def wrong_words(daemon, fakes, since_s):
    """Guests that are called done while their balloon is not; and those that are done."""
    before = fakes.states()
    said = {vm["name"]: vm["phase"] for vm in daemon.vms() if vm["state"] == "running"}
    wrong, done = [], set()
    for name, after in fakes.states().items():
        begun = before[name].targets and before[name].targets[-1][0] > since_s
        if begun and said.get(name) in OVER:
            done.add(name)
            if out(before[name]) and out(after):
                wrong.append((name, said[name], after.balloon_mib, after.target))
    return wrong, done


def out(state):
    return state.target < state.ram or state.actual < state.ram


def one_round(daemon, fakes, guests, rng):
    since_s = time.monotonic()
    lost = begin(daemon, guests, rng)
    while True:
        while lost and lost[0][0] <= time.monotonic():
            lost.pop(0)[1].drop()
        wrong, done = wrong_words(daemon, fakes, since_s)
        assert not wrong, f"{wrong}\n{daemon.tail()}"
        if not lost and len(done) == len(guests):
            break
        assert time.monotonic() < since_s + ROUND_S, \
            f"{sorted({guest.name for guest in guests} - done)}\n{daemon.tail()}"
        time.sleep(0.02)
    end_s = time.monotonic() + 1
    while time.monotonic() < end_s:  # and nothing comes after it
        assert not wrong_words(daemon, fakes, since_s)[0]
    for guest in guests:
        guest.set(lose_after=None)


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.long)])
def test_every_balloon_ends_at_0_and_none_is_called_empty_before(fakes, manage, rounds, capsys):
    rng = random.Random(rounds)
    guests = [fakes.add(f"g{i}", ram_mib=128, backed_mib=2 * i, used_mib=32, inflate_mib_s=40)
              for i in range(GUESTS)]
    daemon = manage(*guests)
    begin_s = time.monotonic()
    for _ in range(rounds):
        for guest in guests:
            daemon.wait_vm(guest.name, "end", lambda vm: vm["state"] == "running", 60)
            daemon.wait_vm(guest.name, "figures", lambda vm: vm["available_b"], 60)
        try:
            one_round(daemon, fakes, guests, rng)
        except ApiError as error:
            raise AssertionError(daemon.tail()) from error
    with capsys.disabled():
        print(f"\n{rounds * GUESTS} losses in {time.monotonic() - begin_s:.0f} s: "
              "every balloon at 0, no wrong word")
