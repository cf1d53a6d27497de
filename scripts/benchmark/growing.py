"""How time and memory grow with the host, the service, its configuration, and with many at once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager

import looking
from looking import until
from losing import load
from measuring import EMPTY, crash, prepare, say, timed, turned
from namespace import generate
from peers import INITPY, Floor, initpy_words
from promises import FAILS
from remembering import remembered
from sites import Nginx

LOOKING = ("status", "stopped status")
GROWING = ("start", "status", "reload", "upgrade", "restart", "recover", "stop", "stopped status")


def growth(size):
    """Return rows of what, size, action, peer, seconds, and memory of initpy's in KiB."""
    took, memory = {}, {}
    for number in range(size.crowding):
        # The small ones between the large ones, or a drift would pass for growth.
        for count in size.processes:
            say(f"beside {count} other processes")
            with crowd(count):
                grow(("processes", count), Nginx(), number, size.looks, took, memory)
    for number in range(size.growing):
        for count in size.workers:
            say(f"with {count} workers")
            grow(("workers", count), Nginx(workers=count), number, size.looks, took, memory)
        for count in size.blocks:
            say(f"with {count} server blocks")
            grow(("blocks", count), Nginx(blocks=count), number, size.looks, took, memory)
    Nginx()
    return [
        {
            "what": what,
            "size": count,
            "action": action,
            "peer": peer,
            "seconds": seconds,
            "memory": memory[what, count, action] if peer == "initpy" else None,
        }
        for (what, count, action, peer), seconds in took.items()
    ]


def grow(key, site, number, looks, took, memory):
    """Do every action once by initpy and by the floor, and look several times.

    Beside each look by initpy, an empty program is timed.
    """
    for peer in turned([INITPY, Floor()], number):
        for action in [action for action in GROWING if peer.can(site, action)]:
            for _ in range(looks if action in LOOKING else 1):
                took.setdefault((*key, action, peer.name), []).append(once(peer, site, action))
                if peer is INITPY and action in LOOKING:
                    took.setdefault((*key, action, "empty"), []).append(timed(EMPTY))
        site.clear()
    if not number:
        for action in GROWING:
            memory[(*key, action)] = remembered(site, action)
        site.clear()


def once(peer, site, action):
    """Return the seconds of one action that must end as it should."""
    prepare(site, action)
    ended = peer.act(site, action)
    if ended.code != FAILS.get(action, 0) or not ended.seen:
        raise SystemExit(f"{peer.name} {action} of {site.kind}: exit {ended.code}")
    return ended.seconds


@contextmanager
def crowd(count):
    """Have so many other processes, which do nothing."""
    # Perl, since its processes are small, and it is on every Debian.
    program = (
        "$| = 1; for (1..shift) { $child = fork; defined $child or exit; sleep unless $child }"
        ' print "here\\n"; sleep'
    )
    before = len(looking.pids())
    child = subprocess.Popen(
        ["/usr/bin/perl", "-e", program, str(count)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        if child.stdout.readline() != b"here\n":
            raise SystemExit("no crowd: is there a limit of processes?")
        yield
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        until(lambda: len(looking.pids()) <= before, "the crowd to go")


# Many at once.


def instances(size):
    """Return rows of instances, action, seconds until all were done, failed, lost, answered."""
    rows = []
    for count in size.instances:
        say(f"{count} instances at once")
        sites = [Nginx(f"site{number}", port=8000 + number) for number in range(count)]
        for site in sites:
            generate(
                "nginx", site.name, daemon=site.binary, config=site.config, pidfile=site.pidfile
            )
        for action in ("start", "status", "upgrade", "recover", "stop"):
            if action == "recover":
                for site in sites:
                    crash(site)
            if action in ("upgrade", "recover"):
                with load(*(site.port for site in sites)) as clients:
                    row = together(sites, action)
                    row.update(clients.stop())
            else:
                row = together(sites, action)
            rows.append({"instances": count, **row})
            if action != "stop":
                for site in sites:
                    site.settle()
        sites[0].clear()
    return rows


def together(sites, action):
    """Do an action on all of them at once."""
    words = [initpy_words(site, "start" if action == "recover" else action) for site in sites]
    before = [site.master for site in sites]
    began = time.perf_counter()
    children = [
        subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for argv in words
    ]
    codes = [child.wait() for child in children]
    seconds = time.perf_counter() - began
    after = [site.master for site in sites]
    changed = {"start", "upgrade", "recover"}
    failed = sum(
        bool(code or (action in changed and (not new or new == old)) or (action == "stop" and new))
        for code, old, new in zip(codes, before, after)
    )
    return {"action": action, "seconds": seconds, "failed": failed}
