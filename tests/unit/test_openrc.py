from __future__ import annotations

import sys

import pytest
from fakes import Run

from initpy.cli import main
from initpy.daemons.nginx import NGINX
from initpy.openrc import STARTED

SCRIPT = "/etc/init.d/nginx"
PROGRAMS = "/usr/lib/rc/sbin"


@pytest.fixture
def openrc(host, nginx):
    """Have OpenRC run the host, with its programs in Debian's place; return what they answer."""
    answers = {"started": Run(), "stopped": Run()}
    host.put(STARTED, kind="dir")
    host.put("/etc/init.d", kind="dir")
    host.put(SCRIPT, mode=0o755)
    host.put(PROGRAMS, kind="dir")

    def marks(state):
        host.put(f"{PROGRAMS}/mark_service_{state}", mode=0o755)
        host.programs[f"{PROGRAMS}/mark_service_{state}"] = lambda _argv: answers[state]

    for state in answers:
        marks(state)
    return answers


@pytest.fixture
def call(host, monkeypatch):
    """Give what runs a script as a person does; it returns the exit code."""

    def called(*argv, script=SCRIPT):
        monkeypatch.setattr(sys, "argv", [script, *argv])
        return main(NGINX, host=host)

    return called


def told(host):
    """Return what OpenRC was told."""
    return [" ".join(argv) for argv, _, _ in host.spawned if PROGRAMS in argv[0]]


@pytest.mark.parametrize("action", ["start", "restart", "force-reload", "reload", "upgrade"])
def test_running(host, nginx, openrc, call, action):
    """What runs after an action is started, whether or not OpenRC has started it."""
    nginx.run()

    assert 0 == call(action)
    assert [f"{PROGRAMS}/mark_service_started nginx"] == told(host)


def test_started(host, nginx, openrc, call):
    """A start is told, too."""
    assert 0 == call("start")
    assert [f"{PROGRAMS}/mark_service_started nginx"] == told(host)


def test_known_already(host, nginx, openrc, call):
    """What OpenRC knows it is not told again."""
    nginx.run()
    host.put(f"{STARTED}/nginx", SCRIPT, kind="link")

    assert 0 == call("reload")
    assert [] == told(host)


@pytest.mark.parametrize("marked", [True, False])
def test_stopped(host, nginx, openrc, call, marked):
    """After a stop it is stopped; that clears what else OpenRC has of it."""
    nginx.run()
    if marked:
        host.put(f"{STARTED}/nginx", SCRIPT, kind="link")

    assert 0 == call("stop")
    assert [f"{PROGRAMS}/mark_service_stopped nginx"] == told(host)


def test_failed_start(host, nginx, openrc, call):
    """Debian's service(8) marks a service before it calls the script: that is corrected."""
    host.put(f"{STARTED}/nginx", SCRIPT, kind="link")
    host.programs[NGINX.daemon] = lambda _argv: Run(code=1, output="[emerg] oops")

    assert 0 != call("start")
    assert [f"{PROGRAMS}/mark_service_stopped nginx"] == told(host)


def test_crashed(host, nginx, openrc, call):
    """Workers that a crashed master has left are to be stopped at halt."""
    host.end(nginx.run())

    call("configtest")

    assert [f"{PROGRAMS}/mark_service_started nginx"] == told(host)


@pytest.mark.parametrize("argv", [["status"], ["oops"], []])
def test_nothing_done(host, nginx, openrc, call, argv):
    """A look, and a wrong argument, change nothing."""
    nginx.run()

    call(*argv)

    assert [] == told(host)


def test_another_script(host, nginx, openrc, call):
    """OpenRC has no service for a script that stands elsewhere."""
    nginx.run()
    host.put("/opt/nginx", mode=0o755)

    assert 0 == call("start", script="/opt/nginx")
    assert [] == told(host)


def test_users(host, nginx, openrc, call):
    """A user who may not act does not mark."""
    nginx.run()
    host.euid = 1000

    call("start")

    assert [] == told(host)


def test_mark_fails(host, nginx, openrc, call, capsys):
    """A mark that fails is told, and the action is what it was."""
    nginx.run()
    openrc["started"] = Run(code=1, output="no room")

    assert 0 == call("start")
    assert "OpenRC does not know what nginx is now" in capsys.readouterr().err


def test_no_program(host, nginx, openrc, call, capsys):
    """Without its program OpenRC cannot be told, which is said."""
    nginx.run()
    del host.files[f"{PROGRAMS}/mark_service_started"]

    assert 0 == call("start")
    assert "mark_service_started is not installed" in capsys.readouterr().err
