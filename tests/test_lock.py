from __future__ import annotations

import pytest

from initpy.errors import Busy, InitError, Interrupted, NotPermitted
from initpy.lock import ActionLock, lock_path
from initpy.services.nginx import NGINX

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
        pytest.raises(Busy, match="it has not said which"),
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
