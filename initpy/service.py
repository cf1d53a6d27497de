"""The declaration of a service: facts about a daemon, no behaviour."""

from __future__ import annotations

import sys

from .schedule import Step, parse_schedule
from .value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .host import Limits

# The fields that name a function. ``contracts`` defines the signature of each.
REFERENCES = (
    "read_configuration",
    "read_dump",
    "take_config",
    "read_command_line",
    "read_log",
    "log_output",
    "worker_serves",
    "detect",
    "reload_by",
    "takeover",
    "restart_by",
    "upgrade",
    "finish_upgrade",
    "inherit",
)

# What nginx and php-fpm do without: a ``status`` of theirs loads nothing that checks it.
_OF_OTHERS = (
    *("test", "words", "stop_command", "outlives", "user", "directories", "directory", "umask"),
    *("ready", "listens", "logs", "environment_files", "background", "capabilities"),
    *("start_pre", "start_post", "stop_post"),
)


class Service(Value):
    """One daemon on this host.

    Three facts are required: the name, the path of the executable, the pidfile.
    Signals are named without "SIG". None in the place of a signal or a protocol means
    that the daemon cannot do this: the action exits with 3 (LSB 20.2). Arguments
    may contain ``{config}`` and ``{pidfile}``, and further names: see ``arguments``.
    Readers and protocols are named as "module:function"; ``contracts`` defines their signatures.
    """

    name: str
    daemon: str  # absolute path
    pidfile: str  # absolute path

    # Its configuration. Two instances of one binary differ by their configuration:
    # the flag on the command line tells which instance a process belongs to.
    config: str | None = None  # absolute path
    config_flags: tuple[str, ...] = ()  # the spellings of the flag, if the daemon has one
    default_config: str | None = None  # the file it reads without the flag
    prefix: str = "/"  # the directory that relative paths in the configuration start from
    prefix_flag: str = ""  # the option that has them start from another one
    localstatedir: str = ""  # where its pidfile and log start from, if not from the prefix
    read_configuration: str | None = None
    take_config: str | None = None  # finds it in the options; ``config_flags`` do without
    read_command_line: str | None = None  # needed if master_title holds {argv}
    read_log: str | None = None
    log_output: str | None = None  # of a master that logs what its workers write

    # Name, daemon, config, pidfile of each of several versions side by side; {version} is "8.2".
    versions: Mapping[str, str] = {}

    # How to ask the installed daemon what its configuration means. It is given a file of
    # that text, in which {config} is the path of its configuration.
    dump_args: tuple[str, ...] = ()  # {file} is the path of that file
    dump_text: str = ""
    read_dump: str | None = None  # reads what the daemon prints

    # How to ask the installed daemon for its compiled-in paths.
    detect: str | None = None  # reads what the daemon prints
    detect_args: tuple[str, ...] = ()  # the arguments that make it print them
    detect_text: str = ""  # a second question: as ``dump_text``
    detects: tuple[str, ...] = ()  # the fields of this declaration that it prints

    # Its command lines.
    start_args: tuple[str, ...] = ()
    test_args: tuple[str, ...] | None = None
    test: tuple[str, ...] = ()  # the same by another program: a whole command line
    options: tuple[str, ...] = ()  # added at start and configtest; those of the settings follow
    expands_environment: bool = False  # its configuration may name variables of its environment
    background: bool = False  # it stays in the foreground: initpy puts it in the background
    # Keys of its settings file that its command lines hold, as {KEY}, with their defaults. An
    # argument that is {KEY} alone stands for the words of the value, as $KEY in a shell.
    words: Mapping[str, str] = {}

    # The titles that its processes show in ps(1), if it sets them. A master's title
    # contains {argv}, its command line, or {config}, the path of its configuration.
    master_title: str | None = None
    worker_titles: tuple[str, ...] = ()  # how they begin; the first is of those that serve
    draining_title: str | None = None  # of a worker that only finishes its requests
    worker_serves: str | None = None  # tells whether a worker takes requests yet
    on_demand: bool = False  # its configuration may allow it to run without a worker
    channel: bool = False  # its master tells its workers by a socket, and by no signal
    runs_scripts: bool = False  # its workers run programs of others, which open their own files

    # Its signals.
    stop: tuple[Step, ...] = parse_schedule("TERM/30/KILL/5")
    force_quit: tuple[Step, ...] = parse_schedule("TERM/5/KILL/5")
    stop_command: tuple[str, ...] = ()  # asks it to end; then the schedule follows
    outlives: bool = False  # what it has started goes on when it ends: sessions, jobs
    reload: str | tuple[str, ...] | None = None  # a signal, or a command; {pid} is the master
    executes_in_place: bool = False  # itself anew, in the same process: at a reload, or a start
    reload_execs: bool = False  # a reload executes the binary again and rewrites the pidfile
    reopen: str | None = None
    reopens_in_place: bool = False  # a log that is opened anew keeps its descriptor
    drain_signal: str = "QUIT"  # a master finishes its requests, then ends
    drain_late: tuple[Step, ...] = parse_schedule("TERM/5/KILL/5")  # for who has not in time

    # The protocols that reload it and replace it while it serves.
    reload_by: str = "initpy.protocols.hup:reload"
    takeover: str | None = None  # reloads it by a second master, without a signal
    restart_by: str | None = None  # by a second master; None: it is stopped, then started
    upgrade: str | None = None
    second_suffix: str = ".oldbin"  # of the second pidfile, in an upgrade
    second_is_new: bool = False  # it names the new master, who renames it; else the old one
    upgrade_rebinds: bool = False  # its new master makes a unix socket whose path is lost anew
    finish_upgrade: str | None = None  # start and reload finish with it what was left
    inherit: str | None = None  # tells it which descriptors are inherited sockets
    inherit_excludes: str = ""  # characters that the path of an inherited socket cannot have
    inherit_in_foreground: bool = False  # with inherited sockets it stays in the foreground

    # Deadlines, in seconds of monotonic time.
    timeout: float = 30.0  # to get the lock, and to reach a new state
    upgrade_timeout: float = 30.0  # until a new master serves
    drain_timeout: float = 60.0  # until an old master has finished its requests
    upgrade_check: tuple[str, ...] = ()  # must exit with 0 before the old master is retired

    # How it is started.
    user: str = ""  # whose it is from the start: "name" or "name:group"; "" is root
    capabilities: tuple[str, ...] = ()  # what that user is let do besides: "CAP_NET_BIND_SERVICE"
    directories: Mapping[str, int] = {}  # made before it starts, for its user: path and mode
    directory: str = "/"  # its working directory
    # Commands that are run, as ours, before each start, once it serves, and after each stop.
    # {pid} is the master. One that fails fails the action, unless "-" stands before its path.
    start_pre: tuple[tuple[str, ...], ...] = ()
    start_post: tuple[tuple[str, ...], ...] = ()
    stop_post: tuple[tuple[str, ...], ...] = ()
    umask: int = 0o022
    # A command that exits with 0 once the daemon serves; or "notify": it stays in the
    # foreground, and tells us itself, as sd_notify(3) does.
    ready: tuple[str, ...] | str = ()
    listens: tuple[str, ...] = ()  # where it takes requests: "127.0.0.1:6379", "*:80", "/run/x"
    logs: tuple[str, ...] = ()  # absolute paths: what reopen opens anew
    environment_files: tuple[str, ...] = ()  # read at every start: EnvironmentFile= of a unit
    nice: int = 0
    limits: Mapping[str, Limits] = {}  # by the name in resource(3py): RLIMIT_NOFILE
    environment: Mapping[str, str] = {}  # variables that it has besides PATH and LANG
    lockfile: str = ""  # for Red Hat's rc; "" means /var/lock/subsys/NAME
    settings_name: str = ""  # of its settings file, in /etc/default; "" is its own name
    settings: Mapping[str, str] = {}  # further keys of its settings file: fields that are paths

    # The header of its wrapper.
    lsb: Mapping[str, str] = {}  # the INIT INFO block
    chkconfig: str = "- 85 15"  # for Red Hat's: runlevels, start priority, stop priority

    def __init__(self, **values: object) -> None:
        """Check that the facts can be true together. Raises ValueError, with a sentence."""
        super().__init__(**values)
        if self.ready == "notify":  # such a daemon stays in the foreground
            vars(self)["background"] = True
        for field in ("daemon", "pidfile", "config", "default_config"):
            path = getattr(self, field)
            if path is not None and not path.startswith("/"):
                raise ValueError(f"{self.name}: {field} {path!r} is not an absolute path")
        named = {field: getattr(self, field) for field in REFERENCES}
        untested = {field: named[field] for field in named if named[field] not in _tested}
        others = any(getattr(self, field) != self._defaults[field] for field in _OF_OTHERS)
        if others or untested or self.config is None:
            from .contradictions import refuse_contradictions

            refuse_contradictions(self, untested)

    def of_version(self, version: str) -> Service:
        """Return the service of one of the versions that are installed side by side.

        version: as its files have it in their names: "8.2".
        """
        facts = {field: path.replace("{version}", version) for field, path in self.versions.items()}
        return self.replace(**facts, default_config=facts.get("config", self.default_config))

    @property
    def oldbin(self) -> str:
        """The path of the second pidfile, in an upgrade: the old master's (NGX_OLDPID_EXT)."""
        return self.pidfile + self.second_suffix

    @property
    def subsys(self) -> str:
        """The lock file that tells Red Hat's rc that the service was started."""
        return self.lockfile or f"/var/lock/subsys/{self.name}"

    @property
    def has_test(self) -> bool:
        """Whether there is a test of its configuration."""
        return self.test_args is not None or bool(self.test)

    def command(self, args: tuple[str, ...]) -> list[str]:
        """Return the command line of the daemon: *args*, then the options from the settings."""
        return [self.daemon, *self.expanded(args), *self.options]

    def expanded(self, args: Iterable[str], **facts: str) -> list[str]:
        """Return *args* with the values of the names in them: ``{config}``, ``{OPTIONS}``.

        facts: further values: ``pid``.
        """
        known = {"config": self.config, "pidfile": self.pidfile, **facts}
        try:
            return [arg.format_map(known) for arg in args]
        except KeyError:  # of the settings, or of the environment
            from .arguments import expanded

            return expanded(self, args, known)


# References that the tests follow: a ``status`` does not look whether they lead anywhere.
_tested: set[str | None] = {None, "initpy.protocols.hup:reload"}

if TYPE_CHECKING:
    shipped = Service
else:

    def shipped(**facts):  # noqa: ANN003, ANN201 - the type checker sees the other
        """Declare a daemon of this package: all that it names is tested."""
        _tested.update(facts[field] for field in REFERENCES if field in facts)
        return Service(**facts)


def resolve(reference: str) -> Any:
    """Return the function that *reference* names. Its module is imported here, at first use."""
    module, _, function = reference.partition(":")
    __import__(module)  # importlib would load warnings, types, ...
    return getattr(sys.modules[module], function)
