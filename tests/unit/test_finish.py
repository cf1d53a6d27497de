"""Two actions meet while old processes finish their requests, without the lock."""

from __future__ import annotations

import pytest

from initpy.actions.reload import reload
from initpy.actions.reopen import reopen
from initpy.actions.restart import restart
from initpy.actions.start import start
from initpy.actions.status import status
from initpy.actions.stop import force_quit, stop
from initpy.actions.upgrade import upgrade
from initpy.control.lock import lock_path
from initpy.control.record import record_running
from initpy.errors import Busy, InitError, Interrupted, RollbackFailed
from initpy.host import Process
from initpy.protocols import finish
from initpy.state.phase import told_to_finish
from initpy.state.record import read_record, record_path


@pytest.fixture(params=["nginx", "fpm"])
def daemon(request):
    """Return each of the two, running."""
    daemon = request.getfixturevalue(request.param)
    daemon.run()
    return daemon


def beside(host, action, daemon, seconds=10.0):
    """Have another script do an action so many seconds from now; return what comes of it."""
    came = []

    def act():
        ours, host.getpid = host.getpid, lambda: other.pid
        began = host.now
        try:
            action(daemon.service, host)
        except InitError as exc:
            came.append(exc)
        else:
            came.append(host.now - began)
        host.getpid = ours

    other = host.add(4343, title="an init script")
    host.at(seconds, act)
    return came


@pytest.mark.parametrize("action", [start, reload, reopen, status])
def test_done_at_once(host, daemon, action):
    """They work on the new master, and the upgrade waits for its old workers until they end."""
    daemon.drain = 30.0
    came = beside(host, action, daemon)

    upgrade(daemon.service, host)

    (seconds,) = came
    assert seconds < 2
    assert 30 < host.now < 32
    assert 1 == len([master for master in daemon.masters if daemon.alive(master)])
    assert [] == [said for said in host.told if "unfinished" in said or "left alone" in said]


def test_told(host, daemon):
    """While they finish, status says so and which; the lock is free."""
    daemon.drain = 30.0
    notes = []

    def look():
        notes.extend(status(daemon.service, host).notes)
        notes.append(dict(host.locks))

    host.at(10, look)

    upgrade(daemon.service, host)

    said, locks = notes
    assert "old processes only finish their requests (pids " in said
    assert {} == locks
    assert () == status(daemon.service, host).notes
    assert {} == read_record(daemon.service, host).remains.draining


@pytest.mark.parametrize("action", [upgrade, restart])
def test_waits(host, daemon, action):
    """A second upgrade, and a restart, wait for the service's timeout, and name what for."""
    daemon.drain = 50.0
    came = beside(host, action, daemon)

    upgrade(daemon.service, host)

    (busy,) = came
    assert isinstance(busy, Busy)
    assert "old processes finish their requests (pids " in str(busy)
    assert 50 < host.now < 52


@pytest.mark.parametrize("action", [stop, force_quit])
def test_stopped(host, daemon, action):
    """A stop ends the old and the new; the upgrade says that the service was stopped."""
    daemon.drain = 50.0
    came = beside(host, action, daemon)

    with pytest.raises(InitError, match=r"upgrade was done, but .* was stopped meanwhile$") as exc:
        upgrade(daemon.service, host)

    assert 1 == exc.value.exit_code
    assert isinstance(came[0], float)
    assert {4343} == set(host.processes)
    assert host.now < 50


def test_stopped_and_started(host, daemon):
    """A stop and a start: another master serves, and that is said; not 0."""
    daemon.drain = 50.0

    def both(service, host):
        force_quit(service, host)
        daemon.drain = 0.0
        start(service, host)

    beside(host, both, daemon)

    with pytest.raises(InitError, match=r"stopped meanwhile, and started again: master .* serves"):
        upgrade(daemon.service, host)


def test_master_dies(host, nginx):
    """The new master dies while the old one finishes: no way back, and said at once."""
    nginx.run()
    nginx.drain = 50.0
    host.at(10, lambda: host.end(nginx.masters[-1]))

    with pytest.raises(RollbackFailed, match="died, the old one has quit already"):
        upgrade(nginx.service, host)

    assert 10 <= host.now < 16


def test_interrupted(host, daemon):
    """INT, TERM and HUP end the waiting at once: what is done is said, the rest goes on."""
    daemon.drain = 50.0
    host.at(10, lambda: setattr(host, "interrupted_by", "SIGTERM"))

    with pytest.raises(Interrupted, match=r"upgrade is done, master .* serves; SIGTERM"):
        upgrade(daemon.service, host)

    assert 10 <= host.now < 11
    assert {} == host.locks
    host.scripts += 1
    host.interrupted_by = ""
    reload(daemon.service, host)
    assert host.now < 15
    upgrade(daemon.service, host)  # it finishes that, and waits for the old workers
    assert {} == told_to_finish(daemon.service, host)


def test_not_recorded(host, daemon):
    """What cannot be recorded is unknown to others: then the lock is held until they are gone."""
    record_running(daemon.service, host)
    daemon.drain = 20.0
    host.unwritable[record_path(daemon.service)] = InitError("no space left")
    locks = []
    host.at(10, lambda: locks.extend(host.locks))

    upgrade(daemon.service, host)

    assert [lock_path(daemon.service)] == locks
    assert 20 < host.now < 22


def test_not_recorded_any_more(host, daemon):
    """The disk is full when they have finished: that is told, and the action ends."""
    daemon.drain = 20.0
    full = {record_path(daemon.service): InitError("no space left")}
    host.at(10, lambda: host.unwritable.update(full))

    upgrade(daemon.service, host)

    assert 20 < host.now < 22
    assert ["what was seen cannot be recorded: no space left"] == host.told[-1:]


def test_cut(host, daemon):
    """What has not finished in time is ended, and counted."""
    daemon.drain = 1000.0

    upgrade(daemon.service, host)

    assert host.cut >= 1
    assert f"{host.cut} old workers had not finished after 60 s: terminated" in host.told


def test_endless(host, daemon):
    """DRAIN_TIMEOUT=infinity: nothing is cut."""
    daemon.drain = 5000.0

    upgrade(daemon.service.replace(drain_timeout=float("inf")), host)

    assert 5000 < host.now < 5002
    assert 0 == host.cut


def test_orphan_that_is_gone_when_it_is_to_be_drained(host, nginx, monkeypatch):
    """What was left to be done is done in the next look."""
    nginx.run()
    nginx.drain = 20.0
    whole, gone = finish.wait_until_stable, [Process(pid=99, started=1)]

    def look(*args, **options):
        seen = whole(*args, **options)
        return seen.replace(orphans=(gone.pop(),)) if gone else seen

    monkeypatch.setattr(finish, "wait_until_stable", look)

    upgrade(nginx.service, host)

    assert [] == gone
    assert {} == read_record(nginx.service, host).remains.draining


def test_master_dies_as_it_is_recorded(host, nginx, monkeypatch):
    """That is no full disk: it is looked once more, and told."""
    nginx.run()
    nginx.drain = 20.0
    whole = finish.write_record

    def write(*args, **options):
        host.end(nginx.masters[-1])
        return whole(*args, **options)

    monkeypatch.setattr(finish, "write_record", write)

    with pytest.raises(RollbackFailed, match="died"):
        upgrade(nginx.service, host)
