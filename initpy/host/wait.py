"""Waiting: the only module that sleeps, and always with a deadline."""

from __future__ import annotations

from ..errors import PASSING, Interrupted, WaitTimeout
from . import Host, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

POLL_FIRST = 0.001  # seconds; nginx reverts a failed upgrade within 1 to 5 ms
POLL_MOST = 0.05  # seconds
POLL_SHARE = 0.1  # of the time waited so far: the length of the next pause
SILENCE = 1.0  # seconds between two lines of progress, and before the first


def wait_until(
    probe: Callable[[], T | None],
    *,
    within: float,
    host: Host,
    what: str | Callable[[], str],
    until: Process | None = None,
    due: Callable[[], float | None] | None = None,
    interruptible: bool = False,
) -> T:
    """Call *probe* until it returns something true, and return that.

    probe:  looks, changes nothing, and may be called any number of times.
    within: seconds of monotonic time, so the clock may be set meanwhile.
    what:   the event, in the operator's words: "the master to exit". A function is
            called only when a message is written.
    until:  a process whose end makes the wait call *probe* at once, and often after that:
            what is awaited follows it.
    due:    returns the moment of monotonic time at which *probe* may succeed, if that is
            known by then: it is called at that moment.
    interruptible: whether INT, TERM and HUP end the wait.

    Raises WaitTimeout, or Interrupted. An exception from *probe* ends the wait.

    >>> from initpy.host import Host
    >>> wait_until(lambda: 42, within=0, host=Host(), what="the answer")
    42
    """

    def words() -> str:
        return what if isinstance(what, str) else what()

    started = paced = host.monotonic()
    next_message = SILENCE
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
        if waited >= next_message:
            host.progress(f"waiting for {words()}, {waited:.0f} s")
            next_message = waited + SILENCE
        now = host.monotonic()
        # A process that has ended already would end every sleep at once.
        if until and not host.alive(until):
            until, paced = None, now
        pause = min(max((now - paced) * POLL_SHARE, POLL_FIRST), POLL_MOST)
        if due and (moment := due()) and moment > now:
            pause = min(pause, max(moment - now, POLL_FIRST))
        # A look at thousands of processes takes a while: half of the time is theirs.
        pause = max(pause, min(now - started - waited, SILENCE))
        host.sleep(min(pause, within - waited), until)


def insist(act: Callable[[], T], host: Host, *, within: float = 5.0) -> T:
    """Do *act*, and again while a system call fails in it: it must not be left half done.

    act:    may be done again after it has failed at any point.
    within: seconds of monotonic time. Then the last error is raised.
    """
    ends = host.monotonic() + within
    while True:
        try:
            return act()
        except PASSING as exc:
            if host.monotonic() >= ends:
                raise
            host.explain(f"done again: {exc}")
        host.sleep(POLL_MOST)
