"""The reason of a failure: what the daemon has written to its error log."""

from __future__ import annotations

from ..contracts import UDP, Report
from ..errors import InitError
from ..host import Host, Process
from ..service import Service, resolve
from ..state.configuration import read_configuration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ..contracts import Configuration, ReadLog
    from ..host import Holder


def read_log(service: Service, text: str, pid: int = 0) -> Report:
    """Return the failure that *text* describes, as the reader of that daemon finds it.

    For a daemon without a reader the last line is the reason. *pid* is as in ``ReadLog``.
    """
    if service.read_log is None:
        return Report(reason=text.removesuffix("\n").rpartition("\n")[2])
    read: ReadLog = resolve(service.read_log)
    return read(text, pid)


def describe_holders(report: Report, host: Host, own: Collection[int] = ()) -> str:
    """Return which processes hold the addresses that a daemon could not bind, or "".

    One sentence: "127.0.0.1:9000 is held by pid 4711 (oa, user oa, since ...)".

    own: pids of the service's masters.
    """
    return "; ".join(
        f"{place} is held by this service itself, master {holder.pid}"
        if holder.pid in own
        else held_by(place, holder)
        for place in dict.fromkeys(report.unbound)
        for holder in dict.fromkeys(
            host.holders(place.removesuffix(UDP), datagram=place.endswith(UDP))
        )
    )


def held_by(place: str, holder: Holder) -> str:
    """Say which process has a place."""
    return (
        f"{place} is held by pid {holder.pid} ({holder.name}, user {holder.user}, "
        f"since {holder.started})"
    )


class LogMark:
    """A position in a master's error log. What follows it was written after it was marked."""

    def __init__(self, service: Service, log: Process | str, host: Host) -> None:
        """Mark the current end of the log: a path, or the standard error of a master."""
        self._service = service
        self._path = log if isinstance(log, str) else f"/proc/{log}/fd/2"
        self._host = host
        self._file = host.file_id(self._path)
        self._offset = host.size(self._path)
        if self._file is None and isinstance(log, str):
            self._offset = 0  # it is not there yet

    @property
    def readable(self) -> bool:
        """Whether the log is a file, and not a terminal, a pipe, or hidden from us."""
        return self._offset is not None

    def read(self, pid: int = 0) -> Report:
        """Return the failures since the mark. *pid* is as in ``ReadLog``."""
        if self._offset is None:  # a terminal, a pipe, or a file that we may not read
            return Report()
        same = self._host.file_id(self._path) == self._file  # not opened anew meanwhile
        text = self._host.read_from(self._path, self._offset if same else 0)
        return read_log(self._service, text, pid) if text else Report()

    def tells(self) -> Report | None:
        """Return the failures since the mark; None if there are none.

        Of a daemon without a reader of its log, whatever it has written there.
        """
        report = self.read()
        plain = self._service.read_log is None and report.reason
        return report if report.lines or plain else None


def mark_logs(
    service: Service, host: Host, config: Configuration | None = None
) -> dict[str, LogMark]:
    """Mark the logs that the declaration and the configuration name, by their paths.

    config: what was read of it, if it was.
    """
    logs = (*service.logs, *(config or read_configuration(service, host)).logs)
    return {path: LogMark(service, path, host) for path in logs}


def told_since(logs: Mapping[str, LogMark]) -> Report:
    """Return the failures that the first log tells which tells any, and which log that is."""
    for path, log in logs.items():
        if written := log.tells():
            return written.replace(reason=f"{path} says: {written.reason}")
    return Report()


def ended_early(
    service: Service,
    how: str,
    said: str,
    host: Host,
    logs: Mapping[str, LogMark],
    own: Collection[int] = (),
) -> InitError:
    """Return the error of a daemon that has ended instead of coming up.

    how:  it ended: "with code 1".
    logs: where the reason is, if the daemon has *said* none: ``mark_logs`` before the start.
    own:  pids of the service's masters.
    """
    report = read_log(service, said)
    if not report.lines and (service.read_log is not None or not report.reason):
        written = told_since(logs)
        report = written if written.reason else report
    reasons = "; ".join(filter(None, (report.reason, describe_holders(report, host, own))))
    if service.background and not reasons:
        reasons = "what it says goes to /dev/null: see its log, or run it in a terminal"
    return InitError(f"{service.daemon} {how}{': ' if reasons else ''}{reasons}", said)
