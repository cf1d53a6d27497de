"""Foresight of a restart: why the service could not be started again, told before it is stopped.

The stop closes the service's own sockets, so they are not in the way of those that the start
makes. What another process has, is: a port that is newly configured, or a socket of the
service that a job of it has inherited and keeps.
"""

from __future__ import annotations

from ...contracts import UDP
from ...control.ask import ask_configuration
from ...errors import ConfigTestFailed, InitError
from ...host.network.trials import IN_USE
from ...state.programs.descent import descends
from ...state.scan import processes_with
from ...state.snapshot import take_snapshot
from .places import port_of
from .trials import Trials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ...contracts import Configuration, WantedSocket
    from ...host import BoundSocket, Host, Process
    from ...service import Service
    from ...state.snapshot import Snapshot


# A start by a launcher has 13 descriptors open at once (seen), and reads /proc beside.
LEAST_FILES = 16


def refuse_failing_start(service: Service, seen: Snapshot, host: Host) -> Callable[[], str]:
    """Raise if the start that follows a stop is foreseen to fail. Nothing was stopped.

    Returns what tells which process keeps a socket that the stop would have to close, or "".
    It reads the descriptors of every process of the host, and a new master that inherits that
    socket is not hindered.

    Raises ConfigTestFailed if the configuration is wrong whatever the state of the host;
    InitError if the host does not allow it now. Nothing is foreseen if we may not see the
    sockets of the service; and what changes before the start is not foreseen.
    """
    known = host.listening_sockets()
    if seen.master is None or known is None or not all(map(host.socket_inodes, seen.masters)):
        host.explain("the sockets of this service cannot be seen: nothing is foreseen")
        return str
    config = ask_configuration(service, host)
    trials = _tried(service, StartTrials(seen.master, seen.processes, known, host), config, host)
    if trials.foreseen.refused:
        # A worker has the sockets of its master. Only where something is in the way is each
        # asked for its own: with hundreds of workers that takes seconds.
        ending = _ending(seen, host)
        trials = _tried(service, StartTrials(seen.master, ending, known, host), config, host)
    host.explain(f"a start can make the sockets {', '.join(trials.new) or '(none)'}")
    if not host.alive(seen.master):  # then what was seen through it tells nothing
        host.explain(f"master {seen.master} has ended: nothing is foreseen")
        return str
    foreseen = trials.foreseen
    for why in foreseen.unresolved:
        host.explain(f"this is not foreseen: {why}")
    if foreseen.wrong or foreseen.refused:
        error = ConfigTestFailed if foreseen.wrong else InitError
        why = "; ".join((*foreseen.wrong, *foreseen.refused))
        raise error(f"not restarting, nothing was stopped: {why}")
    # A stop ends a master that no pidfile names, too.
    return lambda: trials.kept_by_others(_ending(take_snapshot(service, host, thorough=True), host))


def _tried(service: Service, trials: StartTrials, config: Configuration, host: Host) -> StartTrials:
    """Try whatever the configuration wants; return the trials."""
    for pool in config.pools:
        trials.try_pool(pool)
    for wanted in config.sockets:
        trials.try_socket(service.name, wanted)
    soft, most = host.file_limits()
    if soft < LEAST_FILES:
        trials.refuse(f"a limit of {soft} open files is too low to start anything")
    by_init = host.start_surroundings().limits.get("RLIMIT_NOFILE", (soft, most))
    given, _ = service.limits.get("RLIMIT_NOFILE", by_init)
    given = by_init[0] if given is None else given
    trials.try_limits(config, (given if given >= 0 else most, most))
    return trials


def _ending(seen: Snapshot, host: Host) -> list[Process]:
    """Return the processes that a stop ends."""
    workers = (worker for master in seen.masters for worker in host.children(master))
    return [*seen.processes, *workers]


