from __future__ import annotations

import pytest

from initpy.control.lock import ActionLock, lock_path
from initpy.daemons.nginx import NGINX
from initpy.errors import Busy, InitError, Interrupted, NotPermitted, NotRunning
from initpy.host import Process

PATH = lock_path(NGINX)


def test_named_after_the_pidfile():
    """Two instances may share a name, not a pidfile."""
    assert "/run/initpy/run%nginx.pid.lock" == PATH


def test_held_and_freed(host):
    """It is held inside, says by whom, and is free afterwards."""
    with ActionLock(NGINX, "stop", host, within=5):
        held = list(host.locks)
        text = host.files[PATH].text

    assert [PATH] == held
    assert "stop (pid 4242)" == text
    assert {} == host.locks


def test_freed_after_an_error(host):
    """An error inside frees it too."""
    with pytest.raises(ZeroDivisionError), ActionLock(NGINX, "stop", host, within=5):
        raise ZeroDivisionError

    assert {} == host.locks


@pytest.fixture
def other(host):
    """Hold the lock, as another action does."""
    fd = host.lock(PATH)
    host.sign_lock(fd, "upgrade (pid 7)")
    return fd


def test_waits_for_another(host, other):
    """Another action is waited for."""
    host.at(3, lambda: host.unlock(other))

    with ActionLock(NGINX, "stop", host, within=5):
        now = host.now

    assert 3 <= now < 3.1


def test_busy(host, other):
    """When the other does not end in time, who it is gets told."""
    with (
        pytest.raises(Busy, match=r"another action is under way: upgrade \(pid 7\)"),
        ActionLock(NGINX, "start", host, within=5),
    ):
        pass

    assert 5 == round(host.now, 3)
    assert [PATH] == list(host.locks)


def test_holder_that_has_not_signed(host):
    """A holder may be killed before it has said who it is."""
    host.lock(PATH)

    with (
        pytest.raises(Busy, match="the lock file does not tell which"),
        ActionLock(NGINX, "start", host, within=5),
    ):
        pass


def test_stop_never_goes_on_while_another_holds_the_lock(host, other):
    """Only a lock that cannot be made is done without, not one that is taken."""
    with (
        pytest.raises(Busy),
        ActionLock(NGINX, "stop", host, within=5, without=True),
    ):
        pass

    assert [] == host.told


@pytest.mark.parametrize("without", [False, True])
def test_interrupted(host, other, without):
    """Told to end, nobody waits on for the lock."""
    host.at(1, lambda: setattr(host, "interrupted_by", "SIGINT"))

    with (
        pytest.raises(Interrupted),
        ActionLock(NGINX, "stop", host, within=5, without=without),
    ):
        pass

    assert host.now < 2


@pytest.mark.parametrize("without", [False, True])
def test_not_permitted(host, without):
    """Who may not lock may not act: 4."""
    host.euid = 33

    with (
        pytest.raises(NotPermitted),
        ActionLock(NGINX, "stop", host, within=5, without=without),
    ):
        pass


def test_impossible(host):
    """Where there can be no lock, nothing is done."""
    host.unwritable[PATH] = InitError("no space left")

    with (
        pytest.raises(InitError, match="no space left"),
        ActionLock(NGINX, "start", host, within=5),
    ):
        pass


def test_impossible_but_urgent(host):
    """Stop alone goes on without a lock, and says so."""
    host.unwritable[PATH] = InitError("no space left")

    with ActionLock(NGINX, "stop", host, within=5, without=True):
        told = list(host.told)

    assert ["going on without a lock: no space left"] == told


def test_doomed(host):
    """Who is told to end is known to the next, until it was seen gone."""
    master, other = host.add(7).id, host.add(8).id
    with ActionLock(NGINX, "stop", host, within=5) as first:
        first.record_terminating([master])
    with ActionLock(NGINX, "reload", host, within=5) as second:
        with pytest.raises(NotRunning, match="master 7 is ending: a stop was interrupted"):
            second.refuse_terminating([other, master])
        second.refuse_terminating([other])
        second.record_terminating(())
    with ActionLock(NGINX, "reload", host, within=5) as third:
        third.refuse_terminating([master])

    assert set() == third.terminating


def test_last_holder_was_killed(host):
    """The lock still names its action."""
    with ActionLock(NGINX, "stop", host, within=5) as first:
        pass
    host.sign_lock(host.lock(PATH), "upgrade (pid 7); ends 12@34")
    host.locks.clear()
    with ActionLock(NGINX, "reload", host, within=5) as second:
        pass

    assert (False, True) == (first.was_left, second.was_left)
    assert {Process(pid=12, started=34)} == second.terminating


def test_last_holder_failed(host):
    """The next action is to look what is left, and the one after that not any more."""
    with pytest.raises(InitError), ActionLock(NGINX, "restart", host, within=5):
        raise InitError("two masters serve")
    with ActionLock(NGINX, "reopen", host, within=5, mends=False) as second:
        pass
    with ActionLock(NGINX, "reload", host, within=5) as third:
        pass
    with ActionLock(NGINX, "reload", host, within=5) as fourth:
        pass

    assert (True, True, False) == (second.was_left, third.was_left, fourth.was_left)


def test_garbage_in_the_lock(host):
    """Whatever stands in it, nobody is taken to be doomed who is not named."""
    host.put(PATH, "stop; ends 12@ @34 x@y 1")

    with ActionLock(NGINX, "start", host, within=5) as lock:
        assert set() == lock.terminating


def test_holder_is_named_without_its_victims(host):
    """Who waits is told who has the lock, and no more."""
    fd = host.lock(PATH)
    host.sign_lock(fd, "stop (pid 7); ends 12@34")

    with (
        pytest.raises(Busy, match=r"another action is under way: stop \(pid 7\)$"),
        ActionLock(NGINX, "start", host, within=5),
    ):
        pass
