"""The keys of a settings file, and how the value of each is read.

They are those of the init scripts of Debian, Red Hat and the daemons' own authors.
"""

from __future__ import annotations

from ..errors import InitError, SettingsError
from ..host import Host
from ..schedule import parse_schedule
from ..service import Service
from ..state.configuration import read_configuration, split_config
from ..state.pidfile import UNUSABLE, read_pidfile
from ..value import Value
from .values import either, limits, nice, number_or_endless, path, positive, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .variables import Variable, Variables

# The fields that say which processes are the service's.
_INSTANCE = frozenset({"daemon", "config", "options", "pidfile"})


class Settings(Value):
    """What the administrator's settings make of a service.

    A key whose value is bad, or cannot be told, leaves its field as it was declared.
    """

    service: Service
    errors: tuple[InitError, ...] = ()  # each names file and line
    instance_unknown: bool = False  # an error concerns which processes are the service's
    warnings: tuple[str, ...] = ()


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
        keys = {**KEYS, **{key: (to, path) for key, to in service.settings.items()}}
        # A key whose value stands in the command line says nothing else.
        self._keys = {key: how for key, how in keys.items() if key not in service.words}

    def result(self) -> Settings:
        environment: dict[str, str] = {}
        found_words: dict[str, str] = {}
        exported, used = self._variables.exported, self._variables.used
        self._refuse_any()
        for key, variable in self._variables.values.items():
            doubt = exported.get(key)
            if key in self._service.words and not variable.unknown:
                found_words[key] = variable.value  # an empty one is none of the words
            elif key in self._keys:
                self._take(key, variable)
            elif variable.unknown and (key in exported or key in self._service.words):
                self._refuse(key, variable.unknown)
            elif key not in exported and not variable.unknown and key not in used:
                self._warnings.append(
                    f"{variable.where}: {key} is no setting, and is not exported: it is ignored"
                )
            if doubt is not None and not variable.unknown:
                why = f"whether it is exported cannot be told: {doubt.why}"
                self._errors.append(SettingsError(f"{doubt.where}: {key}: {why}"))
            elif key in exported and not variable.unknown:
                environment[key] = variable.value
        self._changes.update(_deadline(self._changes))
        for field, found in {"environment": environment, "words": found_words}.items():
            if found:
                self._changes[field] = {**getattr(self._service, field), **found}
        return Settings(
            service=self._changed(),
            errors=(*self._errors,),
            instance_unknown=self._instance_unknown,
            warnings=(*self._warnings,),
        )

    def _refuse_any(self) -> None:
        """Refuse what may have set any key. Those that were set after it are known."""
        if doubt := self._variables.any_other:
            self._errors.append(SettingsError(f"{doubt.where}: it may set any key: {doubt.why}"))
            missing = self._keys.keys() - self._variables.values.keys()
            self._instance_unknown |= any(self._keys[key][0] in _INSTANCE for key in missing)

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
    "DAEMON_OPTS": ("options", words),
    "DAEMON_ARGS": ("options", words),
    "STOP_SCHEDULE": ("stop", parse_schedule),
    "ULIMIT": ("limits", limits),
    "NICELEVEL": ("nice", nice),
    "CONFFILE": ("config", path),
    "PIDFILE": ("pidfile", path),
    "LOCKFILE": ("lockfile", path),
    "TIMEOUT": ("timeout", positive),
    "SLEEPSEC": ("_seconds", positive),
    "SLEEPMSEC": ("_microseconds", positive),  # the argument of usleep(1)
    "UPGRADEWAITLOOPS": ("_loops", positive),
    "UPGRADE_CHECK": ("upgrade_check", words),
    "DRAIN_TIMEOUT": ("drain_timeout", number_or_endless),
    "RELOAD": ("_reload", either("signal", "takeover")),
    "RESTART": ("_restart", either("held", "plain")),
}
