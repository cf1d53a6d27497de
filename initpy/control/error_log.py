"""Why it failed: what the daemon's own log has said since."""

from __future__ import annotations

from ..host import Host, Process

# nginx tries a taken port five times, half a second apart, and then says this.
GAVE_UP = "still could not bind()"


def gist(said: str) -> str:
    r"""Return the one line that matters of what a daemon said, without its time stamp.

    >>> gist("2026/11/23 19:19:50 [emerg] 42#42: unknown directive\nnginx: test failed")
    'unknown directive'
    """
    lines = said.splitlines()
    # nginx: "TIME [emerg] PID#TID: ...", before its log is open "nginx: [emerg] ...".
    for sign in ("[emerg] ", "[alert] ", "[crit] ", "ERROR: "):
        for line in lines:
            if sign in line:
                words = line.partition(sign)[2]
                number, _, rest = words.partition(": ")
                return rest if "#" in number and number.replace("#", "").isdigit() else words
    return lines[-1] if lines else ""


def holders(said: str, host: Host) -> str:
    """Return who holds the addresses that a daemon said it could not bind, or "".

    One sentence: "127.0.0.1:9000 is held by pid 4711 (oa, user oa, since ...)".
    """
    import re

    # nginx: bind() to [::]:80 failed; php-fpm: for address '...', already listen on PATH
    pattern = r"(?:bind\(\) to|for address|already listen on) '?(?:unix:)?([^\s',]+)"
    return "; ".join(
        f"{place} is held by pid {holder.pid} ({holder.name}, user {holder.user}, "
        f"since {holder.started})"
        for place in dict.fromkeys(re.findall(pattern, said))
        for holder in dict.fromkeys(host.holders(place))
    )


class LogMark:
    """A place in a master's error log: what comes after it was said since."""

    def __init__(self, master: Process, host: Host) -> None:
        """Mark the end of the log that *master* writes to, its standard error."""
        self._path = f"/proc/{master}/fd/2"
        self._host = host
        self._offset = host.size(self._path)

    def lines(self, *signs: str) -> list[str]:
        """Return the lines since the mark that hold one of *signs*."""
        if self._offset is None:  # a terminal, a pipe, or not ours to read
            return []
        text = self._host.read_from(self._path, self._offset)
        return [line for line in text.splitlines() if any(sign in line for sign in signs)]
