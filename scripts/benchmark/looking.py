"""What /proc and a pidfile tell: quick looks, without a library."""

from __future__ import annotations

import os
import time

# Seconds between two looks of a tight loop. Without a pause it would take the
# processor from the daemon that it waits for.
PAUSE = 0.0002


def read(path):
    """Return what a file holds, or "" where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def named(pidfile):
    """Return the number in a pidfile, or 0."""
    text = read(pidfile).strip()
    return int(text) if text.isdigit() else 0


def facts(pid):
    """Return state and parent of a process, or ("", 0) if there is none."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (fields[0], int(fields[1])) if fields else ("", 0)


def alive(pid):
    """Tell whether a process has not ended. A zombie has."""
    return facts(pid)[0] not in ("", "Z", "X")


def title(pid):
    """Return the title that a process has given itself."""
    return read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()


def pids():
    """Return the number of every process here."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children(parent):
    """Return the live children of a process, with their titles."""
    numbers = read(f"/proc/{parent}/task/{parent}/children").split()
    return {int(pid): title(pid) for pid in numbers if alive(pid)}


def titled(beginning):
    """Return every live process whose title begins so, with its title."""
    found = {pid: title(pid) for pid in pids()}
    return {pid: told for pid, told in found.items() if told.startswith(beginning) and alive(pid)}


class Late(Exception):
    """Something awaited did not happen in time."""


def until(probe, what, within=30.0):
    """Look until *probe* returns something true, and return that. Raises Late."""
    deadline = time.monotonic() + within
    while True:
        late = time.monotonic() > deadline  # read before the last look
        if found := probe():
            return found
        if late:
            raise Late(f"waited {within:.0f} s for {what}")
        time.sleep(PAUSE)
