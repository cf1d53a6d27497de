"""An action does not read every process where the kernel tells that none is the daemon's."""

from __future__ import annotations

import pytest
from test_looks import looks

from initpy.actions.start import start
from initpy.actions.status import status
from initpy.actions.stop import stop
from initpy.errors import InitError
from initpy.state.programs.absence import absence_path
from initpy.state.snapshot import take_snapshot


@pytest.fixture(params=["nginx", "fpm"])
def daemon(request):
    """Return each of the two, stopped."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def service(host, daemon):
    """Return the service of a daemon of which nothing was there when it was last looked at."""
    daemon.run()
    stop(daemon.service, host)
    assert absence_path(daemon.service) in host.files
    return daemon.service


@pytest.mark.parametrize("action", [status, stop, start])
def test_nobody_is_read(host, service, action):
    """Neither before what is done, nor after it."""
    assert 0 == looks(host, action, service)


def test_nobody_is_read_after_a_stop(host, daemon, service):
    """What was started from that file has ended: the kernel tells."""
    start(service, host)

    assert 0 == looks(host, stop, service)
    assert not take_snapshot(service, host, thorough=True).processes


def test_a_start_writes_it_down_as_well(host, daemon):
    """It has read every process before it started the first."""
    assert 1 == looks(host, start, daemon.service)

    assert 0 == looks(host, stop, daemon.service)


def test_a_status_writes_nothing(host, daemon):
    """It only looks, and reads every process the next time as well."""
    assert 1 == looks(host, status, daemon.service)
    assert 1 == looks(host, status, daemon.service)

    assert absence_path(daemon.service) not in host.files


def test_a_stop_of_what_does_not_run_writes_nothing(host, daemon):
    """Whether the daemon's processes execute that file nobody has seen."""
    stop(daemon.service, host)

    assert absence_path(daemon.service) not in host.files


@pytest.mark.parametrize("action", [stop, start])
def test_a_file_that_executes_another_one(host, nginx, action):
    """Its processes execute the other one, and keep its name: nobody executes the first."""
    master = nginx.run()
    master.exe, master.exe_id = "/opt/other", (1, 9999)
    host.remove(nginx.service.pidfile)
    action(nginx.service, host)

    assert absence_path(nginx.service) not in host.files


def test_a_start_of_a_file_that_executes_another_one(host, daemon):
    """The master that it has started does not execute the file that stands there."""
    host.exe_file = lambda _process: (1, 9999)

    start(daemon.service, host)

    assert absence_path(daemon.service) not in host.files


def test_a_folder_that_was_put_back(host, daemon, service):
    """In between another one stood there, with another daemon."""
    folder = service.daemon.rpartition("/")[0]
    host.rename(folder, "/away")
    host.rename("/away", folder)

    assert 1 == looks(host, status, service)


def test_a_link(host, daemon):
    """It may have led to another file meanwhile."""
    host.rename(daemon.service.daemon, "/opt/daemon")
    host.put(daemon.service.daemon, "/opt/daemon", kind="link")

    assert None is host.unused_version(daemon.service.daemon)


def test_a_master_of_that_file_is_found(host, daemon, service):
    """Somebody executes it: who that is, the list of processes tells."""
    master = daemon.run()
    host.remove(service.pidfile)

    assert master.id == take_snapshot(service, host).master


def test_a_master_of_an_older_file_is_found(host, daemon, service):
    """It was started from the file that was seen, and which is not there any more."""
    master = daemon.run()
    host.remove(service.pidfile)
    host.put(service.daemon, mode=0o755)
    assert host.unused_version(service.daemon)

    assert master.id == take_snapshot(service, host).master
    stop(service, host)
    assert not host.alive(master.id)


def test_a_file_that_was_put_back(host, daemon, service):
    """The same file has another ctime: in between another one stood there."""
    away = service.daemon + ".away"
    host.rename(service.daemon, away)
    host.put(service.daemon, mode=0o755)
    master = daemon.run()
    host.remove(service.pidfile)
    host.rename(away, service.daemon)
    assert host.unused_version(service.daemon)

    assert master.id == take_snapshot(service, host).master


def test_what_the_record_names_is_looked_for(host, nginx):
    """A worker that the record knows lives, whatever it executes by now."""
    start(nginx.service, host)
    master = host.processes[take_snapshot(nginx.service, host).master.pid]
    for worker in nginx.workers(master):
        worker.exe, worker.exe_id = "/usr/sbin/nginx.old", (1, 9999)
    host.end_silently(master)
    assert host.unused_version(nginx.service.daemon)

    assert take_snapshot(nginx.service, host).orphans


def test_another_boot(host, daemon, service):
    """Inodes come round again."""
    host.boot_id = lambda: "another"

    assert 1 == looks(host, status, service)


def test_a_daemon_of_which_some_process_may_be(host, daemon):
    """It is not written down while anything has a title of the daemon."""
    host.add(title=daemon.run().title, exe="/opt/other", exe_id=(1, 9999), root=(7, 7))
    stop(daemon.service, host)

    assert absence_path(daemon.service) not in host.files


def test_a_file_that_was_replaced_between_two_looks(host, daemon):
    """A stranger that was read once may have executed the one before."""
    take_snapshot(daemon.service, host)
    host.put(daemon.service.daemon, mode=0o755)

    assert None is take_snapshot(daemon.service, host, again=True).absence
    assert None is not take_snapshot(daemon.service, host).absence


def test_written_by_somebody_else(host, daemon, service):
    """What others can write is not believed."""
    host.files[absence_path(service)].mode = 0o666

    assert 1 == looks(host, status, service)


def test_it_cannot_be_written(host, daemon):
    """The next action reads every process, and nothing else comes of it."""
    host.unwritable[absence_path(daemon.service)] = InitError("no space left")
    stop(daemon.service, host)

    assert 1 == looks(host, status, daemon.service)
    assert not host.told


def test_a_rival_is_found(host, daemon, service):
    """Another program starts it at the same moment: its master is new, and is read."""
    rivals = []
    host.at(0.001, lambda: rivals.append(daemon.run()))

    start(service, host)

    assert rivals[0].id == take_snapshot(service, host, thorough=True).master


def test_an_orphan_is_found(host, daemon, service):
    """A worker executes the file of its master."""
    start(service, host)
    (master,) = take_snapshot(service, host).masters
    host.end_silently(host.processes[master.pid])

    assert take_snapshot(service, host).orphans
