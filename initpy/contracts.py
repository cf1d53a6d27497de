"""The signatures of the functions that a declaration names: readers and protocols.

A field of ``Service`` that holds ``"module:function"`` names a function with one of
these signatures (``REFERENCES`` tells which). ``resolve`` returns the function. A reader
may read files; it runs no program, changes nothing, and does not wait.
"""

from __future__ import annotations

from .value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    from .host import Host, Listener, NamelessFile, Process
    from .service import Service
    from .state.snapshot import Snapshot

    class ReadConfiguration(Protocol):
        """Read the daemon's configuration file and what it includes."""

        def __call__(self, service: Service, host: Host, /) -> Configuration: ...

    class ReadDump(Protocol):
        """Read what the daemon printed when it was asked for its configuration (``dump_args``).

        written: what the reader of the file says. None if it has printed no whole one.
        """

        def __call__(
            self, service: Service, output: str, written: Configuration, host: Host, /
        ) -> Configuration | None: ...

    class TakeConfig(Protocol):
        """Take the configuration out of the administrator's options; return it, and the rest.

        The path is absolute; None if the options name none.
        """

        def __call__(
            self, service: Service, options: tuple[str, ...], /
        ) -> tuple[str | None, tuple[str, ...]]: ...

    class ReadCommandLine(Protocol):
        """Return the configuration that a master reads, by its command line joined by blanks.

        The path may be relative to the master's working directory; None if it cannot be told.
        """

        def __call__(self, service: Service, command: str, /) -> str | None: ...

    class ReadLog(Protocol):
        """Read what the daemon wrote to its log or its standard error.

        pid: read only the failures that this process logged; 0 means all lines.
        """

        def __call__(self, text: str, pid: int = 0, /) -> Report: ...

    class LogOutput(Protocol):
        """Return what the master would log of a line that a worker has written.

        title:  that of the worker; "" if it is not known which worker it was.
        stream: 1 if it was written to standard output, 2 if to standard error, 0 if unknown.
        said:   the line without its end, or a part of a long one.
        now:    strftime(3) of the present local time.
        """

        def __call__(
            self,
            config: Configuration,
            title: str,
            pid: int,
            stream: int,
            said: bytes,
            now: Callable[[str], str],
            /,
        ) -> bytes: ...

    class WorkerServes(Protocol):
        """Tell whether a worker takes requests yet, by the removed files that it has open."""

        def __call__(self, files: Sequence[NamelessFile], /) -> bool: ...

    class Detect(Protocol):
        """Read what the daemon printed for ``detect_args``, and then for ``detect_text``."""

        def __call__(self, service: Service, output: str, /) -> Detected: ...

    class InheritEnvironment(Protocol):
        """Return the environment variables that list the inherited sockets for the daemon.

        If it is NAME for one socket, it may be NAME, NAME_1 and so on for many: a master
        does not hand these on to the one that takes its place.
        """

        def __call__(self, listeners: Sequence[Listener], /) -> Mapping[str, str]: ...

    class Reload(Protocol):
        """Send the reload signal to a master; return when new workers serve.

        The caller holds the lock and has tested the configuration. Raises Reverted if
        the old workers serve as before, InitError if they do not, or if that is unknown.
        """

        def __call__(self, service: Service, master: Process, host: Host, /) -> None: ...

    class Restart(Protocol):
        """Have a new master take the place of the old one; return when the old one is gone.

        The caller holds the lock and has tested the configuration. False if the service is
        to be stopped and started instead: nothing was changed. Raises InitError, which tells
        what serves.
        """

        def __call__(self, service: Service, seen: Snapshot, host: Host, /) -> bool: ...

    class Upgrade(Protocol):
        """Finish an unfinished upgrade, or replace the running binary. The caller has the lock."""

        def __call__(self, service: Service, seen: Snapshot, host: Host, /) -> None: ...


class Wish(Value):
    """What the configuration wants of a socket that the daemon makes."""

    key: str  # as it is written in the configuration
    # owner and group: a name, or a number; users and groups of the ACL: names, with commas
    # between; mode: octal digits; backlog: a number, negative for the greatest
    kind: str
    value: str


