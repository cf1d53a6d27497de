"""The forms of what a declaration refers to: readers of one daemon, and protocols.

A field of ``Service`` that holds ``"module:function"`` names a function of one of
these forms (``REFERENCES`` says which field has which), and ``resolve`` returns it. A reader
is pure but for reading files: it runs nothing and waits for nothing.
"""

from __future__ import annotations

from .value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from .host import Host, Listener, Process
    from .service import Service
    from .state.snapshot import Snapshot

    class ReadConfiguration(Protocol):
        """Read the daemon's configuration file and what it includes."""

        def __call__(self, service: Service, host: Host, /) -> Configuration: ...

    class NamesConfiguration(Protocol):
        """Tell whether a master's command line, joined by blanks, names our configuration."""

        def __call__(self, service: Service, command: str, /) -> bool: ...

    class ReadLog(Protocol):
        """Read what the daemon wrote to its log or its standard error.

        pid: read only what this process says of why a reload failed; 0: everything.
        """

        def __call__(self, text: str, pid: int = 0, /) -> Report: ...

    class Detect(Protocol):
        """Read what the daemon printed for ``detect_args``."""

        def __call__(self, service: Service, output: str, /) -> Detected: ...

    class InheritEnvironment(Protocol):
        """Return the environment variables that tell the daemon of sockets it inherits."""

        def __call__(self, listeners: Sequence[Listener], /) -> Mapping[str, str]: ...

    class Reload(Protocol):
        """Send the reload signal to a master; return when a new generation of workers serves.

        The caller holds the lock and has tested the configuration. Raises Reverted if
        the old workers serve as before, InitError if it is worse or unknown.
        """

        def __call__(self, service: Service, master: Process, host: Host, /) -> None: ...

    class Upgrade(Protocol):
        """Finish an unfinished upgrade, or replace the running binary; the caller has the lock."""

        def __call__(self, service: Service, seen: Snapshot, host: Host, /) -> None: ...


class Configuration(Value):
    """The part of a daemon's configuration that an init script needs."""

    pidfile: str | None = None
    logs: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()  # that the daemon makes when they are missing
    workerless: bool = False  # it may run without a worker, and start one on demand
    reload_drain: float = 0.0  # seconds that an old worker may go on during a reload
    reload_cuts: str = ""  # why a reload cuts requests in flight, if it does
    listens: tuple[str, ...] = ()  # places, in the form of ``Listener.place``

    @property
    def writes(self) -> tuple[str, ...]:
        """Every file and folder that the daemon's test may create."""
        return (*self.logs, *self.directories, *((self.pidfile,) if self.pidfile else ()))


class Report(Value):
    """What a daemon's log says of a failure."""

    reason: str = ""  # one line, without its time stamp
    lines: tuple[str, ...] = ()  # all lines that tell of a failure
    unbound: tuple[str, ...] = ()  # addresses and paths that it could not listen on
    gave_up: bool = False  # it says that it will not try again


class Detected(Value):
    """What an installed daemon says of itself."""

    facts: Mapping[str, str]  # fields of Service: config, default_config, pidfile, prefix
    writes: tuple[str, ...] = ()  # compiled-in paths that its test may create


# The form of each field of Service that holds "module:function". A test has mypy
# hold every function that a shipped declaration names against it.
REFERENCES = {
    "read_configuration": "ReadConfiguration",
    "names_configuration": "NamesConfiguration",
    "read_log": "ReadLog",
    "detect": "Detect",
    "inherit": "InheritEnvironment",
    "reload_by": "Reload",
    "upgrade": "Upgrade",
    "finish_upgrade": "Upgrade",
}
