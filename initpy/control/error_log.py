"""Why it failed: what the daemon's own log has said since."""

from __future__ import annotations

from ..contracts import Report
from ..host import Host, Process
from ..service import Service, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import ReadLog


def read_log(service: Service, text: str, pid: int = 0) -> Report:
    """Return what *text* says of a failure, as the daemon's own reader understands it.

    Of a daemon without a reader the last line is the reason.
    """
    if service.read_log is None:
        return Report(reason=text.splitlines()[-1] if text else "")
    read: ReadLog = resolve(service.read_log)
    return read(text, pid)


def describe_holders(report: Report, host: Host) -> str:
    """Return which processes hold the addresses that a daemon could not bind, or "".

    One sentence: "127.0.0.1:9000 is held by pid 4711 (oa, user oa, since ...)".
    """
    return "; ".join(
        f"{place} is held by pid {holder.pid} ({holder.name}, user {holder.user}, "
        f"since {holder.started})"
        for place in dict.fromkeys(report.unbound)
        for holder in dict.fromkeys(host.holders(place))
    )


class LogMark:
    """A place in a master's error log: what comes after it was said since."""

    def __init__(self, service: Service, master: Process, host: Host) -> None:
        """Mark the end of the log that *master* writes to, its standard error."""
        self._service = service
        self._path = f"/proc/{master}/fd/2"
        self._host = host
        self._offset = host.size(self._path)

    def read(self, pid: int = 0) -> Report:
        """Return what was said since the mark, if a *pid* is given by that process alone."""
        if self._offset is None:  # a terminal, a pipe, or not ours to read
            return Report()
        text = self._host.read_from(self._path, self._offset)
        return read_log(self._service, text, pid) if text else Report()
