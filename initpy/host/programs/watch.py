"""What the launcher does while a daemon comes up: see ``launcher``."""

from __future__ import annotations

import _signal
import os
import select
import time

from ..processes import Processes

ASK = b"?"  # whether anything is left
UNDO = b"!"  # end everything
_LONE = 1.0  # seconds for which it lives on if we are killed
_POLL = 0.005  # seconds between two looks for children that have ended


def watch(daemon: int, control: int, reports: int) -> None:  # pragma: no cover - as above
    """Reap what ends, report the daemon's own end, answer, and return when we were killed.

    control: a pipe with our questions; UNDO ends everything instead.
    """
    told = select.poll()
    told.register(control, select.POLLIN | select.POLLHUP)
    word = ASK
    while word == ASK:
        try:
            asked = bool(told.poll(_POLL * 1000))
            if asked:
                word = os.read(control, 1)
            alone = not _reap(daemon, reports)
            if asked and word == ASK:
                tell(reports, b"alone\n" if alone else b"busy\n")
        except (OSError, MemoryError):  # the daemon may serve by now: it is not to lose us
            time.sleep(_POLL)
    if word == UNDO:
        end_children()
        return
    # A daemon in the foreground must have seen a parent that is not init, or it takes
    # itself for supervised.
    time.sleep(_LONE)


def tell(other: int, text: bytes) -> bool:
    """Write to the other one of launcher and script; False if that was killed."""
    try:
        os.write(other, text)
    except BrokenPipeError:
        return False
    return True


def _reap(daemon: int, reports: int) -> bool:  # pragma: no cover - as above
    """Wait for every child that has ended, by its number; tell whether any child is left."""
    try:
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            _, status = os.waitpid(ended.si_pid, 0)
            code = os.waitstatus_to_exitcode(status)
            if ended.si_pid == daemon:
                tell(reports, f"ended {code}\n".encode())
            elif code:
                tell(reports, f"lost {code}\n".encode())
    except ChildProcessError:
        return False
    return True


def end_children() -> None:  # pragma: no cover - in the child of a fork
    """End all descendants of this process by KILL: a subreaper adopts whatever loses its parent."""
    machine = Processes()
    ourselves = machine.find(os.getpid())
    while ourselves and (left := machine.children(ourselves)):
        for child in left:  # its number is its own until it is reaped
            os.kill(child.pid, _signal.SIGKILL)
            os.waitpid(child.pid, 0)
