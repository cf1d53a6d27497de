"""What is measured, and how: plain numbers come out, for ``figures``.

Everything alternates: each round goes once through all who are compared, in
an order that turns, since a machine's speed drifts.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from statistics import median

import floor
import looking
from looking import until
from namespace import INTERPRETER, generate
from peers import ACTIONS, Floor, Peer, initpy_words, run
from promises import FAILS
from sites import SCRATCH, Fpm, Nginx

HERE = os.path.dirname(os.path.abspath(__file__))
CONNECTIONS = 16
LINGER = 0.3  # seconds that clients go on after the action, and before it
LOADED = ("reload", "upgrade", "restart", "recover")


class Size:
    """How much is measured."""

    def __init__(self, quick):
        self.rounds = 1 if quick else 30  # of every action by every peer
        self.startups = 5 if quick else 100  # of the interpreter
        self.losing = 1 if quick else 10  # of every action under load by initpy, and by the floor
        self.others_losing = 0 if quick else 1  # by every peer
        self.keeping = (False,) if quick else (False, True)  # connections
        # Debian's script says after 10 seconds that an upgrade has failed.
        self.patient = not quick
        self.growing = 1 if quick else 2  # of every action of every size
        self.crowding = 1 if quick else 5  # the same, of every number of other processes
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
    """Return what each action took: rows of kind, action, peer, seconds, codes, seen."""
    rows = {}
    for site in (Nginx(), Fpm()):
        for number in range(size.rounds):
            say(f"{site.kind}: round {number + 1} of {size.rounds}")
            for peer in turned(peers, number):
                for action in ACTIONS[site.kind]:
                    late = action == "failed upgrade" and peer.name not in ("floor", "initpy")
                    if peer.can(site, action) and (size.patient or not late):
                        ended = one(peer, site, action)
                        row = rows.setdefault((site.kind, action, peer.name), ([], [], []))
                        for column, value in zip(row, (ended.seconds, ended.code, ended.seen)):
                            column.append(value)
                site.clear()
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


# The start of the interpreter.


def startup(site, size):
    """Return seconds of an empty program, of status, and of the test of the configuration."""
    floor.start(site)
    site.settle()
    commands = {
        "pass": [INTERPRETER, "-I", "-c", "pass"],
        "status": initpy_words(site, "status"),
        "nginx -t": [site.binary, "-t"],
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
    floor.start(site)
    site.settle()
    took = {}
    for _ in range(size.startups):
        for name, seconds in loaded(initpy_words(site, "status")).items():
            took.setdefault(name, []).append(seconds)
    site.clear()
    least = loaded(["-c", "pass"])
    rows = [(name, median(seconds)) for name, seconds in took.items() if name not in least]
    return sorted(rows, key=lambda row: -row[1])


def loaded(program):
    """Return the modules that a program loads, with the seconds of each by itself."""
    words = [INTERPRETER, "-I", "-X", "importtime", *program]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    lines = [line.split("|") for line in said.splitlines() if line.startswith("import time:")]
    return {line[2].strip(): int(line[0].split(":")[1]) / 1e6 for line in lines[1:]}


# Requests lost.


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
                asked = [peer for peer in peers if not several or peer.name in ("floor", "initpy")]
                for peer in turned([idle, *asked], number):
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


def crash(site):
    """SIGKILL the master, and see it dead."""
    master = site.master
    os.kill(master, signal.SIGKILL)
    until(lambda: not looking.alive(master), "the master to be dead")


# Growth.

GROWING = ("start", "status", "reload", "upgrade", "restart", "recover", "stop")
AS_EVER = Peer("initpy", initpy_words)


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
    """Do every action once by initpy and by the floor, and look several times."""
    for peer in turned([AS_EVER, Floor()], number):
        for action in GROWING:
            for _ in range(looks if action == "status" else 1):
                took.setdefault((*key, action, peer.name), []).append(once(peer, site, action))
        site.clear()
    if not number:
        for action in GROWING:
            memory[(*key, action)] = remembered(site, action)
        site.clear()


def once(peer, site, action):
    """Return the seconds of one action that must succeed."""
    if action == "start":
        site.clear()
    else:
        ensure(Floor(), site)
    if action == "recover":
        crash(site)
    ended = peer.act(site, action)
    if ended.code or not ended.seen:
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


# What a wrapper's process, and the largest of those that it runs, had in
# memory. The kernel's own account of a child begins with that of whoever
# forked it, so the process tells itself.
REMEMBER = """
import os, posix, sys

def tell(code):
    if os.getpid() == wrapper:
        import resource
        with open("/proc/self/status") as file:
            own = next(line.split()[1] for line in file if line.startswith("VmHWM"))
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        with open(path, "w") as file:
            file.write(f"{own} {children}")
    leave(code)

leave, posix._exit, wrapper = posix._exit, tell, os.getpid()
path, *sys.argv = sys.argv[1:]
with open(sys.argv[0]) as file:
    exec(compile(file.read(), sys.argv[0], "exec"))
"""


def remembered(site, action):
    """Return KiB of the wrapper's own process, and of the largest of its children."""
    if action == "start":
        site.clear()
    else:
        ensure(Floor(), site)
    if action == "recover":
        crash(site)
    words = initpy_words(site, "start" if action == "recover" else action)
    path = f"{SCRATCH}/memory"
    code = run([INTERPRETER, "-I", "-c", REMEMBER, path, *words])
    if code != FAILS.get(action, 0):
        raise SystemExit(f"{action} of {site.kind}, to see its memory: exit {code}")
    own, children = looking.read(path).split()
    os.unlink(path)
    return {"own": int(own), "children": int(children)}


def memory():
    """Return KiB of every action of both daemons."""
    rows = []
    for site in (Nginx(), Fpm()):
        for action in (*ACTIONS[site.kind], "recover"):
            ensure(Floor(), site)
            with circumstances(site, action):
                rows.append({"kind": site.kind, "action": action, **remembered(site, action)})
        site.clear()
    return rows


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