class Pool(Value):
    """A group of workers with sockets of its own."""

    name: str
    listens: tuple[str, ...] = ()  # places; the first is where it answers requests
    on_demand: bool = False  # its workers are started when they are needed
    workers: int = 1  # that it starts with
    retires: bool = False  # its workers end after a number of requests, as they should
    logs: tuple[str, ...] = ()
    plain_output: bool = False  # what its workers write is logged as it is
    wishes: tuple[Wish, ...] = ()  # for the socket where it answers requests
    # The sockets that it makes: for each of them the places that it tries in turn, as the
    # daemon spells them; a host name is not looked up.
    binds: tuple[tuple[str, ...], ...] = ()
    users: tuple[str, ...] = ()  # without which its sockets cannot be made
    groups: tuple[str, ...] = ()  # the same


class WantedSocket(Value):
    """A socket that the configuration has the daemon make, and what it wants of it."""

    place: str  # in the form of ``Listener.place``; a host name stands as it is written
    datagram: bool = False  # SOCK_DGRAM, not SOCK_STREAM
    ipv6only: bool | None = None  # IPV6_V6ONLY; None if it does not matter there
    reuseport: bool = False  # SO_REUSEPORT: a socket for each worker


class Configuration(Value):
    """The part of a daemon's configuration that an init script needs. Paths are absolute."""

    pidfile: str | None = None  # that the daemon writes, whatever its arguments say
    logs: tuple[str, ...] = ()
    # Regular expressions of the whole paths of logs in whose names variables stand.
    log_patterns: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()  # the daemon creates them if they are missing
    reload_drain: float = 0.0  # seconds that a reload gives old workers to finish
    open_files: int = 0  # the daemon sets its own limit of descriptors to that; 0: it does not
    reload_cuts: str = ""  # why a reload cuts requests in flight; "" if it cuts none
    pools: tuple[Pool, ...] = ()  # of a daemon that has them
    # Where it listens, in the form of ``Listener.place``. A host name stands as it is
    # written ("localhost:80"): it is looked up when places are compared.
    listens: tuple[str, ...] = ()
    # The sockets that it makes, of a daemon whose pools do not tell them by ``binds``.
    sockets: tuple[WantedSocket, ...] = ()

    @property
    def workerless(self) -> bool:
        """Tell whether it may run without a worker, and start one on demand."""
        return bool(self.pools) and all(pool.on_demand for pool in self.pools)

    @property
    def writes(self) -> tuple[str, ...]:
        """Every file and folder that the daemon's test may create."""
        return (*self.logs, *self.directories, *((self.pidfile,) if self.pidfile else ()))


UDP = " (udp)"  # follows the port in the place of a datagram socket


class Report(Value):
    """The failure that a daemon's log describes, and what it warns of."""

    reason: str = ""  # one line, without its time stamp
    lines: tuple[str, ...] = ()  # every line that reports a failure
    unbound: tuple[str, ...] = ()  # addresses, those of udp with UDP, and paths: not bound
    warnings: tuple[str, ...] = ()  # each one line, without its time stamp


class Detected(Value):
    """The compiled-in facts that an installed daemon prints."""

    # Fields of Service: config, default_config, pidfile, prefix, localstatedir.
    facts: Mapping[str, str]
    unnamed: str = ""  # why it does not name its configuration: in its own words


# The signature of each field of Service that holds "module:function". A test lets mypy
# check every function that a shipped declaration names.
REFERENCES = {
    "read_configuration": "ReadConfiguration",
    "read_dump": "ReadDump",
    "take_config": "TakeConfig",
    "read_command_line": "ReadCommandLine",
    "read_log": "ReadLog",
    "log_output": "LogOutput",
    "worker_serves": "WorkerServes",
    "detect": "Detect",
    "inherit": "InheritEnvironment",
    "reload_by": "Reload",
    "takeover": "Reload",
    "restart_by": "Restart",
    "upgrade": "Upgrade",
    "finish_upgrade": "Upgrade",
}
