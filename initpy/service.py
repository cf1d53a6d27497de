"""What a daemon is: facts, no behaviour."""

from __future__ import annotations

import sys

from .host.files import source_of
from .schedule import Step, parse_schedule
from .value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# The fields of a declaration that name a function. Its form stands in ``contracts``.
REFERENCES = (
    "read_configuration",
    "names_configuration",
    "read_log",
    "detect",
    "reload_by",
    "upgrade",
    "finish_upgrade",
    "inherit",
)


class Service(Value):
    """One daemon on this host.

    Three facts are needed: a name, an absolute path, a pidfile. Signals are
    named without "SIG"; None means that the daemon cannot do it, which LSB
    calls 3. Arguments may hold ``{config}`` and ``{pidfile}``. Readers and
    protocols are named as "module:function"; their forms are in ``contracts``.
    """

    name: str
    daemon: str  # absolute path
    pidfile: str  # absolute path

    # Its configuration. The flag, if the daemon has one, is how another
    # instance of the same binary is told from this one.
    config: str | None = None  # absolute path
    config_flags: tuple[str, ...] = ()  # its spellings
    default_config: str | None = None  # what it reads when told of none
    prefix: str = "/"  # what relative paths in it are relative to
    read_configuration: str | None = None
    names_configuration: str | None = None  # of a title that holds {argv}
    read_log: str | None = None

    # What the installed daemon says of itself.
    detect: str | None = None
    detect_args: tuple[str, ...] = ()  # with which it says it
    detects: tuple[str, ...] = ()  # the fields of this declaration that it says
    test_creates_compiled: bool = False  # its test may create the compiled-in paths, too

    # Its command lines.
    start_args: tuple[str, ...] = ()
    test_args: tuple[str, ...] | None = None
    options: tuple[str, ...] = ()  # the administrator's; for start and test
    background: bool = False  # it cannot put itself in the background: we do

    # What its processes call themselves in ps(1), if they do. A master's title
    # holds {argv}, its own command line, or {config}.
    master_title: str | None = None
    worker_titles: tuple[str, ...] = ()  # how they begin; the first serves requests
    draining_title: str | None = None  # of one that only finishes what it has begun
    on_demand: bool = False  # its configuration may have it start workers when they are needed

    # Its signals.
    stop: tuple[Step, ...] = parse_schedule("TERM/30/KILL/5")
    force_quit: tuple[Step, ...] = parse_schedule("TERM/5/KILL/5")
    reload: str | None = None
    reload_execs: bool = False  # it reloads by executing itself anew, and writes its pidfile again
    reopen: str | None = None
    drain_signal: str = "QUIT"  # ends a master when its requests are answered

    # The protocols by which it is reloaded and replaced while it serves.
    reload_by: str = "initpy.protocols.hup:reload"
    upgrade: str | None = None
    finish_upgrade: str | None = None  # any action finishes an unfinished upgrade by it
    inherit: str | None = None  # how it is told of sockets that it inherits
    inherit_in_foreground: bool = False  # told so, it does not put itself in the background

    # Seconds of monotonic time.
    timeout: float = 30.0  # for the lock, and for a new state to be seen
    upgrade_timeout: float = 30.0  # for a new master
    drain_timeout: float = 60.0  # for an old master to finish its requests
    upgrade_check: tuple[str, ...] = ()  # must succeed before the old master is let go

    # How it is started.
    ready: tuple[str, ...] = ()  # a command that succeeds once it serves
    nice: int = 0
    limits: Mapping[str, tuple[int, int]] = {}  # by resource(3py): RLIMIT_NOFILE
    lockfile: str = ""  # of Red Hat's rc; "" is /var/lock/subsys/NAME
    settings: Mapping[str, str] = {}  # its own keys of a settings file: fields that are paths

    # The header of its wrapper.
    lsb: Mapping[str, str] = {}  # the INIT INFO block
    chkconfig: str = "- 85 15"  # Red Hat's: runlevels, and its places among starts and stops

    def __init__(self, **values: object) -> None:
        """Check what a wrong declaration gets wrong. Raises ValueError."""
        super().__init__(**values)
        for field in ("daemon", "pidfile", "config", "default_config"):
            path = getattr(self, field)
            if path is not None and not path.startswith("/"):
                raise ValueError(f"{self.name}: {field} {path!r} is no absolute path")
        for field in REFERENCES:
            reference = getattr(self, field)
            if reference is not None and not names_function(reference):
                raise ValueError(f"{self.name}: {field} {reference!r} is no function of a module")

    @property
    def oldbin(self) -> str:
        """The pidfile of the old master during an upgrade (NGX_OLDPID_EXT)."""
        return self.pidfile + ".oldbin"

    @property
    def subsys(self) -> str:
        """The file by which Red Hat's rc knows that the service was started."""
        return self.lockfile or f"/var/lock/subsys/{self.name}"

    def command(self, args: tuple[str, ...]) -> list[str]:
        """Return the command line of the daemon with *args* and the administrator's options."""
        facts = {"config": self.config, "pidfile": self.pidfile}
        return [self.daemon, *(arg.format_map(facts) for arg in args), *self.options]


_named: dict[str, bool] = {}  # references that were looked up before


def names_function(reference: str) -> bool:
    """Tell whether *reference*, "module:function", names a function that there is.

    Its source is read and not imported: a declaration is made at every ``status``,
    which calls few of these functions.
    """
    if reference not in _named:
        module, _, function = reference.partition(":")
        _named[reference] = (
            function.isidentifier() and f"\ndef {function}(" in f"\n{source_of(module)}"
        )
    return _named[reference]


def resolve(reference: str) -> Any:
    """Return the function that *reference* names; its module is imported now."""
    module, _, function = reference.partition(":")
    __import__(module)  # importlib would load warnings, types, ...
    return getattr(sys.modules[module], function)
