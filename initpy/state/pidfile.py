"""Pidfiles: a hint where to look first, never a proof.

The process that a pidfile names is a master only if ``identity`` says so. The daemon owns
its pidfile. An action that holds the lock may remove a stale one and restore a lost one.
"""

from __future__ import annotations

from ..errors import HostError, InitError
from ..host import Host
from ..value import Value

DIGITS = 32  # at most; a pid has ten, and a longer number is that of no process
MOST = 1024  # bytes; some daemons write more about themselves below their pid

# The verdicts on a pidfile.
OK = "ok"
MISSING = "missing"
EMPTY = "empty"  # a daemon first creates its pidfile, and then writes it
UNUSABLE = "unusable"
UNTRUSTED = "untrusted"


class Pidfile(Value):
    """The facts about a pidfile, as they were at one moment."""

    path: str
    verdict: str
    pid: int = 0  # 0 if it names none
    reason: str = ""  # for the operator, if UNUSABLE or UNTRUSTED
    distrust: str = ""  # why others than root and us could have written it, or emptied it
    regular: bool = False
    fixed: bool = False  # a directory or a device (pid /dev/null), which must not be replaced
    version: tuple[int, int] | None = None

    @property
    def trusted(self) -> bool:
        """Whether only root and we could have written it."""
        return self.verdict == OK


def read_pidfile(path: str, host: Host) -> Pidfile:
    """Read the pidfile *path*. Every problem is a verdict, but a system call that fails.

    OK is a regular file of at most 1024 bytes whose first line is one positive number. It
    belongs to root or us, and no other user can write it or its directories. An untrusted
    pidfile still yields its pid, because that is only a hint.
    """
    try:
        facts = host.examine(path, MOST + 1)
    except HostError:
        raise
    except InitError as exc:
        return Pidfile(path=path, verdict=UNUSABLE, reason=str(exc))
    if facts is None:
        return Pidfile(path=path, verdict=MISSING)
    word = facts.text.partition("\n")[0].strip()
    distrust = host.distrust_file(facts) or host.distrust(path)
    if not facts.regular:
        verdict, pid, reason = UNUSABLE, 0, "it is not a regular file"
    elif facts.size == 0:
        verdict, pid, reason = EMPTY, 0, ""
    elif facts.size > MOST or not _is_number(word):
        verdict, pid, reason = UNUSABLE, 0, "it does not hold one process number"
    elif distrust:
        verdict, pid, reason = UNTRUSTED, int(word), distrust
    else:
        verdict, pid, reason = OK, int(word), ""
    return Pidfile(
        path=path,
        verdict=verdict,
        pid=pid,
        reason=reason,
        distrust=distrust,
        regular=facts.regular,
        fixed=facts.fixed,
        version=facts.version,
    )


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= DIGITS and int(word) > 0
