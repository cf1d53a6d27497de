"""Nobody reads what an action writes: a terminal after Ctrl-S, a pager that is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import termios
from contextlib import contextmanager

import pytest
from real_daemons import wait_until

pytestmark = pytest.mark.fault

WITHIN = 20  # seconds; an action that waits for a reader never ends


@contextmanager
def full_pipe():
    """Give a pipe into which nothing goes any more."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for size in (4096, 1):
        while True:
            try:
                os.write(writer, b"x" * size)
            except BlockingIOError:
                break
    os.set_blocking(writer, True)
    try:
        yield writer
        assert os.get_blocking(writer)
    finally:
        os.close(reader)
        os.close(writer)


@contextmanager
def stopped_terminal():
    """Give a terminal after Ctrl-S."""
    master, terminal = os.openpty()
    termios.tcflow(terminal, termios.TCOOFF)
    try:
        yield terminal
        assert os.get_blocking(terminal)
    finally:
        os.close(terminal)
        os.close(master)


@pytest.mark.parametrize(
    ("stuck", "actions"),
    [
        (full_pipe, ("start", "upgrade", "reopen", "status")),
        (stopped_terminal, ("start", "configtest", "reload", "restart", "stop")),
    ],
)
def test_action(site, stuck, actions):
    """Nobody reads what an action writes (Ctrl-S, a full pipe): it does its work, and ends."""
    with stuck() as stream:
        for action in actions:
            argv = [site.wrapper, action]
            ended = subprocess.run(argv, check=False, stdout=stream, stderr=stream, timeout=WITHIN)

            assert 0 == ended.returncode, action
            assert action == "stop" or site.ask(), action


@pytest.mark.parametrize(
    ("stuck", "sig"),
    [
        (full_pipe, signal.SIGTERM),
        (stopped_terminal, signal.SIGINT),
        (stopped_terminal, signal.SIGHUP),
    ],
)
def test_signal(nginx, client, stuck, sig):
    """INT, TERM or HUP while an upgrade writes and nobody reads: 150, the old master serves."""
    old = nginx.master
    sleep = nginx.place.tool("sleep")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK='{sleep} 600'\n")
    checks = lambda: any(t.startswith(sleep) for t in nginx.place.processes().values())  # noqa: E731
    with stuck() as stream:
        argv = [nginx.wrapper, "upgrade"]
        with subprocess.Popen(argv, stdout=stream, stderr=stream) as upgrade:
            wait_until(checks, "the check to run")
            upgrade.send_signal(sig)
            upgrade.wait(WITHIN)

    assert 150 == upgrade.returncode
    assert old == nginx.master
    assert nginx.act("reload", "--timeout", "5").code == 0  # the lock is free
    assert [] == client.bad


def test_test_output(site):
    """The daemon has much to say of its configuration, and nobody reads: 6 all the same."""
    site.start()
    with open(site.config, "w") as file:
        file.write("nonsense\n")
    with full_pipe() as stream:
        argv = [site.wrapper, "reload"]
        ended = subprocess.run(argv, check=False, stdout=stream, stderr=stream, timeout=WITHIN)

    assert 6 == ended.returncode
    assert site.ask()
