"""What is measured, and how: plain numbers come out, for ``figures``.

Everything alternates: each round goes once through all who are compared, in
an order that turns, since a machine's speed drifts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from statistics import median

import looking
from looking import until
from namespace import BARE, INTERPRETER
from peers import ACTIONS, INITPY, Floor, Run, initpy_words, run
from promises import EMPTY_PROGRAM
from sites import Fpm, Nginx


class Size:
    """How much is measured."""

    def __init__(self, quick):
        self.rounds = 1 if quick else 30  # of every action by every peer
        # What takes seconds is done in one of so many rounds: by slow peers, and by those
        # that say after 10 seconds that an upgrade has failed (in one round: never).
        self.slow = 1 if quick else 3
        self.late = 2 if quick else 6
        self.startups = 5 if quick else 100  # of the interpreter
        self.losing = 1 if quick else 10  # of every action under load by initpy, and by the floor
        self.others_losing = 0 if quick else 1  # by every peer
        self.keeping = (False,) if quick else (False, True)  # connections
        self.growing = 1 if quick else 3  # of every action of every size
        self.crowding = 1 if quick else 7  # the same, of every number of other processes
        self.looks = 1 if quick else 10  # of status, each time
        self.processes = (0, 200) if quick else (0, 1000, 10000)
        self.workers = (2, 8) if quick else (2, 64, 512)
        self.instances = (1, 3) if quick else (1, 10, 50)
        self.blocks = (1, 100) if quick else (1, 1000, 30000)


def turned(items, number):
    """Return *items* beginning with another one each time."""
    number %= len(items)
    return [*items[number:], *items[:number]]


BEGAN = time.monotonic()


def say(words):
    """Tell how far it is."""
    print(f"{time.monotonic() - BEGAN:4.0f} s  {words}", file=sys.stderr, flush=True)


# The time of each action, by each peer.


def times(peers, size):
    """Return what each action took: rows of kind, action, peer, seconds, codes, seen.

    An empty program, timed in each round, is an action of the floor.
    """
    rows = {}

    def note(site, action, peer, ended):
        row = rows.setdefault((site.kind, action, peer), ([], [], []))
        for column, value in zip(row, (ended.seconds, ended.code, ended.seen)):
            column.append(value)

    for site in (Nginx(), Fpm()):
        for number in range(size.rounds):
            say(f"{site.kind}: round {number + 1} of {size.rounds}")
            for peer in turned(peers, number):
                for action in ACTIONS[site.kind]:
                    if peer.can(site, action) and takes_part(peer, action, number, size):
                        note(site, action, peer.name, one(peer, site, action))
                site.clear()
            note(site, EMPTY_PROGRAM, "floor", Run(timed(EMPTY), 0, seen=True))
    return [
        {
            "kind": kind,
            "action": action,
            "peer": peer,
            "seconds": took,
            "codes": codes,
            "seen": seen,
        }
        for (kind, action, peer), (took, codes, seen) in rows.items()
    ]


def takes_part(peer, action, number, size):
    """Tell whether a peer does an action in a round: what takes seconds is done in few."""
    late = action == "failed upgrade" and peer.name not in ("floor", "initpy")
    every = size.late if late else size.slow if peer.slow else 1
    return (number + 1) % every == 0


def one(peer, site, action):
    """Have *peer* do *action* in a state that it is made for; return its Run."""
    if action == "start":
        site.clear()
    else:
        ensure(peer, site)
    with circumstances(site, action):
        return peer.act(site, action)


def ensure(peer, site):
    """See the site up and settled, and have *peer* start it if it is not."""
    try:
        if site.master:
            site.settle(within=5)
            return
    except looking.Late:
        pass
    for starter in (peer, Floor()):  # whoever comes up, it is to be measured
        site.clear()
        starter.run(site, "start")
        try:
            site.settle(within=10)
        except looking.Late:
            continue
        return
    raise SystemExit(f"{site.kind} does not start")


def prepare(site, action):
    """Bring a site into the state in which an action is done."""
    if action == "start":
        site.clear()
    elif action != "stopped status":  # which follows a stop
        ensure(Floor(), site)
    if action == "recover":
        crash(site)


@contextmanager
def circumstances(site, action):
    """Break what makes an action fail, and mend it."""
    if action == "failed reload":
        site.break_config()
    if action == "failed upgrade":
        site.break_binary()
    try:
        yield
    finally:
        if action == "failed reload":
            site.configure()
        if action == "failed upgrade":
            site.mend_binary()


def crash(site):
    """SIGKILL the master, and see it dead."""
    master = site.master
    os.kill(master, signal.SIGKILL)
    until(lambda: not looking.alive(master), "the master to be dead")


# The start of the interpreter.

EMPTY = [INTERPRETER, "-I", "-c", "pass"]


def startup(site, size):
    """Return seconds of empty programs, and of status of an nginx that initpy has started.

    pass: Debian's interpreter with the .pth files of this host; bare: with none.
    """
    ensure(INITPY, site)
    commands = {
        "pass": EMPTY,
        "bare": [BARE, *EMPTY[1:]],
        "status": initpy_words(site, "status"),
    }
    took = {name: [] for name in commands}
    for number in range(size.startups):
        for name in turned(list(commands), number):
            took[name].append(timed(commands[name]))
    site.clear()
    return took


def timed(words):
    """Return the seconds that a command takes."""
    began = time.perf_counter()
    run(words)
    return time.perf_counter() - began


def imports(site, size):
    """Return what status loads beyond an empty program: module and seconds, the dearest first."""
    ensure(INITPY, site)
    took = {}
    for _ in range(size.startups):
        for name, seconds in loaded(initpy_words(site, "status")).items():
            took.setdefault(name, []).append(seconds)
    site.clear()
    least = loaded(["-c", "pass"])
    rows = [(name, median(seconds)) for name, seconds in took.items() if name not in least]
    return sorted(rows, key=lambda row: -row[1])


def loaded(program):
    """Return the modules that a program loads without site, with the seconds of each alone."""
    words = [INTERPRETER, "-IS", "-X", "importtime", *program]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    lines = [line.split("|") for line in said.splitlines() if line.startswith("import time:")]
    return {line[2].strip(): int(line[0].split(":")[1]) / 1e6 for line in lines[1:]}
