# SPDX-License-Identifier: GPL-2.0-or-later
"""python3 -m lab [SERIES]: one guest to play with.

In:  requests to the agent on standard input, as in agent/agent.c without the number:
     "start touch 600 0", "start read 600 1", "start hot 200", "works", "stop", "report".
Out: its answers; beforehand the QMP socket, for a ballonetd of your own.
"""
import json
import sys

from lab.guest import AgentError, Guest, Spec


def main(arguments: list[str]) -> None:
    with Guest(Spec(name="lab", series=arguments[0] if arguments else "6.1")) as guest:
        print(f"Linux {guest.hello['release']}, pid {guest.process.pid}, QMP {guest.qmp}")
        print(f"{guest.footprint().resident_b >> 20} MiB resident; end with ctrl-D", flush=True)
        for line in filter(str.strip, sys.stdin):
            try:
                print(json.dumps(guest.ask(*line.split())), flush=True)
            except AgentError as error:
                print(error, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
