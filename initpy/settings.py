"""The administrator's settings: ``/etc/default/NAME``, then ``/etc/sysconfig/NAME``.

Each line is ``KEY=value`` in shell quoting. It is read as data; no shell sources it. The
keys are those of the init scripts of Debian, Red Hat and the daemons' own authors.
"""

from __future__ import annotations

from .errors import SettingsError
from .host import HERE, Host
from .schedule import ENDLESS, parse_schedule
from .service import Service
from .state.configuration import read_configuration, split_config
from .state.pidfile import UNUSABLE, read_pidfile
from .value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

DIRECTORIES = ("/etc/default", "/etc/sysconfig")
MOST = 1 << 20  # bytes that are read of one file

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


class Setting(Value):
    """One assignment, and its place."""

    key: str
    value: str
    where: str  # file and line


def with_settings(service: Service, host: Host = HERE) -> Service:
    """Return *service* with the administrator's settings.

    Unknown keys are ignored. Raises SettingsError, which names file and line, for a bad
    value, and for a file that another user than root or we could have written.
    """
    found: dict[str, Setting] = {}
    for directory in DIRECTORIES:
        for setting in _read(f"{directory}/{service.name}", host):
            found[setting.key] = setting
    if not found:
        return service
    changes = _changes(service, found.values())
    changes.update(_deadline(changes))
    if changes.pop("_reload", "signal") == "takeover":
        if service.takeover is None:
            where = found["RELOAD"].where
            raise SettingsError(f"{where}: RELOAD: {service.name} cannot be reloaded by a takeover")
        changes["reload_by"] = service.takeover
    if changes.pop("_restart", "") == "plain":
        changes["restart_by"] = None
    options = changes.get("options", service.options)
    config, options = split_config(service, options)
    if config is not None:
        changes["config"] = config
    try:
        service = service.replace(**{**changes, "options": options})
    except ValueError as exc:
        raise SettingsError(f"{', '.join(s.where for s in found.values())}: {exc}") from None
    if "pidfile" in changes:
        _refuse_no_pidfile(service, found["PIDFILE"], host)
    return service


def _changes(service: Service, settings: Iterable[Setting]) -> dict[str, Any]:
    """Return the fields that *settings* set, with their values; keys of others are passed over."""
    changes: dict[str, Any] = {}
    read: Callable[[str], object]
    for setting in settings:
        if setting.key in service.settings:
            field, read = service.settings[setting.key], _path
        elif setting.key in _KEYS:
            field, read = _KEYS[setting.key]
        else:
            continue
        try:
            changes[field] = read(setting.value)
        except ValueError as exc:
            raise SettingsError(f"{setting.where}: {setting.key}: {exc}") from None
    return changes


def _refuse_no_pidfile(service: Service, setting: Setting, host: Host) -> None:
    """Raise SettingsError if the setting names a file that is not a pidfile.

    Unless the configuration names it, too: then the daemon's own pidfile is damaged.
    """
    pidfile = read_pidfile(service.pidfile, host)
    damaged = pidfile.verdict == UNUSABLE and pidfile.regular
    if damaged and read_configuration(service, host).pidfile != service.pidfile:
        raise SettingsError(
            f"{setting.where}: PIDFILE: {service.pidfile} is not a pidfile: {pidfile.reason}"
        )


def _read(path: str, host: Host) -> Iterator[Setting]:
    facts = host.examine(host.realpath(path), MOST)
    if facts is None:
        return
    if not facts.regular:
        raise SettingsError(f"{path} is not a regular file")
    if reason := host.distrust_file(facts) or host.distrust(host.realpath(path)):
        raise SettingsError(f"{path} is not trusted: {reason}")
    for number, line in enumerate(facts.text.splitlines(), 1):
        where = f"{path} line {number}"
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        key, equals, raw = text.partition("=")
        key = key[7:].strip() if key.startswith("export ") else key
        if not equals or not key.isidentifier() or not key.isascii():
            host.tell(f"{where} is not an assignment and is ignored: {text}")
            continue
        yield Setting(key=key, value=_unquote(raw, where), where=where)


def _unquote(raw: str, where: str) -> str:
    if not any(sign in raw for sign in "\"'\\ \t#"):
        return raw  # needs no import of shlex
    import shlex

    if raw[:1].isspace():  # for a shell the value is empty, and a command follows
        value, following = "", raw.strip()
    else:
        try:
            value, *words = shlex.split(raw)
            following = words[0] if words else ""
        except ValueError:  # a quote without an end, perhaps in a comment
            value, following = _before_comment(raw, where), ""
    if following and not following.startswith("#"):
        raise SettingsError(f"{where}: a value with blanks needs quotes: {raw}")
    return value


def _before_comment(raw: str, where: str) -> str:
    import shlex

    try:
        words = shlex.split(raw.partition(" #")[0])
    except ValueError as exc:
        raise SettingsError(f"{where}: {exc}") from None
    return words[0] if words else ""


def _words(text: str) -> tuple[str, ...]:
    import shlex

    return tuple(shlex.split(text))


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is not an absolute path")
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
    if not text.lstrip("+-").isdigit() or int(text) not in range(-20, 20):
        raise ValueError(f"{text!r} is not a nice level from -20 to 19")
    return int(text)


def _limits(text: str) -> dict[str, tuple[int, int]]:
    """Read the arguments of ulimit(1): ``-n 4096``, ``-Sn 1024 -c unlimited``."""
    words = list(_words(text))
    limits = {}
    while words:
        flag = words.pop(0)
        letter = flag.lstrip("-").strip("SH")
        if not flag.startswith("-") or letter not in _LIMITS or not words:
            raise ValueError(f"{text!r} is not like the arguments of ulimit: -n 4096")
        name, unit = _LIMITS[letter]
        value = words.pop(0)
        if value == "unlimited":
            limits[name] = (-1, -1)
        elif value.isascii() and value.isdigit():
            limits[name] = (int(value) * unit, int(value) * unit)
        else:
            raise ValueError(f"{value!r} is not a limit")
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


_KEYS: dict[str, tuple[str, Callable[[str], object]]] = {
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
