"""Forks in programs with threads, which Python 3.12 warns of."""

from __future__ import annotations

import gc
import os
import threading
import warnings

import pytest

from initpy.host.programs import forking


@pytest.fixture
def another():
    """Have another thread run meanwhile."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    yield thread
    over.set()
    thread.join()


def warn():
    """Warn as Python 3.12 does: whoever has called os.fork()."""
    why = "This process is multi-threaded, use of fork() may lead to deadlocks in the child."
    warnings.warn(why, DeprecationWarning, stacklevel=2)
    return 42


@pytest.mark.usefixtures("another")
def test_with_threads(monkeypatch):
    """Our own fork does not warn, also where warnings are errors; the program's own does."""
    monkeypatch.setattr(os, "fork", warn)

    assert 42 == forking.fork()
    with pytest.raises(DeprecationWarning):
        os.fork()


def test_without_threads(monkeypatch):
    """In a program without threads nothing is changed: its filters stay as they are."""
    monkeypatch.setattr(os, "fork", lambda: 42)
    monkeypatch.setattr(os, "listdir", lambda _path: ["1"])  # pytest-xdist has threads
    before = list(warnings.filters)

    assert 42 == forking.fork()
    assert before == warnings.filters


@pytest.mark.usefixtures("another")
def test_no_destructor_runs_in_the_child(monkeypatch):
    """What another thread has left in a cycle may need a lock, which is never released there."""
    switched = []
    monkeypatch.setattr(os, "fork", lambda: 0)
    monkeypatch.setattr(gc, "disable", lambda: switched.append("off"))

    assert 0 == forking.fork()
    assert ["off"] == switched