class StartTrials(Trials):
    """The trials for a start: it inherits nothing, and the old sockets are closed by then."""

    def __init__(
        self,
        master: Process,
        ending: Collection[Process],
        known: Collection[BoundSocket],
        host: Host,
    ) -> None:
        """Take the processes whose sockets are closed by then, and all that listen here."""
        super().__init__(master, set(), host)
        inodes = {inode for process in ending for inode in host.socket_inodes(process)}
        own = [one for one in known if one.inode in inodes]
        self._own, self._own_paths = _by_port(own), {one.place for one in own}
        self._own_files = {one.file[0] for one in own if one.file is not None}
        self._others = _by_port([one for one in known if one.inode not in inodes])
        self._reuseport: set[str] = set()
        self._in_own_way: list[str] = []  # the places that only sockets of the service exclude

    def refuse(self, why: str) -> None:
        """Note why the start will fail."""
        self._found["refused"].append(why)

    def try_socket(self, wanting: str, wanted: WantedSocket) -> None:
        """Try a socket of a daemon without pools: all addresses of a name, or a path."""
        if wanted.place.startswith("/"):
            self._try_path(wanting, wanted.place)
            if wanted.place in self.new and self._stays(wanted.place):
                del self.new[wanted.place]
                what = "something else than a stale socket of root's is there"
                self.refuse(f"{wanting} cannot listen on {wanted.place}: {what}")
            return
        if wanted.datagram and wanted.reuseport:  # others may share it, which is not to be tried
            self._host.explain(f"udp, with reuseport: {wanted.place} is not tried")
            return
        name, _, port = wanted.place.rpartition(":")
        try:
            addresses = self._host.resolve(name)
        except InitError as exc:
            self._found["unresolved"].append(f"{wanting} cannot listen on {wanted.place}: {exc}")
            return
        for address in addresses:
            if wanted.reuseport:
                self._reuseport.add(f"{address.partition('%')[0]}:{port}")
            self._try_addresses(wanting, (f"{address}:{port}",), wanted)

    def _stays(self, path: str) -> bool:
        """Tell whether what is at *path* is removed neither by the stop nor by the start."""
        # nginx removes the paths of its sockets on QUIT, whatever is there by then
        # (ngx_close_listening_sockets); remove_stale_sockets removes what nothing listens on.
        if path in self._own_paths:
            return False
        file = self._host.socket_file(path)
        if file is None:
            return self._host.exists(path)
        return not self._is_own(file) and bool(self._host.distrust(path))

    def _is_own(self, file: tuple[int, int]) -> bool:
        # The inodes are compared: on an overlay the devices differ.
        return file[1] in self._own_files

    def _listener(self, file: tuple[int, int], path: str) -> str:
        return "" if self._is_own(file) else super()._listener(file, path)

    def _explained(self, why: str, place: str) -> str:
        if why != IN_USE:
            return why
        others = self._excluding(place, self._others)
        if not others and self._excluding(place, self._own):
            self._in_own_way.append(place)
            return ""
        by = [
            f"{one.place} is held by {self._named(min(holders, key=_age))}"
            for one in others
            if (holders := processes_with({one.inode}, self._host))
        ]
        return ", ".join((why, *dict.fromkeys(by)))

    def _excluding(self, place: str, there: Mapping[str, list[BoundSocket]]) -> list[BoundSocket]:
        """Return the sockets that are in the way of a new one at *place*."""
        overlap = super()._overlap  # these are there, whatever the configuration says of reuseport
        return [
            one
            for one in there.get(port_of(place), ())
            if _place_of(one) == place or overlap(place, _place_of(one), one.ipv6only)
        ]

    def _overlap(self, place: str, other: str, ipv6only: bool | None = None) -> bool:
        shared = {place, other} <= self._reuseport
        return not shared and super()._overlap(place, other, ipv6only)

    def _named(self, process: Process) -> str:
        return f"pid {process} ({self._host.title(process.pid)[:60]})"

    def kept_by_others(self, ending: Collection[Process]) -> str:
        """Say which process keeps a socket of ours that is in the way of a new one, or "".

        A job that a worker has started inherits the worker's sockets. One that descends
        from the processes that are *ending* is taken for a part of a request in flight, and
        to end with that.
        """
        kept = {
            one.inode: one.place
            for place in self._in_own_way
            for one in self._excluding(place, self._own)
        }
        said = []
        for process, held in processes_with(kept, self._host).items():
            if not descends(process, ending, self._host):
                places = {kept[inode] for inode in held}
                said.append(f"{self._named(process)} holds {', '.join(sorted(places))}")
        return "; ".join(said)


def _age(process: Process) -> tuple[int, int]:
    return process.started, process.pid


def _place_of(one: BoundSocket) -> str:
    return f"{one.place}{UDP if one.datagram else ''}"


def _by_port(sockets: Collection[BoundSocket]) -> dict[str, list[BoundSocket]]:
    found: dict[str, list[BoundSocket]] = {}
    for one in sockets:
        found.setdefault(port_of(_place_of(one)), []).append(one)
    return found
