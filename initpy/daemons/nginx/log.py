"""What the lines of nginx's error log mean."""

from __future__ import annotations

from ...contracts import Report

# By severity; the first that occurs gives the reason.
_FAILURES = ("[emerg] ", "[alert] ", "[crit] ")
# nginx tries a taken port five times, half a second apart, and then says this
# (ngx_open_listening_sockets).
_GAVE_UP = "still could not bind()"


def read(text: str, pid: int = 0) -> Report:
    r"""Return what *text* says of a failure.

    pid: read only the emergencies of this master: what a worker of its own, or
         another instance with the same log, has written is no reason.

    >>> read("2026/11/23 19:19:50 [emerg] 42#42: unknown directive\nnginx: test failed").reason
    'unknown directive'
    """
    import re

    lines = text.splitlines()
    signs = (f" [emerg] {pid}#",) if pid else _FAILURES
    failures = tuple(line for line in lines if any(sign in line for sign in signs))
    return Report(
        reason=_reason(lines),
        lines=failures,
        # bind() to [::]:80 failed
        unbound=tuple(re.findall(r"bind\(\) to (?:unix:)?([^\s',]+)", text)),
        gave_up=bool(failures) and _GAVE_UP in failures[-1],
    )


def _reason(lines: list[str]) -> str:
    # "TIME [emerg] PID#TID: ...", before its log is open "nginx: [emerg] ...".
    for sign in _FAILURES:
        for line in lines:
            if sign in line:
                words = line.partition(sign)[2]
                number, _, rest = words.partition(": ")
                return rest if "#" in number and number.replace("#", "").isdigit() else words
    return lines[-1] if lines else ""
