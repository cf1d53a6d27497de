"""The keys of a settings file, and how the value of each is read.

They are those of the init scripts of Debian, Red Hat and the daemons' own authors.
"""

from __future__ import annotations

from ..errors import SettingsError
from ..host import Host
from ..schedule import ENDLESS, parse_schedule
from ..service import Service
from ..state.configuration import read_configuration, split_config
from ..state.pidfile import UNUSABLE, read_pidfile
from .outcome import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..host import Limits
    from .variables import Variable, Variables

# The letters of ulimit(1) that make sense for a daemon, and the bytes of one unit.
_LIMITS = {
    "c": ("RLIMIT_CORE", 512),
    "d": ("RLIMIT_DATA", 1024),
    "f": ("RLIMIT_FSIZE", 512),
    "l": ("RLIMIT_MEMLOCK", 1024),
    "n": ("RLIMIT_NOFILE", 1),
    "s": ("RLIMIT_STACK", 1024),
    "t": ("RLIMIT_CPU", 1),
    "u": ("RLIMIT_NPROC", 1),
    "v": ("RLIMIT_AS", 1024),
}
_UNLIMITED = -1  # RLIM_INFINITY of resource(3py)
_MOST = (1 << 63) - 1
# The fields that say which processes are the service's.
_INSTANCE = frozenset({"daemon", "config", "options", "pidfile"})


def apply(service: Service, variables: Variables, host: Host) -> Settings:
    """Set the fields of *service*. A key with a bad value leaves its field as it is."""
    return _Application(service, variables, host).result()


class _Application:
    def __init__(self, service: Service, variables: Variables, host: Host) -> None:
        self._service, self._variables, self._host = service, variables, host
        self._changes: dict[str, Any] = {}
        self._errors: list[SettingsError] = []
        self._warnings: list[str] = []
        self._instance_unknown = False
        self._keys = {**KEYS, **{key: (to, _path) for key, to in service.settings.items()}}

    def result(self) -> Settings:
        environment: dict[str, str] = {}
        exported, used = self._variables.exported, self._variables.used
        for key, variable in self._variables.values.items():
            if key in self._keys:
                self._take(key, variable)
            elif key in exported and variable.unknown:
                self._refuse(key, variable.unknown)
            elif key not in exported and not variable.unknown and key not in used:
                self._warnings.append(
                    f"{variable.where}: {key} is no setting, and is not exported: it is ignored"
                )
            if key in exported and not variable.unknown:
                environment[key] = variable.value
        self._changes.update(_deadline(self._changes))
        if environment:
            self._changes["environment"] = environment
        return Settings(
            service=self._changed(),
            errors=(*self._errors,),
            instance_unknown=self._instance_unknown,
            warnings=(*self._warnings,),
        )

    def _refuse(self, key: str, why: str, field: str = "") -> None:
        where = self._variables.values[key].where
        self._errors.append(SettingsError(f"{where}: {key}: {why}"))
        self._instance_unknown |= field in _INSTANCE

    def _take(self, key: str, variable: Variable) -> None:
        """Take the value of one of our keys. An empty one means the default."""
        field, read = self._keys[key]
        if variable.unknown:
            self._refuse(key, variable.unknown, field)
        elif variable.value:
            try:
                value = read(variable.value)
                if field == "options":  # the daemon takes the last of each
                    value = (*self._service.options, *value)
                self._check(field, value)
            except ValueError as exc:
                self._refuse(key, str(exc), field)
            else:
                self._changes[field] = value

    def _check(self, field: str, value: Any) -> None:
        """Raise ValueError for a value that this daemon, or this kernel, cannot have."""
        service, host = self._service, self._host
        if field == "_reload" and value == "takeover" and service.takeover is None:
            raise ValueError(f"{service.name} cannot be reloaded by a takeover")
        if field == "limits" and (wanted := value.get("RLIMIT_NOFILE")):
            most = host.nr_open()
            if any(one is not None and not 0 <= one <= most for one in wanted):
                raise ValueError(f"the kernel allows no more than {most} open files: fs.nr_open")
        if field == "options":
            config, _ = split_config(service, value)
            if config is not None and not config.startswith("/"):
                raise ValueError(f"config {config!r} is not an absolute path")
        if field == "pidfile":
            self._check_pidfile(value)

    def _check_pidfile(self, path: str) -> None:
        """Raise ValueError if the setting names a file that is not a pidfile.

        Unless the configuration names it, too: then the daemon's own pidfile is damaged.
        """
        service, host = self._service, self._host
        pidfile = read_pidfile(path, host)
        if pidfile.verdict != UNUSABLE:
            return
        damaged = pidfile.regular and read_configuration(service, host).pidfile == path
        if not damaged and (pidfile.regular or not pidfile.fixed):
            raise ValueError(f"{path} is not a pidfile: {pidfile.reason}")

    def _changed(self) -> Service:
        changes = dict(self._changes)
        if changes.pop("_reload", "signal") == "takeover":
            changes["reload_by"] = self._service.takeover
        if changes.pop("_restart", "") == "plain":
            changes["restart_by"] = None
        service = self._service.replace(**changes)
        config, options = split_config(service, service.options)
        if config is not None:
            service = service.replace(config=config)
        return service.replace(options=options)


