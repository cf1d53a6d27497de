"""A system call of a script fails, at any place: it says so, and the service is unharmed.

It fails once; or it fails from then on, and then the next action has to be able to mend it.
"""

from __future__ import annotations

import errno
import os
import platform
import random
import sys
from itertools import zip_longest

import pytest
from real_daemons import HERE, wait_until
from real_load import run

from initpy.errors import InitError
from initpy.state.snapshot import take_snapshot

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="tests/real/tracer.py is for x86_64"),
]

FAULTS = int(os.environ.get("INITPY_TEST_CALLS", "4"))  # of each case below
TRACER = os.path.join(HERE, "tracer.py")

ERRORS = {
    "openat": (errno.EMFILE, errno.EIO, errno.ENOMEM),
    "read": (errno.EIO,),
    "write": (errno.ENOSPC,),
    "getdents64": (errno.EIO,),
    "readlink": (errno.EIO,),
    "newfstatat": (errno.EIO, errno.ENOMEM),
    "pread64": (errno.EIO,),
    "pwrite64": (errno.ENOSPC,),
    "poll": (errno.ENOMEM,),
    "dup2": (errno.EMFILE,),
    "fcntl": (errno.EMFILE,),
    "ftruncate": (errno.EIO,),
    "mkdir": (errno.ENOSPC,),
    "pidfd_open": (errno.EMFILE, errno.ENOSYS, errno.EPERM),
    "pidfd_getfd": (errno.EMFILE, errno.EPERM),
    "pidfd_send_signal": (errno.EPERM,),
    "kill": (errno.EPERM,),
    "clone": (errno.EAGAIN, errno.ENOMEM),
    "wait4": (errno.ECHILD,),
    "waitid": (errno.ECHILD,),
    "socket": (errno.EMFILE,),
    "sendto": (errno.ENOBUFS,),
    "recvfrom": (errno.ENOMEM,),
    "flock": (errno.ENOLCK,),
    "renameat": (errno.EIO,),
    "unlink": (errno.EIO,),
    "unlinkat": (errno.EIO,),
    "memfd_create": (errno.EMFILE,),
    "pipe2": (errno.EMFILE,),
    "openat2": (errno.EMFILE,),
}
# The disk is full, or was mounted read-only; a limit has been reached. For a signal that is
# refused see tests/unit/test_calls_that_fail.py: workers would be waited for.
LASTING = {
    "openat": (errno.EMFILE,),
    "socket": (errno.EMFILE,),
    "pidfd_open": (errno.EMFILE,),
    "pipe2": (errno.EMFILE,),
    "memfd_create": (errno.EMFILE,),
    "clone": (errno.EAGAIN,),
    "mkdir": (errno.ENOSPC,),
    "pwrite64": (errno.ENOSPC,),
    "renameat": (errno.EROFS,),
    "unlinkat": (errno.EROFS,),
}
RUNNING = (
    "start",
    "stop",
    "restart",
    "try-restart",
    "reload",
    "force-reload",
    "upgrade",
    "configtest",
    "reopen",
    "status",
)
CASES = [
    *(("running", action) for action in RUNNING),
    *(("stopped", action) for action in ("start", "status", "configtest")),
    ("crashed", "start"),
]
MENDED = [
    *(("running", action) for action in ("restart", "reload", "upgrade")),
    ("crashed", "start"),
]
RENEWED = ("restart", "try-restart", "upgrade")  # another master
RELOADED = ("reload", "force-reload", *RENEWED)  # other workers
STANDARD = (1, 2)


