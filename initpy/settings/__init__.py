"""The administrator's settings: ``/etc/default/NAME``, then ``/etc/sysconfig/NAME``.

They are read as a shell reads them, and nothing in them is run. Files of an environment that
a declaration names are read before them, as systemd reads them, at every action.
"""

from __future__ import annotations

from ..errors import InitError, SettingsError
from ..host import HERE, Host
from ..service import Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .keys import Settings

DIRECTORIES = ("/etc/default", "/etc/sysconfig")
MOST = 1 << 20  # bytes that are read of one file
_TOLERANT = ("stop", "force-quit", "status")  # actions


def with_settings(service: Service, host: Host = HERE, *, action: str = "") -> Service:
    """Return *service* with the administrator's settings, and tell what is wrong with them.

    Raises InitError, which names file and line, for what cannot be used: a bad value, or a
    file that another user than root or we could have written. A stop and a look are done
    without it, but if it would have said which processes are the service's, and none is
    found: then "not running" might be said of something else.
    """
    settings = read_settings(service, host)
    if settings is None:
        return service
    if action != "status":
        for warning in settings.warnings:
            host.tell(warning)
    if settings.errors and action not in _TOLERANT:
        raise settings.errors[0]
    if settings.instance_unknown:
        from ..state.snapshot import take_snapshot

        if not take_snapshot(settings.service, host).processes:
            raise settings.errors[0]
    for error in settings.errors:
        host.tell(f"{error}; {action} does without it")
    return settings.service


def read_settings(service: Service, host: Host) -> Settings | None:
    """Return what the settings make of *service*; None if they say nothing."""
    texts: dict[str, str] = {}
    errors: list[InitError] = []
    unread: list[InitError] = []  # these say nothing of which processes are the service's
    warnings: list[str] = []
    environments: list[str] = []
    if service.environment_files:
        from .environment_files import paths_of, read_environment_files

        environments = paths_of(service, host)
        variables, unread, warnings = read_environment_files(service, host, _read)
        service = service.replace(environment={**service.environment, **variables})
    for directory in DIRECTORIES:
        path = f"{directory}/{service.settings_name or service.name}"
        if path in environments:  # it has another syntax, and other names
            continue
        try:
            text = _read(path, host)
        except InitError as exc:
            errors.append(exc)
        else:
            if text is not None and not _says_nothing(text):
                texts[path] = text
    if not texts and not errors and not environments:
        return None
    from .keys import apply
    from .shell import Shell

    shell = Shell(lambda path: _read(path, host))
    for path, text in texts.items():
        shell.read(path, text)
    applied = apply(service, shell.variables, host)
    return applied.replace(
        errors=(*unread, *errors, *applied.errors),
        instance_unknown=applied.instance_unknown or bool(errors),
        warnings=(*warnings, *shell.warnings, *applied.warnings),
    )


def _says_nothing(text: str) -> bool:
    """Tell whether there are only comments: then no module is needed that reads more."""
    lines = (line.lstrip(" \t") for line in text.split("\n"))
    return all(not line or line.startswith("#") for line in lines)


def _read(path: str, host: Host) -> str | None:
    """Return the text of a settings file; None if there is none.

    Raises SettingsError if it is not trusted, and InitError if it cannot be read.
    """
    real = host.realpath(path)
    facts = host.examine(real, MOST)
    if facts is None:
        return None
    if not facts.regular:
        raise SettingsError(f"{path} is not a regular file")
    if facts.size > MOST:
        raise SettingsError(f"{path} is larger than {MOST} bytes")
    if reason := host.distrust_file(facts) or host.distrust(real):
        raise SettingsError(f"{path} is not trusted: {reason}")
    return facts.text
