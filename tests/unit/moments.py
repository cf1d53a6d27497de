"""Moments: something happens between any two looks of an action, one after the other."""

from __future__ import annotations

import os

from initpy.control.record import record_running

EVERY = int(os.environ.get("INITPY_TEST_EVERY", "1"))  # of how many looks one is tried


def looks(scene, act):
    """Return how many looks an action takes if nothing happens: done once, they are counted.

    scene: makes a host, and whatever else ``act(host, ...)`` takes.
    """
    host, *others = scene()
    before = host.looks
    act(host, *others)
    return host.looks - before


def looks_of_recording(service, scene):
    """Return how many looks are the last of an action that has succeeded: those of its record."""
    return looks(scene, lambda host, *_: record_running(service, host))


def at_every_look(scene, act):
    """Run a test for looks of an action: ``test(number, host, ...)``, on a scene of its own."""

    def decorate(test):
        def everywhere():
            for number in range(0, looks(scene, act), EVERY):
                test(number, *scene())

        # Not functools.wraps: pytest would ask for fixtures of the names of the arguments.
        everywhere.__name__, everywhere.__doc__ = test.__name__, test.__doc__
        return everywhere

    return decorate
