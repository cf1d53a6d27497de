"""A pidfile that does not name the service, and what a script makes of it.

LSB knows pidfiles as what ``pidofproc -p`` reads: one line with numbers of
processes. What else may be in them, anybody finds out who has had a crash, a
full disk, or a busy machine that gives numbers away again.
"""

import os

from conformance.bench import numbers
from conformance.registry import check


class Strangers:
    """Processes that are none of the service's, and must not be signalled."""

    def __init__(self, bench):
        self.bench = bench
        self.pids = set()

    def add(self, pid=None):
        """Return the number of one that lives; *pid*, if that is wanted."""
        if pid not in self.pids:
            pid = self.bench.stranger(pid)
            self.pids.add(pid)
        return pid

    def expect_unharmed(self, after):
        """Note a problem if one of them has been ended."""
        ended = self.bench.harmed(self.pids) if self.pids else []
        self.pids -= set(ended)
        self.bench.expect(not ended, f"{after}; it killed a process that is not the service's")


def _crash(bench):
    """Kill the service, see that its pidfile is left, and return the number in it."""
    bench.begin_running()
    pidfile = bench.facts["pidfile"]
    dead = min(bench.roots() & numbers(pidfile) or bench.roots(), default=0)
    bench.kill_all()
    if not os.path.lexists(pidfile):
        _write(bench, f"{dead}\n")
    return dead


def _write(bench, text):
    with open(bench.facts["pidfile"], "w") as file:
        file.write(text)


def _stopped(bench, spoil):
    """See what a stopped service's actions make of a pidfile that *spoil* has written.

    spoil: called before every action with the strangers and the dead master's number.
    """
    dead = _crash(bench)
    strangers = Strangers(bench)

    spoil(strangers, dead)
    outcome = bench.act("status")
    bench.expect(outcome.code != 0, f"{outcome}; it does not run")

    for action in ("stop", "reload"):
        if action in bench.facts["actions"]:
            spoil(strangers, dead)
            strangers.expect_unharmed(bench.act(action))

    spoil(strangers, dead)
    outcome = bench.act("start")
    bench.expect_code(outcome, 0)
    bench.expect_up(outcome)
    strangers.expect_unharmed(outcome)


def _running(bench, spoil):
    """See what a running service's actions make of a pidfile that *spoil* has written.

    spoil: called before every action with the strangers and None.
    """
    bench.begin_running()
    strangers = Strangers(bench)

    spoil(strangers, None)
    outcome = bench.act("status")
    bench.expect(outcome.code in (0, 4), f"{outcome}; it runs, so should be 0 or 4")

    spoil(strangers, None)
    outcome = bench.act("start")
    strangers.expect_unharmed(outcome)
    bench.expect_once(outcome)

    spoil(strangers, None)
    outcome = bench.act("stop")
    strangers.expect_unharmed(outcome)
    if outcome.code == 0:
        bench.expect_gone(outcome)


def _empty(bench):
    return lambda _strangers, _dead: _write(bench, "")


def _garbage(bench):
    return lambda _strangers, _dead: _write(bench, "no number\n")


def _negative(bench):
    """Name the group of a stranger: kill(2) takes that for all of its members."""
    return lambda strangers, _dead: _write(bench, f"-{strangers.add()}\n")


def _recycled(bench):
    return lambda strangers, dead: _write(bench, f"{strangers.add(dead)}\n")


def _lost(bench):
    return lambda _strangers, _dead: _lose(bench)


def _lose(bench):
    if os.path.lexists(bench.facts["pidfile"]):
        os.unlink(bench.facts["pidfile"])


@check("stale pidfile, status", "runs", "pidfile")
def stale_status(bench):
    """A status is 1 when the process is dead and its pidfile is still there (LSB, status 1)."""
    _crash(bench)

    bench.expect_code(bench.act("status"), 1)


@check("stale pidfile, start", "runs", "pidfile")
def stale_start(bench):
    """A start is not kept from its work by the pidfile of a dead process (LSB, start)."""
    _crash(bench)

    outcome = bench.act("start")

    bench.expect_code(outcome, 0)
    bench.expect_up(outcome)


@check("stale pidfile, stop", "runs", "pidfile")
def stale_stop(bench):
    """A stop is 0 when the process is dead and its pidfile is still there (LSB, stop)."""
    _crash(bench)

    bench.expect_code(bench.act("stop"), 0)


@check("empty pidfile, stopped", "runs", "pidfile")
def empty_stopped(bench):
    """An empty pidfile is not taken for a running service, and does not hinder a start."""
    _stopped(bench, _empty(bench))


@check("garbage in pidfile, stopped", "runs", "pidfile")
def garbage_stopped(bench):
    """Words in a pidfile are not taken for a running service, and do not hinder a start."""
    _stopped(bench, _garbage(bench))


@check("negative pidfile, stopped", "runs", "pidfile")
def negative_stopped(bench):
    """No group is signalled because a pidfile holds -N: the service is stopped (kill(2))."""
    _stopped(bench, _negative(bench))


@check("recycled pidfile, stopped", "runs", "pidfile")
def recycled_stopped(bench):
    """A process that got a dead one's number is not taken for it (LSB: no similarly named ones)."""
    _stopped(bench, _recycled(bench))


@check("empty pidfile, running", "runs", "pidfile")
def empty_running(bench):
    """An empty pidfile is no reason to call a running service dead, or stopped."""
    _running(bench, _empty(bench))


@check("garbage in pidfile, running", "runs", "pidfile")
def garbage_running(bench):
    """Words in a pidfile are no reason to call a running service dead, or stopped."""
    _running(bench, _garbage(bench))


@check("negative pidfile, running", "runs", "pidfile")
def negative_running(bench):
    """A group named by a pidfile is not signalled, nor the service called stopped."""
    _running(bench, _negative(bench))


@check("recycled pidfile, running", "runs", "pidfile")
def recycled_running(bench):
    """A process that the pidfile names by mistake is not signalled for the service."""
    _running(bench, _recycled(bench))


@check("lost pidfile", "runs", "pidfile")
def lost_running(bench):
    """A service whose pidfile was lost still runs, and is not called dead or stopped."""
    _running(bench, _lost(bench))
