"""Whoever calls: nothing of his ways reaches the daemon, and none of them hinders an action."""

from __future__ import annotations

import ast
import os
import resource
import stat
import sys

import pytest
from real_load import run

from initpy.host import Host

pytestmark = pytest.mark.fault


def shell(command):
    """Return what runs a program after a shell *command*."""
    return ["sh", "-c", f'{command}; exec "$@"', "sh"]


CALLERS = {
    "SIGCHLD ignored": ["env", "--ignore-signal=CHLD"],
    "signals blocked": ["env", "--block-signal=TERM,CHLD,HUP,INT,QUIT,USR1,USR2,WINCH"],
    "umask, nice level, oom_score_adj, CPUs, scheduler, core files": [
        *shell("umask 077"),
        *("nice", "-n", "7", "choom", "-n", "500", "--", "taskset", "-c", "0"),
        *("chrt", "--idle", "0", "prlimit", "--core=unlimited:unlimited", "--"),
    ],
    "a limit of 64 open files": ["prlimit", "--nofile=64:64", "--"],
    "soft limits of open files and memory": ["prlimit", "--nofile=64:", "--as=100000000:", "--"],
    "no standard streams": shell("exec <&- >&- 2>&-"),
}
CAP_SYS_RESOURCE = 24
GIVEN = ("nice", "scheduler", "affinity", "oom_score_adj")
NAMES = [name for name in dir(resource) if name.startswith("RLIMIT_") and name[-6:] != "_OFILE"]
# Not to its standard output, which may be closed.
LIMITS = f"""import resource, sys
found = {{name: resource.getrlimit(getattr(resource, name)) for name in {NAMES}}}
open(sys.argv[1], "w").write(repr(found))"""


def given(process):
    """Return what a process has from whoever started it."""
    found = Host().surroundings(process)
    return {field: getattr(found, field) for field in GIVEN}, found.limits


def height(limit):
    """Return a limit as a number that can be compared."""
    return float("inf") if limit == resource.RLIM_INFINITY else limit


def within_reach(limits, caller, path):
    """Return the limits that are as near to *limits* as a caller without CAP_SYS_RESOURCE comes."""
    with open("/proc/self/status") as file:
        effective = next(line for line in file if line.startswith("CapEff:"))
    if int(effective.split()[1], 16) >> CAP_SYS_RESOURCE & 1:
        return limits
    run([*caller, sys.executable, "-c", LIMITS, path])
    with open(path) as file:
        own = ast.literal_eval(file.read())
    most = {name: min(limits[name][1], own[name][1], key=height) for name in limits}
    return {name: (min(limits[name][0], most[name], key=height), most[name]) for name in limits}


@pytest.mark.parametrize("caller", CALLERS)
def test_caller(site, caller):
    """The caller has odd limits, signals, umask or streams: a daemon has nothing of them."""
    start = Host().start_surroundings()
    wanted = {field: getattr(start, field) for field in GIVEN}
    limits = within_reach(start.limits, CALLERS[caller], site.path("limits"))

    for action in ("configtest", "start", "reload", "upgrade", "reopen", "restart"):
        result = run([*CALLERS[caller], site.wrapper, action])

        assert 0 == result.code, (action, result)
        if action != "configtest":
            assert (wanted, limits) == given(site.master), action
            assert 0o644 == stat.S_IMODE(os.stat(site.pidfile).st_mode), action

    assert 0 == run([*CALLERS[caller], site.wrapper, "stop"]).code
    assert {} == site.place.processes()
