"""Find the installed daemons, and ask one for its paths: configuration, prefix, pidfile."""

from __future__ import annotations

import os.path

from ..control.ask import ask, ask_configuration
from ..control.run import run
from ..errors import InitError, NotInstalled, UsageError
from ..host import Host
from ..service import Service, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..contracts import Detect

FACTS = ("name", "daemon", "config", "pidfile")


def detect_service(
    service: Service, given: Mapping[str, str], host: Host, *, prefix: str = ""
) -> Service:
    """Return *service* with the values *given*; the others are asked of the daemon.

    given:  any of name, daemon, config, pidfile. If the last three are given, the daemon
            need not be installed. With a name of its own it gets a pidfile of its own, if
            its configuration names none and it is told which one to write.
    prefix: the folder that relative paths of this instance start from, if it is not the one
            that was compiled in. Absolute.

    Raises NotInstalled; InitError if a value is wrong, or the daemon prints no path.
    """
    if prefix:
        if not service.prefix_flag:
            raise InitError(f"{service.name} has no option for another prefix")
        service = service.replace(options=(service.prefix_flag, prefix))
    declared = service
    try:
        service = service.replace(**given)
    except ValueError as exc:
        raise InitError(str(exc)) from None
    if not host.is_executable(service.daemon):
        if all(fact in given for fact in ("daemon", "config", "pidfile")):
            return service
        raise NotInstalled(f"{service.daemon} is not installed: it cannot be asked for its paths")
    service = _ask(service, given, host)
    if "pidfile" in given:
        return service
    pidfile = ask_configuration(service, host).pidfile
    return service.replace(pidfile=pidfile or _own_pidfile(service, declared))


def _own_pidfile(service: Service, declared: Service) -> str:
    if service.name == declared.name or not any("{pidfile}" in arg for arg in service.start_args):
        return service.pidfile
    return f"{os.path.dirname(service.pidfile)}/{service.name}.pid"


def _ask(service: Service, given: Mapping[str, str], host: Host) -> Service:
    """Return *service* with the paths that the daemon prints, unless all of them are given."""
    if service.detect is None or all(field in given for field in service.detects):
        return service
    detect: Detect = resolve(service.detect)
    command = [service.daemon, *service.detect_args, *service.options]
    said = run(command, host, within=service.timeout).output
    told = ask(service, service.detect_text, host).output if service.detect_text else ""
    detected = detect(service, f"{said}\n{told}")
    if "config" not in detected.facts and "config" not in given:
        if not detected.unnamed:
            what = f"{' '.join(command)} names no configuration: is this the right daemon?"
            raise InitError(f"{what} If it is, give --config and --pidfile", said)
        # It does not say where its configuration is; the distribution does, of its own daemon.
        if "daemon" in given or not host.exists(service.config or ""):
            what = f"{' '.join(command)} names no configuration ({detected.unnamed}): give --config"
            raise InitError(what, said)
    return service.replace(**{**detected.facts, **given})


def choose(declared: Service, given: Mapping[str, str], version: str, host: Host) -> list[Service]:
    """Return the declaration of each service that is meant, the newest version last.

    given:   as for ``detect_service``: with any of them one service is meant.
    version: the only one that is meant, or "".

    The only version on a host has the name of the declaration. Several versions have the
    names of their own: php7.4-fpm, php8.2-fpm. Raises UsageError for a *version* that is none.
    """
    if version:
        if not declared.versions:
            raise UsageError(f"several versions of {declared.name} are not known: use --daemon")
        if not _numbers(version):
            raise UsageError(f"{version!r} is not a version: give it as in 8.2")
        return [declared.of_version(version)]
    installed = _installed(declared, host)
    named = _version_of(given.get("daemon", ""), declared)
    if "daemon" in given:
        meant = [named] if named else []
    else:
        meant = installed[-1:] if given else installed
    if not meant:
        return [declared]
    only = len({*installed, *meant}) == 1 or (given and not named)
    return [
        declared.of_version(each).replace(**{"name": declared.name} if only else {})
        for each in meant
    ]


def _installed(declared: Service, host: Host) -> list[str]:
    """Return the versions of which there is an executable, ordered as numbers are."""
    pattern = declared.versions.get("daemon", "").replace("{version}", "*")
    found = host.glob(pattern) if pattern else []
    versions = [_version_of(path, declared) for path in found if host.is_executable(path)]
    return sorted(filter(None, versions), key=_numbers)


def _version_of(daemon: str, declared: Service) -> str:
    """Return the version in the name of an executable, in whatever folder; "" if there is none.

    Where a folder has the version in its name, the whole path counts.
    """
    name, pattern = daemon, declared.versions.get("daemon", "")
    if "{version}" in os.path.basename(pattern):
        name, pattern = os.path.basename(daemon), os.path.basename(pattern)
    before, _, after = pattern.partition("{version}")
    version = name[len(before) : len(name) - len(after)]
    is_one = bool(pattern) and name == before + version + after and bool(_numbers(version))
    return version if is_one else ""


def _numbers(version: str) -> list[int]:
    """Return the numbers of a version, 8 and 10 of "8.10"; nothing if it is no version."""
    parts = version.split(".")
    is_one = version.isascii() and all(map(str.isdecimal, parts))
    return [int(part) for part in parts] if is_one else []
