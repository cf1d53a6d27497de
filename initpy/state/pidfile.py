"""Pidfiles: a hint where to look first, never a proof.

What one names is believed only after ``identity`` has looked at the process
itself. The daemon owns its pidfile; we remove a stale one, and repair a lost
one, under the lock, and say so.
"""

from __future__ import annotations

from ..errors import InitError
from ..host import Host
from ..value import Value

MOST = 32  # bytes; a pid and a newline are 11 at most

# What a pidfile can be.
OK = "ok"
MISSING = "missing"
EMPTY = "empty"  # "not yet", for as long as somebody waits: it is opened, then written
UNUSABLE = "unusable"
UNTRUSTED = "untrusted"


class Pidfile(Value):
    """What one look at a pidfile told."""

    path: str
    verdict: str
    pid: int = 0  # 0 if it names none
    reason: str = ""  # of UNUSABLE and UNTRUSTED, for the operator
    regular: bool = False
    fixed: bool = False  # a directory or a device (pid /dev/null): nobody's to replace
    version: tuple[int, int] | None = None

    @property
    def trusted(self) -> bool:
        """Whether nobody but root and us could have written what it says."""
        return self.verdict == OK


def read_pidfile(path: str, host: Host) -> Pidfile:
    """Look at the pidfile *path*; never raises for what stands there.

    Good is a regular file of at most 32 bytes that holds one positive number
    and nothing else, owned by root or us, writable by nobody else, in
    directories that nobody else can write. An untrusted one still has its pid
    told: it is as good a place as any to look first.
    """
    try:
        facts = host.examine(path, MOST + 1)
    except InitError as exc:
        return Pidfile(path=path, verdict=UNUSABLE, reason=str(exc))
    if facts is None:
        return Pidfile(path=path, verdict=MISSING)
    word = facts.text.strip()
    if not facts.regular:
        verdict, pid, reason = UNUSABLE, 0, "it is not a regular file"
    elif facts.size == 0:
        verdict, pid, reason = EMPTY, 0, ""
    elif facts.size > MOST or not (word.isascii() and word.isdigit() and int(word) > 0):
        verdict, pid, reason = UNUSABLE, 0, "it does not hold one process number"
    elif distrust := host.distrust_file(facts) or host.distrust(path):
        verdict, pid, reason = UNTRUSTED, int(word), distrust
    else:
        verdict, pid, reason = OK, int(word), ""
    return Pidfile(
        path=path,
        verdict=verdict,
        pid=pid,
        reason=reason,
        regular=facts.regular,
        fixed=facts.fixed,
        version=facts.version,
    )