class Trial:
    """An action in one state of a service, of which one call after the other fails."""

    def __init__(self, site, state, action, errors=ERRORS):
        self.site, self.state, self.action = site, state, action
        self.errors = errors
        self.report = site.place.path("calls")
        self.prepare()
        self.usual = self.run()
        self.made = self.calls()
        self.positions = self.chosen()

    def prepare(self):
        """Bring the service into the state."""
        site = self.site
        if self.state == "stopped":
            if site.place.processes():
                site.act("stop")
            assert {} == site.place.processes()
            return
        if site.master is None:
            site.start()
        wait_until(lambda: len(site.workers) == site.crew, "all workers")
        self.master, self.workers = site.master, site.workers
        if self.state == "crashed":
            site.kill(self.master)
            site.see_gone(self.master)

    def run(self, *fault):
        """Run the wrapper, whose call fails; without a fault, note its calls."""
        command = [sys.executable, TRACER, self.report, self.site.wrapper, *map(str, fault), "--"]
        return run([*command, self.action])

    def calls(self):
        """Return process, name, number and first argument of each call of the last run."""
        with open(self.report) as file:
            lines = [line.split() for line in file]
        return [(int(process), call, int(number), int(fd)) for process, call, number, fd in lines]

    def chosen(self):
        """Return process, call, number and error of what is to fail: rare calls first."""
        groups = {}
        for process, call, number, fd in self.made:
            for error in self.errors.get(call, ()):
                of_kind = groups.setdefault((process, call), [])
                of_kind.append((process, call, number, error, fd))
        dice = random.Random(f"{self.site.kind} {self.state} {self.action}")
        for found in groups.values():
            dice.shuffle(found)
        kinds = list(groups.values())
        dice.shuffle(kinds)
        return list(_in_turn(kinds))

    def of_old_master(self):
        """Return what of the calls that ask whether the old master may be signalled is to fail."""
        return [
            (process, call, number, errno.EPERM, fd)
            for process, call, number, fd in self.made
            if (call, fd) == ("kill", self.master.pid)
        ]

    def wrong(self, fault):
        """Let one call fail; return what is wrong then, or ""."""
        self.prepare()
        result = self.run(*fault[:4])
        try:
            return "; ".join(self.complaints(result, fault))
        except AssertionError as exc:
            return f"{exc} {result}"

    def complaints(self, result, fault):
        """Yield what is wrong, each in some words."""
        _, call, _, _, fd = fault
        if "Traceback" in result.err:
            yield f"a traceback: {result}"
        unheard = call == "write" and fd in STANDARD
        if result.code != self.usual.code:
            allowed = (4,) if self.action == "status" else (1, 4, 150)
            # Where sockets cannot be copied, an upgrade is not implemented.
            uncopied = (self.action, result.code) == ("upgrade", 3) and call.startswith("pidfd_")
            if result.code not in allowed and not uncopied:
                yield f"the code: {result}"
            said = (result.err or result.out).splitlines()[-1:] or [""]  # status tells on stdout
            if not unheard and len(said[0].partition(": ")[2]) < len("it"):
                yield f"no sentence: {result}"
        if lacking := self.left_lacking(result):
            yield f"{lacking}: {result} {self.site.place.processes()}"

    def left_lacking(self, result):
        """Return what is wrong with the service for good, or ""."""
        try:
            wait_until(lambda: not self.lacking(result), "the service")
        except InitError:
            return self.lacking(result)
        return ""

    def lacking(self, result):
        """Return what is wrong with the service after the action, or ""."""
        site, done = self.site, result.code == self.usual.code
        running = set(site.place.processes())
        masters = take_snapshot(site.service, site.host, thorough=True).masters
        stops = self.action == "stop" or (self.state == "stopped" and self.action != "start")
        if self.action == "status" or (self.state == "crashed" and running == self.workers):
            return "it is not recovered" if done and self.action == "start" else ""
        if not running:
            fine = stops or (self.state == "stopped" and not done)
        elif stops and done:
            fine = False
        else:
            fine = 1 == len(masters) and running == {*masters, *site.workers} and self.serves()
        if not fine:
            return f"masters {masters}, of {len(running)} processes"
        return self.untrue(masters[0]) if done and masters and self.state == "running" else ""

    def serves(self):
        """Tell whether the service answers."""
        try:
            return bool(self.site.ask(within=1))
        except (OSError, AssertionError):
            return False

    def untrue(self, master):
        """Return what of the promise of an action that is done does not hold, or ""."""
        if self.action in RENEWED and master == self.master:
            return "the old master"
        if self.action in RELOADED and self.workers & self.site.workers:
            return "old workers"
        same = (master, self.site.workers) == (self.master, self.workers)
        return "" if same or self.action in RELOADED else "other processes"

    def restore(self):
        """Begin anew after something was wrong."""
        wait_until(self.site.place._killed, "the processes to end")
        self.site.act("stop")


def _in_turn(groups):
    """Yield the first of each group, then the second of each, and so on."""
    for turn in zip_longest(*groups):
        yield from filter(None, turn)


def test_every_call_is_made(nginx, fpm):
    """A call that is to fail is one that the library makes; it may make others some day."""
    cases = [("running", "upgrade"), ("running", "stop"), ("crashed", "start")]
    trials = [Trial(site, *case) for site in (nginx, fpm) for case in cases]

    assert set(ERRORS) == {call for trial in trials for _, call, _, _ in trial.made}


@pytest.mark.parametrize(("state", "action"), CASES, ids=[f"{s} {a}" for s, a in CASES])
def test_one_call_fails(site, state, action):
    """A system call of a script fails: it says what, and the service is as before or as asked."""
    trial = Trial(site, state, action)

    assert_harmless(trial, trial.positions[:FAULTS])


@pytest.mark.parametrize(("state", "action"), MENDED, ids=[f"{s} {a}" for s, a in MENDED])
def test_calls_fail_from_then_on(site, state, action):
    """A system call never works again in a script: it ends and says why; a restart mends that."""
    trial = Trial(site, state, action, LASTING)
    wrong = []

    for fault in trial.positions[: max(FAULTS // 4, 1)]:
        trial.prepare()
        result = trial.run(*fault[:4], "lasting")
        claims = result.code in (trial.usual.code, 150)
        if claims and (lacking := trial.left_lacking(result)):
            wrong.append(f"{fault}: {lacking}: {result}")
        if result.code not in (trial.usual.code, 1, 150, 151) or "Traceback" in result.err:
            wrong.append(f"{fault}: {result}")
        if result.code != trial.usual.code and not (result.err or result.out).partition(": ")[2]:
            wrong.append(f"{fault}: no sentence: {result}")
        mended = site.script("restart")
        lacking = trial.left_lacking(mended)
        if mended.code or lacking:
            wrong.append(f"{fault}: {lacking}: {result} {mended}")
            trial.restore()

    assert [] == wrong, "\n".join(wrong)


@pytest.mark.parametrize("action", ["restart", "upgrade"])
def test_old_master_may_not_be_signalled(site, action):
    """The old master may not be signalled, at any moment: one master is left, and it serves."""
    trial = Trial(site, "running", action)
    faults = trial.of_old_master()

    assert faults
    assert_harmless(trial, faults)


def assert_harmless(trial, faults):
    """Let each of those calls fail, one after the other."""
    wrong = []
    for fault in faults:
        if complaint := trial.wrong(fault):
            wrong.append(f"{fault}: {complaint}")
            trial.restore()

    assert [] == wrong, "\n".join(wrong)
