"""A master whose end may be that of its container: a restart could not start it again."""

from __future__ import annotations

import pytest

from initpy.actions.restart import restart
from initpy.actions.start import start
from initpy.actions.stop import stop
from initpy.control.stable import refuse_end_of_container
from initpy.daemons.nginx import NGINX
from initpy.errors import InitError, Unimplemented


@pytest.fixture
def waited_for(host, nginx):
    """Give a master in the foreground, whose parent is process 1 of a container."""
    host.pid_namespace = "pid:[1]"
    master = nginx.run()
    master.forked = False
    return master


def test_restart(host, nginx, waited_for):
    """It is 3, and nothing is touched."""
    with pytest.raises(Unimplemented, match="process 1 waits for it, and the container may end"):
        restart(NGINX, host)

    assert nginx.alive(waited_for)
    assert [] == host.sent


def test_stop(host, nginx, waited_for):
    """To end it is what was asked for."""
    stop(NGINX, host)

    assert not nginx.alive(waited_for)


def test_stop_of_what_is_started_again(host, nginx):
    """A supervisor takes a moment to start it: stop looks again, and is not 0."""
    supervisor = host.add(title="a supervisor")

    def begin():
        master = nginx.new_master(ppid=supervisor.pid)
        master.forked = False
        nginx.write_pid(master)
        nginx.new_workers(master)
        master.at_end.append(lambda: host.at(0.05, begin))

    begin()
    with pytest.raises(InitError, match=rf"pid {supervisor.pid} \(a supervisor\) restarts it"):
        stop(NGINX.replace(timeout=3.0), host)


def test_restart_on_a_host(host, nginx, waited_for):
    """An init that restarts its children does not end with one of them."""
    host.pid_namespace = "pid:[4026531836]"

    restart(NGINX, host)

    assert not nginx.alive(waited_for)
    assert 1 == len(nginx.serving())


def test_systemd_in_a_container(host, nginx, waited_for):
    """Nor does systemd."""
    host.put("/run/systemd/system", kind="dir")

    restart(NGINX, host)

    assert not nginx.alive(waited_for)


def test_in_the_background(host, waited_for):
    """A daemon that cannot go there itself is put there, and then executed."""
    refuse_end_of_container(NGINX.replace(background=True), waited_for.id, host)


def test_script_is_process_1(host, nginx, monkeypatch):
    """What it starts ends with it, which is said."""
    monkeypatch.setattr(host, "getpid", lambda: 1)

    start(NGINX, host)

    assert [
        "this script is process 1: the container ends with it, and the service too"
    ] == host.told


def test_supervisor(host, nginx, waited_for):
    """Nor does one that is not process 1."""
    waited_for.ppid = host.add(title="a supervisor").pid

    restart(NGINX, host)

    assert not nginx.alive(waited_for)
