"""Ask an installed daemon for its paths: configuration, prefix, pidfile."""

from __future__ import annotations

from ..control.run import run
from ..errors import InitError, NotInstalled
from ..host import Host
from ..service import Service, resolve
from ..state.configuration import read_configuration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..contracts import Detect

FACTS = ("name", "daemon", "config", "pidfile")


def detect_service(service: Service, given: Mapping[str, str], host: Host) -> Service:
    """Return *service* with the values *given*; the others are asked of the daemon.

    given: any of name, daemon, config, pidfile. If the last three are given, the daemon
           need not be installed.

    Raises NotInstalled; InitError if a value is wrong, or the daemon prints no path.
    """
    try:
        service = service.replace(**given)
    except ValueError as exc:
        raise InitError(str(exc)) from None
    if "daemon" not in given and not host.is_executable(service.daemon):
        service = service.replace(daemon=_newest(service, host))
    if not host.is_executable(service.daemon):
        if all(fact in given for fact in ("daemon", "config", "pidfile")):
            return service
        raise NotInstalled(f"{service.daemon} is not installed: it cannot be asked for its paths")
    service = _ask(service, given, host)
    if "pidfile" in given:
        return service
    pidfile = read_configuration(service, host).pidfile
    return service.replace(pidfile=pidfile or service.pidfile)


def _ask(service: Service, given: Mapping[str, str], host: Host) -> Service:
    """Return *service* with the paths that the daemon prints, unless all of them are given."""
    if service.detect is None or all(field in given for field in service.detects):
        return service
    detect: Detect = resolve(service.detect)
    command = [service.daemon, *service.detect_args]
    said = run(command, host, within=service.timeout).output
    facts = detect(service, said).facts
    if "config" not in facts:
        raise InitError(
            f"{' '.join(command)} names no configuration: is this the right daemon?", said
        )
    return service.replace(**{**facts, **given})


def _newest(service: Service, host: Host) -> str:
    """Return the executable with the greatest version in its name: php-fpm8.2, as on Debian."""
    base = service.daemon.rstrip("0123456789.")

    def version(path: str) -> list[int]:
        return [int(part) for part in path[len(base) :].split(".") if part.isdigit()]

    found = [path for path in host.glob(base + "*") if host.is_executable(path)]
    return max(found, key=version, default=service.daemon)
