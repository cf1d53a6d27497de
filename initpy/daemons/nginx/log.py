"""Read the lines of nginx's error log."""

from __future__ import annotations

from ...contracts import Report

# The most severe first: the reason is the first line of the first level that occurs.
_FAILURES = ("[emerg] ", "[alert] ", "[crit] ")
# If a port is in use nginx tries to bind it five times, half a second apart, and then
# logs this (ngx_open_listening_sockets).
_GAVE_UP = "still could not bind()"


def read(text: str, pid: int = 0) -> Report:
    r"""Return the failure that *text* describes.

    pid: read only the [emerg] lines of this master. A line of a worker, or of another
         instance with the same log, is not a reason why this master failed.

    >>> read("2026/11/23 19:19:50 [emerg] 42#42: unknown directive\nnginx: test failed").reason
    'unknown directive'
    """
    lines = text.splitlines()
    signs = (f" [emerg] {pid}#",) if pid else _FAILURES
    failures = tuple(line for line in lines if any(sign in line for sign in signs))
    return Report(
        reason=_reason(lines),
        lines=failures,
        unbound=_unbound(text) if "bind()" in text else (),
        gave_up=bool(failures) and _GAVE_UP in failures[-1],
    )


def _unbound(text: str) -> tuple[str, ...]:
    import re  # costs more than most reloads say

    # bind() to [::]:80 failed
    return tuple(re.findall(r"bind\(\) to (?:unix:)?([^\s',]+)", text))


def _reason(lines: list[str]) -> str:
    # "TIME [emerg] PID#TID: ..."; before the log is open: "nginx: [emerg] ...".
    for sign in _FAILURES:
        for line in lines:
            if sign in line:
                words = line.partition(sign)[2]
                number, _, rest = words.partition(": ")
                return rest if "#" in number and number.replace("#", "").isdigit() else words
    return lines[-1] if lines else ""
