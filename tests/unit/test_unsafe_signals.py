"""Where the kernel refuses pidfds: known before anything is done; stop works by kill(2)."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
from fakes import Run

from initpy.actions.reload import reload
from initpy.actions.reopen import reopen
from initpy.actions.restart import restart, try_restart
from initpy.actions.start import start
from initpy.actions.stop import force_quit, stop
from initpy.actions.upgrade import upgrade
from initpy.control.signals import killproc
from initpy.daemons.nginx import NGINX
from initpy.errors import InitError

REFUSAL = "the kernel refuses pidfd_open(2): Operation not permitted"
LESS_SAFE = f"{REFUSAL}: kill(2) sends the signals, which is less safe"


@pytest.fixture
def refused(host):
    """Have the kernel refuse pidfds."""
    host.unsafe = REFUSAL
    return host


@pytest.mark.parametrize("action", [reload, reopen, upgrade, restart, try_restart])
def test_nothing_is_sent(refused, nginx, action):
    """What can be left undone is not done, and says why."""
    nginx.run()

    with pytest.raises(InitError, match="a signal might reach another process: none") as failed:
        action(NGINX, refused)

    assert (1, []) == (failed.value.exit_code, refused.sent)
    assert [] == refused.spawned


@pytest.mark.parametrize("action", [stop, force_quit])
def test_stop(refused, nginx, action):
    """A service can be stopped anywhere, and it is said how."""
    nginx.run()

    action(NGINX, refused)

    assert ({}, [LESS_SAFE]) == (refused.processes, refused.told)


@pytest.mark.parametrize("action", [start, stop, restart])
def test_stopped(refused, nginx, action):
    """Where nothing is signalled there is nothing to be said."""
    action(NGINX, refused)

    assert [] == refused.told


def test_start_after_a_crash(refused, nginx):
    """A start has to signal the workers of a dead master, and says how."""
    refused.end(nginx.run())

    start(NGINX, refused)

    assert LESS_SAFE in refused.told
    assert 1 == len(nginx.serving())


def test_start_that_fails(refused, nginx):
    """It ends what it has started, and says how."""
    nginx.started = Run(seconds=1000)

    with pytest.raises(InitError, match="nginx to come up"):
        start(NGINX, refused)

    assert ({}, True) == (refused.processes, LESS_SAFE in refused.told)


def test_killproc(refused):
    """Nor does a shell script send a signal without a word."""
    killproc(refused.add().id, host=refused)

    assert [LESS_SAFE] == refused.told


PROGRAM = """
import errno, os, subprocess, sys
from confined import refuse
from initpy.host import Host
from initpy.host.procfs import Process

host, numbers = Host(), [int(word) for word in sys.argv[2:]]
refuse(dict.fromkeys(numbers, int(sys.argv[1])))
child = subprocess.Popen(["/bin/sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
process = host.find(child.pid)
other = Process(pid=process.pid, started=process.started - 1)
print(host.why_unsafe(), host.kill(other, 9), host.kill(process, 15), child.wait(), sep="|")
print(host.kill(process, 15))
"""


@pytest.mark.parametrize("reason", [errno.EPERM, errno.ENOSYS])
@pytest.mark.parametrize(("call", "number"), [("pidfd_open", 434), ("pidfd_send_signal", 424)])
def test_kill(reason, call, number):
    """By kill(2), after a last comparison: another process of that number gets nothing."""
    argv = [sys.executable, "-c", PROGRAM, str(reason), str(number)]
    environment = {**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))}

    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)

    why = f"the kernel refuses {call}(2): {os.strerror(reason)}"
    assert f"{why}|False|True|-15\nFalse\n" == done.stdout, done
