"""What an installed daemon says of itself: its configuration and its pidfile."""

from __future__ import annotations

from ..control.run import run
from ..daemons.configuration import compiled_paths, read_configuration
from ..errors import InitError, NotInstalled
from ..host import Host
from ..service import NGINX_SYNTAX, Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FACTS = ("name", "daemon", "config", "pidfile")


def discover(service: Service, given: Mapping[str, str], host: Host) -> Service:
    """Return *service* with what is *given*, and the rest asked of the daemon.

    given: any of name, daemon, config, pidfile. If all are given, the daemon
           need not be installed. Raises NotInstalled, or InitError if the
           daemon does not tell.
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
    ask = _nginx if service.syntax == NGINX_SYNTAX else _fpm
    service = ask(service, given, host)
    if "pidfile" in given:
        return service
    pidfile = read_configuration(service, host).pidfile
    return service.replace(pidfile=pidfile or service.pidfile)


def _nginx(service: Service, given: Mapping[str, str], host: Host) -> Service:
    compiled = compiled_paths(service, host)
    default = compiled.get("conf-path")
    if default is None:
        raise InitError(f"{service.daemon} -V names no --conf-path: is it nginx?")
    return service.replace(
        default_config=default,
        config=given.get("config", default),
        prefix=compiled.get("prefix", service.prefix),
        pidfile=given.get("pidfile") or compiled.get("pid-path", service.pidfile),
    )


def _fpm(service: Service, given: Mapping[str, str], host: Host) -> Service:
    if "config" in given:
        return service
    import re

    said = run([service.daemon, "-t"], host, within=service.timeout).output
    config = re.search(r"configuration file '?(/[^\s']+)", said)
    if config is None:
        raise InitError(f"{service.daemon} -t names no configuration file: is it php-fpm?", said)
    return service.replace(config=config[1], default_config=config[1])


def _newest(service: Service, host: Host) -> str:
    """Return the daemon of the greatest version, as Debian names them: php-fpm8.2."""
    base = service.daemon.rstrip("0123456789.")

    def version(path: str) -> list[int]:
        return [int(part) for part in path[len(base) :].split(".") if part.isdigit()]

    found = [path for path in host.glob(base + "*") if host.is_executable(path)]
    return max(found, key=version, default=service.daemon)