def _words(text: str) -> tuple[str, ...]:
    import shlex

    return tuple(shlex.split(text))


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is not an absolute path")
    if text.endswith("/"):
        raise ValueError(f"{text!r} is not the path of a file")
    return text


def _number(text: str) -> float:
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        raise ValueError(f"{text!r} is not a number")
    return float(text)


def _number_or_endless(text: str) -> float:
    return float("inf") if text in ENDLESS else _number(text)


def _either(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is neither {' nor '.join(words)}")
        return text

    return read


def _nice(text: str) -> int:
    if not text.isascii() or not text.lstrip("+-").isdigit() or int(text) not in range(-20, 20):
        raise ValueError(f"{text!r} is not a nice level from -20 to 19")
    return int(text)


def _limits(text: str) -> dict[str, Limits]:
    """Read the arguments of ulimit(1): ``-n 4096``, ``-Sn 1024 -c unlimited``."""
    words = list(_words(text))
    limits: dict[str, Limits] = {}
    while words:
        flag = words.pop(0)
        letter = flag.lstrip("-").strip("SH")
        if not flag.startswith("-") or letter not in _LIMITS or not words:
            raise ValueError(f"{text!r} is not like the arguments of ulimit: -n 4096")
        name, unit = _LIMITS[letter]
        value = words.pop(0)
        if value != "unlimited" and not (value.isascii() and value.isdigit()):
            raise ValueError(f"{value!r} is not a limit")
        number = _UNLIMITED if value == "unlimited" else int(value) * unit
        if number > _MOST:
            raise ValueError(f"{value} is beyond every limit")
        soft, hard = limits.get(name, (None, None))
        both = "S" not in flag and "H" not in flag
        limits[name] = (
            number if both or "S" in flag else soft,
            number if both or "H" in flag else hard,
        )
    return limits


def _deadline(changes: dict[str, Any]) -> dict[str, float]:
    """Turn the loops and pauses of older scripts into the upgrade's deadline, in seconds.

    Those scripts slept for a pause, loop after loop, so their product is the longest
    time that they waited.
    """
    loops = changes.pop("_loops", None)
    seconds = changes.pop("_seconds", None)
    micros = changes.pop("_microseconds", None)
    if loops is None and seconds is None and micros is None:
        return {"upgrade_timeout": changes["timeout"]} if "timeout" in changes else {}
    pause = micros / 1e6 if micros is not None else seconds if seconds is not None else 1.0
    return {"upgrade_timeout": (5.0 if loops is None else loops) * pause}


KEYS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "DAEMON_OPTS": ("options", _words),
    "DAEMON_ARGS": ("options", _words),
    "STOP_SCHEDULE": ("stop", parse_schedule),
    "ULIMIT": ("limits", _limits),
    "NICELEVEL": ("nice", _nice),
    "CONFFILE": ("config", _path),
    "PIDFILE": ("pidfile", _path),
    "LOCKFILE": ("lockfile", _path),
    "TIMEOUT": ("timeout", _number),
    "SLEEPSEC": ("_seconds", _number),
    "SLEEPMSEC": ("_microseconds", _number),  # the argument of usleep(1)
    "UPGRADEWAITLOOPS": ("_loops", _number),
    "UPGRADE_CHECK": ("upgrade_check", _words),
    "DRAIN_TIMEOUT": ("drain_timeout", _number_or_endless),
    "RELOAD": ("_reload", _either("signal", "takeover")),
    "RESTART": ("_restart", _either("held", "plain")),
}
