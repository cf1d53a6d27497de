"""Copies of listening sockets, which a new master inherits."""

from __future__ import annotations

from ...control.ask import ask_configuration
from ...control.stable import wait_until_stable
from ...errors import RollbackFailed, Unimplemented
from ...host import Host, Listener, Process, Surroundings
from ...host.wait import insist, wait_until
from ...service import Service, resolve
from ...state.configuration import listens_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from typing_extensions import Self

    from ...contracts import Configuration, InheritEnvironment
    from ...state.record import Record


_NOFILE = "RLIMIT_NOFILE"


class InheritedSockets:
    """Listening sockets for a new master. A context manager, which closes the copies."""

    def __init__(
        self,
        service: Service,
        processes: Iterable[Process],
        host: Host,
        *,
        surroundings: Surroundings | None = None,
        configuration: Configuration | None = None,
        record: Record | None = None,
    ) -> None:
        """Copy the listening sockets of *processes*.

        surroundings:  those that the new master is to have, beside the sockets.
        configuration: that it is to have; the daemon is asked for it if it is omitted.
        record:        what is recorded of their master. When all is copied that it or the
                       configuration names, further workers of that master are not read.
                       Each worker may have a socket to each other worker.

        While the copies are there, our own limit of open files is as high as it may be.
        A unix socket is handed on only if the configuration names its path and the path
        still leads to it: on another one no client would reach the new master. Raises
        CannotCopy; Unimplemented if the daemon cannot be told of such a path.
        """
        # php-fpm removes the path of an inherited unix socket that its configuration does
        # not name (fpm_sockets.c). Then no client could reach the old pool either.
        self._host = host
        self._service = service
        self.configuration = configuration or ask_configuration(service, host, surroundings)
        copied: list[Listener] = []
        self.surroundings = surroundings
        known: set[int] = set()
        self._copies: list[int] = []
        self._limit = host.raise_descriptor_limit()
        self.inodes: set[int] = set()  # of all copies, also of those that are not handed on
        needed = self._needed(record) if record else set()
        try:
            for process in processes:
                complete = bool(needed) and needed <= self.inodes
                if complete and record and _is_fork(process, record, host):
                    continue
                for listener in host.copy_listeners(process, known):
                    self._copies.append(listener.fd)
                    self.inodes.add(listener.inode)
                    copied.append(listener)
            self._sort(copied)
        except BaseException:
            self.close()
            raise

    def _needed(self, record: Record) -> set[int]:
        """Return the sockets that the record or the configuration names; none if unknown."""
        known = {(socket.inode, socket.cookie) for socket in record.sockets}
        return {
            one.inode
            for one in self._host.listening_sockets() or ()
            if (one.inode, one.cookie) in known
            or listens_at(self.configuration, one.place, self._host) is not False
        }

    def _sort(self, copied: list[Listener]) -> None:
        """Tell what is handed on from what the configuration does not name any more."""
        unix = {listener.inode for listener in copied if listener.unix}
        told = self._host.listening_sockets() if unix else ()
        files = {one.inode: one.file for one in told or () if one.inode in unix}
        handed: dict[int, Listener] = {}
        dropped = {}
        for listener in copied:
            there = self._host.file_id(listener.place) if listener.unix else None
            file = files.get(listener.inode)
            if not listener.unix:
                handed.setdefault(listener.inode, listener)
            elif there is None or (file and file[0] != there[1]):
                continue  # its path is lost
            elif listens_at(self.configuration, listener.place, self._host):
                handed.setdefault(listener.inode, listener)
            elif file and (version := self._host.version(listener.place)) and version[0] == file[0]:
                dropped[listener.place] = version
        excluded = set(self._service.inherit_excludes)
        if untold := [one.place for one in handed.values() if excluded & set(one.place)]:
            signs = " or ".join(f'"{sign}"' for sign in self._service.inherit_excludes)
            raise Unimplemented(
                f"no path with {signs} in it can be handed on, {', '.join(untold)} has one: "
                "change the path, and restart"
            )
        self.listeners = tuple(handed.values())
        # The paths that the configuration does not name, with the version of their files.
        self.dropped = dropped

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The descriptors that the new master inherits."""
        return tuple(listener.fd for listener in self.listeners)

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that list them for this daemon."""
        assert self._service.inherit is not None
        environment: InheritEnvironment = resolve(self._service.inherit)
        return environment(self.listeners)

    @property
    def limits(self) -> Mapping[str, tuple[int, int]]:
        """Our limit of open files as it was before."""
        return {_NOFILE: self._limit}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close the copies. The new master has inherited its own."""
        insist(self.close, self._host)

    def give_up(self, listeners: Collection[Listener]) -> None:
        """Close some of the copies: the new master does not inherit these."""
        for listener in listeners:
            self._copies.remove(listener.fd)
            self._host.close(listener.fd)
        self.listeners = tuple(one for one in self.listeners if one not in listeners)

    def close(self) -> None:
        """Close the copies."""
        while self._copies:
            self._host.close(self._copies.pop())
        self._host.restore_descriptor_limit(self._limit)


def _is_fork(process: Process, record: Record, host: Host) -> bool:
    """Tell whether an orphan of the service was forked from its recorded master."""
    session = record.session != 0 and host.session(process.pid) == record.session
    return session or process in record.members


def surroundings_for_successor(service: Service, master: Process, host: Host) -> Surroundings:
    """Return what a master that takes the place of *master* gets of its surroundings.

    Not the variables that told *master* of sockets that it has inherited itself; and what
    the settings say of variables, limits and nice level comes first.
    """
    found = host.surroundings(master)
    environment = found.environment
    if environment is not None and service.inherit is not None:
        one_socket = Listener(fd=3, inode=0, place="", unix=False)
        told = resolve(service.inherit)([one_socket])
        environment = {
            name: value
            for name, value in environment.items()
            # A daemon may need several variables for all sockets: NAME, NAME_1, ...
            if not any(name == one or name.startswith(f"{one}_") for one in told)
        }
        environment.update(service.environment)
    return found.replace(
        environment=environment,
        limits={name: both for name, both in found.limits.items() if name not in service.limits},
        nice=0 if service.nice else found.nice,  # the one in the settings is added to it
    )


def copy_sockets(
    service: Service,
    old: Process,
    host: Host,
    config: Configuration | None = None,
    *,
    fresh: bool = False,
) -> tuple[Process, InheritedSockets]:
    """Return the old master, and copies of its sockets.

    It is another process by then if a signal from outside has had it execute itself anew.

    config: the configuration that the new master is to have; the daemon is asked for it if it
            is omitted.
    fresh: the new master is to have the surroundings of a start, not those of the old one.
    """

    def listening() -> set[int]:
        """Return its sockets; where they are told, those of clients: it has others anew."""
        held, told = host.socket_inodes(old), host.listening_sockets()
        return held if told is None else held & {one.inode for one in told}

    def successors() -> Surroundings | None:
        return None if fresh else surroundings_for_successor(service, old, host)

    # Asked before: it takes a while, and *old* may execute itself anew more often than that.
    config = config or ask_configuration(service, host, successors())

    def copied() -> tuple[Process, InheritedSockets] | None:
        nonlocal old
        before, wanted = listening(), successors()
        copies = InheritedSockets(service, [old], host, surroundings=wanted, configuration=config)
        # A process that exits closes its descriptors first, and is still alive then.
        if before and before == listening():
            return old, copies
        copies.close()
        seen = wait_until_stable(service, host)
        if seen.master is None:
            raise RollbackFailed(f"Upgrade failed! Old master {old} is dead: use start")
        old = seen.master
        return None

    what = f"the sockets of {service.name} to be copied"
    return wait_until(copied, within=service.timeout, host=host, what=what)
