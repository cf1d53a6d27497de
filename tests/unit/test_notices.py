from __future__ import annotations

import signal
import sys

import pytest
from fakes import Run

from initpy.control.starting.launch import launch
from initpy.daemons.nginx import NGINX
from initpy.errors import InitError, WaitTimeout
from initpy.host.network.notices import DIRECTORY
from initpy.protocols.hup import reload
from initpy.service import Service

PLAIN = NGINX.replace(master_title=None, worker_titles=(), upgrade=None, ready="notify")


@pytest.fixture
def telling(host, nginx):
    """Return how a daemon comes up that tells of itself, and what it tells when: a list to fill."""
    host.put(sys.executable, mode=0o755)
    said = []

    def boot(child):
        given = host.processes[child.pid].surroundings
        one = host.add(exe=NGINX.daemon, argv=(NGINX.daemon,), ppid=child.parent)
        one.surroundings = given
        host.put(NGINX.pidfile, f"{one.pid}\n")
        for seconds, text in said:
            host.at(seconds, lambda text=text: text and host.notify(one, text), by=one)
            if not text:
                host.at(seconds, lambda: host.end(one))

    host.programs[sys.executable] = lambda _argv: Run(seconds=0.05, begin=boot)
    return said


def test_ready_is_awaited(host, telling):
    """A start is done when the daemon says so, and then nothing is heard any more."""
    telling += [(0.2, "STATUS=loading"), (0.4, "STATUS=done\nREADY=1")]

    started = launch(PLAIN, host)

    assert host.alive(started.master)
    assert 0.4 <= host.now < 0.5
    assert {} == host.hearing
    assert not [path for path in host.files if "notify" in path and host.files[path].kind != "dir"]


@pytest.mark.parametrize("separator", ["\r", "\x0b", "\u2028"])
def test_status_that_holds_a_separator(host, telling, separator):
    """Only a newline ends a line: what a status quotes is not what the daemon says."""
    telling += [(0.2, f"STATUS=a client said {separator}READY=1")]

    with pytest.raises(WaitTimeout, match="a client said"):
        launch(PLAIN, host)


def test_status_at_a_timeout(host, telling):
    """What it has said last is told, and nothing is left of it."""
    telling += [(0.2, "STATUS=loading 7 of 9")]

    with pytest.raises(WaitTimeout, match=r"\(READY=1\); it says: loading 7 of 9$"):
        launch(PLAIN, host)

    assert {} == host.processes
    assert {} == host.hearing


def test_daemon_that_ends_before_it_is_ready(host, telling):
    """Its end is missed at once."""
    telling += [(0.2, "")]

    with pytest.raises(InitError, match="ended as soon as it was up"):
        launch(PLAIN, host)

    assert host.now < 0.5
    assert {} == host.hearing


def test_notice_of_another_process(host, telling):
    """What is not of the daemon's family is not heard."""
    stranger = host.add(title="another")

    def tell():
        (path,) = host.hearing
        stranger.surroundings = stranger.surroundings.replace(environment={"NOTIFY_SOCKET": path})
        host.notify(stranger, "READY=1")

    host.at(0.2, tell)

    with pytest.raises(WaitTimeout, match="READY=1"):
        launch(PLAIN, host)

    assert [stranger.pid] == list(host.processes)


def test_notice_of_a_process_with_many_ancestors(host, telling):
    """More parents than are followed do not make another's process one of the daemon's."""
    strangers = [host.add(title="another", uid=1000)]
    for _ in range(120):
        strangers.append(host.add(title="another", uid=1000, ppid=strangers[-1].pid))
    last = strangers[-1]

    def tell():
        (path,) = host.hearing
        last.surroundings = last.surroundings.replace(environment={"NOTIFY_SOCKET": path})
        host.notify(last, "READY=1")

    host.at(0.2, tell)

    with pytest.raises(WaitTimeout, match="READY=1"):
        launch(PLAIN, host)


def test_start_that_cannot_begin(host, telling):
    """A program that cannot be executed leaves no socket either."""
    host.files[sys.executable].mode = 0o644
    del host.programs[sys.executable]

    with pytest.raises(InitError, match="cannot be executed"):
        launch(PLAIN, host)

    assert {} == host.hearing


def test_it_is_put_in_the_background():
    """What tells of itself stays in the foreground, so initpy puts it in the background."""
    service = Service(name="x", daemon="/bin/x", pidfile="/run/x.pid", ready="notify")

    assert service.background


PATH = f"{DIRECTORY}/1"


@pytest.fixture
def running(host):
    """Return a master that was told where it is heard; what it tells at HUP is a list to fill."""
    master = host.add(exe=PLAIN.daemon, argv=(PLAIN.daemon,))
    master.surroundings = master.surroundings.replace(environment={"NOTIFY_SOCKET": PATH})
    told = []

    def tell(_master):
        for seconds, text in told:
            host.at(seconds, lambda text=text: host.notify(master, text), by=master)

    host.on(signal.SIGHUP, tell)
    return master, told


def test_reload_that_is_told(host, running):
    """What tells of its reload is done when it is ready again, and what it says is told."""
    master, told = running
    told += [(0.1, "RELOADING=1"), (2.0, "READY=1\nSTATUS=reload finished")]

    reload(PLAIN, master.id, host)

    assert 2.0 <= host.now < 2.2
    assert [f"master {master.id} says: reload finished"] == host.told
    assert {} == host.hearing


def test_reload_that_does_not_end(host, running):
    """What never says that it is ready again has a reload under way."""
    running[1].append((0.1, "RELOADING=1\nSTATUS=reading"))

    with pytest.raises(InitError, match=r"under way: waited 30 s for .*READY=1.*says: reading$"):
        reload(PLAIN, running[0].id, host)

    assert {} == host.hearing


def test_reload_that_is_not_told(host, running):
    """The kernel tells of a daemon that says nothing."""
    reload(PLAIN, running[0].id, host)

    assert host.now < 2
    assert [] == host.told


def test_socket_that_cannot_be_made_again(host, running, monkeypatch):
    """Then a reload is judged by what the kernel tells."""

    def refuse(path=""):
        raise InitError(f"{path} cannot be bound")

    monkeypatch.setattr(host, "notice_socket", refuse)

    reload(PLAIN, running[0].id, host)

    assert host.now < 2
