from __future__ import annotations

import pytest
from daemons import FakeNginx
from fakes import FakeHost
from moments import looks

from initpy.control.starting.lineage import terminate_upgrade_children
from initpy.daemons.nginx import NGINX


def test_hung_child_is_killed_with_its_family(host, nginx):
    """A new binary that hangs is killed, and whatever it has started; workers live on."""
    master = nginx.run()
    workers = nginx.workers(master)
    inherited = {"title": "/bin/sleep 600", "sockets": master.sockets}
    child = host.add(ppid=master.pid, **inherited)
    grandchild = host.add(ppid=child.pid, **inherited)

    terminate_upgrade_children(NGINX, master.id, host)

    killed = [(0, child.pid, "SIGKILL"), (0, grandchild.pid, "SIGKILL")]
    assert [(0, child.pid, "SIGSTOP"), *killed] == host.sent
    assert workers == nginx.workers(master)


def test_adopted(host, nginx):
    """As process 1 of a container it has children that are nothing of its own."""
    master = nginx.run()
    child = host.add(ppid=master.pid, title="/bin/sleep 600")
    host.add(ppid=child.pid, title="/bin/sleep 600", sockets={4711: "127.0.0.1:9000"})

    terminate_upgrade_children(NGINX, master.id, host)

    assert [] == host.sent


def test_spared(host, nginx):
    """Who is known to belong there is left alone."""
    master = nginx.run()
    child = nginx.new_master(ppid=master.pid, age=60)

    terminate_upgrade_children(NGINX, master.id, host, spare=[child.id])

    assert [] == host.sent


def test_serving_child_may_finish(host, nginx):
    """A master that serves is told to QUIT, and waited for."""
    master = nginx.run()
    child = nginx.new_master(ppid=master.pid, age=60, sockets=master.sockets)
    nginx.new_workers(child, infancy=0)
    nginx.drain = 10

    terminate_upgrade_children(NGINX, master.id, host)

    assert [(0, child.pid, "SIGQUIT")] == host.sent
    assert 10 < host.now < 11


@pytest.mark.parametrize("infancy", [0, 0.002])
@pytest.mark.parametrize("stopping", [0, 0.01])
def test_child_that_begins_to_serve(infancy, stopping):
    """Workers of it, born at any moment, may hold requests: none of them is killed."""

    def scene():
        host = FakeHost()
        host.stopping = stopping
        nginx = FakeNginx(host)
        return host, nginx, nginx.run()

    def serving(host, nginx, master):
        nginx.new_workers(child_of(nginx, master), infancy=infancy)
        terminate_upgrade_children(NGINX, master.id, host)

    for number in range(looks(scene, serving)):
        begin_to_serve(number, infancy, *scene())


def child_of(nginx, master):
    """Start a new master that has not read all of its configuration yet; return it."""
    command = " ".join(NGINX.command(NGINX.start_args))  # its title, until it has read all
    return nginx.new_master(ppid=master.pid, sockets=master.sockets, title=command, forked=False)


def begin_to_serve(number, infancy, host, nginx, master):
    child = child_of(nginx, master)
    born = []

    def serve():
        if nginx.alive(child) and child.state != "T":
            child.title = nginx.title
            nginx.new_workers(child, infancy=infancy)
            born.extend(nginx.workers(child))

    host.before_look(number, serve)
    terminate_upgrade_children(NGINX, master.id, host)

    assert not nginx.alive(child)
    killed = [pid for _, pid, sig in host.sent if sig == "SIGKILL"]
    assert not {worker.pid for worker in born}.intersection(killed)
    assert not born or child.pid not in killed


@pytest.mark.parametrize("infancy", [0, 0.002])
def test_worker_that_is_born(infancy):
    """The old master goes on forking: a worker that has no title of its own yet is left alone."""

    def scene():
        host = FakeHost()
        nginx = FakeNginx(host)
        master = nginx.run()
        return host, nginx, master, child_of(nginx, master)

    def ended(host, nginx, master, child):
        terminate_upgrade_children(NGINX, master.id, host)

    for number in range(looks(scene, ended)):
        host, nginx, master, child = scene()
        host.before_look(number, lambda: nginx.new_workers(master, infancy=infancy))  # noqa: B023

        terminate_upgrade_children(NGINX, master.id, host)

        assert {child.pid} == {pid for _, pid, _ in host.sent}


def test_no_intruders(host, nginx):
    """Where there are only workers, nothing is sent and no time lost."""
    master = nginx.run()

    terminate_upgrade_children(NGINX, master.id, host)

    assert ([], 0) == (host.sent, host.now)
