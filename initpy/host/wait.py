"""Waiting: the only place that sleeps, and never without a deadline."""

from __future__ import annotations

from ..errors import Interrupted, WaitTimeout
from . import Host, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

POLL_FIRST = 0.001  # seconds; nginx takes a failed upgrade back within 1 to 5 ms
POLL_MOST = 0.05  # seconds
POLL_SHARE = 0.1  # of the time waited so far: what has come is seen that much late at most
SILENCE = 1.0  # seconds before we say what is awaited


def wait_until(
    probe: Callable[[], T | None],
    *,
    within: float,
    host: Host,
    what: str | Callable[[], str],
    until: Process | None = None,
    interruptible: bool = False,
) -> T:
    """Call *probe* until it returns something true, and return that.

    probe:  looks, changes nothing, and may be called any number of times.
    within: seconds, of monotonic time; the clock being set does not matter.
    what:   what is awaited, in the operator's words: "the master to exit". If that
            has to be looked for, it is only when somebody is told.
    until:  a process whose end is worth another look at once.
    interruptible: whether the wait may be given up half way on INT, TERM, HUP.

    Raises WaitTimeout, or Interrupted. An exception from *probe* ends the wait.

    >>> from initpy.host import Host
    >>> wait_until(lambda: 42, within=0, host=Host(), what="the answer")
    42
    """

    def words() -> str:
        return what if isinstance(what, str) else what()

    started = host.monotonic()
    told = SILENCE
    while True:
        # Read the clock before looking, so that the last look comes after the
        # deadline: we may have been suspended, and it may have happened.
        waited = host.monotonic() - started
        if found := probe():
            return found
        if waited >= within:
            raise WaitTimeout(words(), within)
        if interruptible and host.interrupted_by:
            raise Interrupted(f"{host.interrupted_by} while waiting for {words()}")
        if waited >= told:
            host.progress(f"waiting for {words()}, {waited:.0f} s")
            told = max(waited + SILENCE, SILENCE)
        # Once it has ended, a process is no reason to look again at once.
        watched = until if until and host.alive(until) else None
        pause = min(max(waited * POLL_SHARE, POLL_FIRST), POLL_MOST)
        host.sleep(min(pause, within - waited), watched)
