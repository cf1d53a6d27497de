"""What clients lose while an action is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import floor
import looking
from measuring import crash, say, turned
from peers import Floor, Peer
from sites import Fpm, Nginx

HERE = os.path.dirname(os.path.abspath(__file__))
CONNECTIONS = 16
LINGER = 0.3  # seconds that clients go on after the action, and before it
LOADED = ("reload", "upgrade", "restart", "recover")


class Load:
    """Clients that never pause, in a process of their own."""

    def __init__(self, ports, path="/", *, keep=False):
        asking = max(CONNECTIONS, len(ports))  # so that each is asked
        words = [",".join(map(str, ports)), path, str(asking), "keep" if keep else "close"]
        self._child = subprocess.Popen(
            [sys.executable, "-I", f"{HERE}/clients.py", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._child.stdout.readline() != "asking\n":
            raise SystemExit("the clients do not ask")
        time.sleep(LINGER)

    def stop(self):
        """Return what they have seen; they stop."""
        time.sleep(LINGER)
        told, _ = self._child.communicate(timeout=30)
        return json.loads(told)

    def close(self):
        """End them, whatever they have seen."""
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()


@contextmanager
def load(*ports, path="/", keep=False):
    """Have clients ask meanwhile."""
    clients = Load(ports, path, keep=keep)
    try:
        yield clients
    finally:
        clients.close()


def losses(peers, size):
    """Return what clients lost: rows of kind, action, peer, keep, answered, lost, gap, ended."""
    nginx, fpm = Nginx(), Fpm()
    rows = {}
    # Nobody does anything: what the clients themselves are like.
    idle = Peer("no action", lambda _site, action: ["/bin/true"] if action == "reload" else None)
    for site in (nginx, fpm):
        kind = site.kind
        for action in LOADED:
            say(f"{kind}: {action} under load")
            for number in range(size.losing):
                several = number >= size.others_losing
                asked = [
                    peer
                    for peer in (idle, *peers)
                    if not several or peer.name in ("floor", "initpy")
                ]
                for peer in turned(asked, number):
                    for keep in size.keeping:
                        if peer.can(site, action):
                            told = lose(peer, site, nginx, action, keep)
                            rows.setdefault((kind, action, peer.name, keep), []).append(told)
    return [
        {"kind": kind, "action": action, "peer": peer, "keep": keep, "runs": runs}
        for (kind, action, peer, keep), runs in rows.items()
    ]


def lose(peer, site, front, action, keep):
    """Do one action under load; return what clients saw, its code and whether it was done."""
    site.clear()
    front.clear()
    starter = peer if peer.can(site, "start") and peer.name != "no action" else Floor()
    starter.run(site, "start")
    site.settle()
    if site is not front:
        floor.start(front)
        front.settle()
    path = "/" if site is front else "/php"
    with load(front.port, path=path, keep=keep) as clients:
        if action == "recover":
            crash(site)
        ended = peer.act(site, action)
        try:
            site.settle(within=1)  # what goes on after the action is its doing, too
            settled = True
        except looking.Late:
            settled = False
        told = clients.stop()
    peer.forget(site)
    site.clear()
    front.clear()
    lost = sum(told["lost"].values())
    return {
        "answered": told["answered"],
        "lost": lost,
        "reasons": told["lost"],
        "gap": told["gap"],
        "code": ended.code,
        "seen": ended.seen,
        "settled": settled,
    }
