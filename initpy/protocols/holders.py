"""Which processes of a service still write to a rotated log, and for how long they may."""

from __future__ import annotations

from ..errors import InitError
from ..host import AppendedFile, Descriptors, Host, Process, pids_of
from ..service import Service
from ..state.idle import why_stuck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ..contracts import Configuration
    from ..control.error_log import LogMark

MOST = 8  # processes that a message names


def named_files(config: Configuration, host: Host) -> set[tuple[int, int]]:
    """Return device and inode of the files to which the names of logs lead."""
    return {file for file in map(host.file_id, config.logs) if file is not None}


class Holders:
    """The masters and all their children, looked up anew at every look.

    rotated: device and inode of each file that a master has let go.
    """

    def __init__(
        self,
        service: Service,
        config: Configuration,
        logs: Mapping[Process, LogMark],
        host: Host,
        *,
        ending: Collection[Process] = (),
    ) -> None:
        """Take the masters with their error logs.

        ending: those that only wait for their workers, and open no log any more.
        """
        self._ending = ending
        self._service, self._config, self._host = service, config, host
        self._logs = logs
        self.rotated: set[tuple[int, int]] = set()
        self._own: set[tuple[Process, int, tuple[int, int]]] = set()
        self._tables: dict[Process, tuple[AppendedFile, ...]] = {}  # before the signal
        self._unseen: set[Process] = set()
        self._listening: set[int] | None = None

    def _family(self) -> dict[Process, None]:
        children = [child for master in self._logs for child in self._host.children(master)]
        masters = [master for master in self._logs if master not in self._ending]
        return dict.fromkeys([*masters, *children])

    def note(self, held: set[tuple[int, int]]) -> None:
        """Note which of the files that only workers have open are rotated, by their names.

        held: what the masters have open.

        A worker opens a log itself if its name depends on the request. It has the file on
        the same descriptor until it closes it.
        """
        known = held | named_files(self._config, self._host)
        for process in self._family():
            table = self._host.descriptors(process)
            if process in self._logs or table is None or self._service.runs_scripts:
                continue
            self._tables[process] = table.appended
            self._own |= {
                (process, one.fd, one.file)
                for one in table.appended
                if one.file not in known and (one.removed or not self._may_be_a_log(one.path))
            }

    def _may_be_a_log(self, path: str) -> bool:
        """Tell whether a log may have that path, of which no configured name is the whole."""
        if not self._config.log_patterns:
            return not self._config.logs  # compiled in, perhaps
        import re

        return any(re.fullmatch(pattern, path) for pattern in self._config.log_patterns)

    def all_let_go(self, waited: float) -> bool:
        """Tell whether no process holds a rotated log.

        waited: seconds since the masters have handled the signal.

        Raises InitError if a process keeps one.
        """
        holders = self._look()
        for process, path in holders.items():
            if why := why_stuck(process, self._host):
                raise InitError(f"pid {process} ({why}) still writes to {path}")
        late = {one: path for one, path in holders.items() if waited >= self._patience(one)}
        if late:
            raise InitError(self._say(late, f" after {waited:.0f} s"))
        return not holders

    def awaited(self) -> str:
        """Return what the wait is for."""
        return f"the rotated logs to be closed: {self._say(self._look())}"

    def _look(self) -> dict[Process, str]:
        """Return the processes that hold a rotated file, each with the path of one."""
        tables = {process: self._host.descriptors(process) for process in self._family()}
        self._unseen = {process for process, table in tables.items() if table is None}
        holders = {}
        for process, table in tables.items():
            appended = table.appended if table is not None else ()
            rotated = [
                one
                for one in appended
                if one.file in self.rotated or (process, one.fd, one.file) in self._own
            ]
            if table and self.rotated and self._has_opened_nothing(process, table):
                rotated = rotated or list(appended)
            if rotated:
                holders[process] = rotated[-1].path
        return holders

    def _has_opened_nothing(self, process: Process, table: Descriptors) -> bool:
        """Tell whether a worker has not opened its logs anew: then no descriptor is another."""
        if self._service.reopens_in_place:
            return False
        before = {(one.fd, one.file) for one in self._tables.get(process, ())}
        return bool(before) and before == {(one.fd, one.file) for one in table.appended}

    def _patience(self, process: Process) -> float:
        """Return for how many seconds a process may still hold a rotated log."""
        if self._only_finishes(process):
            return self._service.drain_timeout
        return self._service.timeout

    def _only_finishes(self, process: Process) -> bool:
        """Tell whether a process accepts no more requests: it listens nowhere with a master."""
        title = self._service.draining_title
        if process in self._logs:
            return False
        if title is not None and not self._host.title(process.pid).startswith(title):
            return False
        listening, table = self._listening_inodes(), self._host.descriptors(process)
        if not listening or table is None:
            return title is not None
        return not table.sockets & listening

    def _listening_inodes(self) -> set[int]:
        """Return the sockets on which a master listens."""
        if self._listening is None:
            bound = {one.inode for one in self._host.listening_sockets() or ()}
            tables = map(self._host.descriptors, self._logs)
            self._listening = {i for table in tables if table for i in table.sockets & bound}
        return self._listening

    def _say(self, holders: Mapping[Process, str], since: str = "") -> str:
        said = []
        for process, path in list(holders.items())[:MOST]:
            reports = [log.read(process.pid) for log in self._logs.values()]
            reason = next((f": {one.reason}" for one in reports if one.lines), "")
            said.append(f"pid {process} still writes to {path}{since}{reason}")
        return "; ".join(said) + ("; ..." if len(holders) > MOST else "")

    def tell_unseen(self) -> None:
        """Say which processes could not be looked at, if a log was rotated."""
        if self._unseen and self.rotated:
            pids = pids_of(sorted(self._unseen, key=lambda one: one.pid))
            self._host.tell(
                f"pids {pids} cannot be looked at: whether they still write to a rotated log "
                "is not known"
            )
