"""Ask an installed daemon for its paths: configuration, prefix, pidfile."""

from __future__ import annotations

from ..control.ask import ask, ask_configuration
from ..control.run import run
from ..errors import InitError, NotInstalled
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
            need not be installed.
    prefix: the folder that relative paths of this instance start from, if it is not the one
            that was compiled in. Absolute.

    Raises NotInstalled; InitError if a value is wrong, or the daemon prints no path.
    """
    if prefix:
        if not service.prefix_flag:
            raise InitError(f"{service.name} has no option for another prefix")
        service = service.replace(options=(service.prefix_flag, prefix))
    try:
        service = service.replace(**given)
    except ValueError as exc:
        raise InitError(str(exc)) from None
    if "daemon" not in given and not host.is_executable(service.daemon):
        service = service.replace(**{**_newest(service, host), **given})
    if not host.is_executable(service.daemon):
        if all(fact in given for fact in ("daemon", "config", "pidfile")):
            return service
        raise NotInstalled(f"{service.daemon} is not installed: it cannot be asked for its paths")
    service = _ask(service, given, host)
    if "pidfile" in given:
        return service
    pidfile = ask_configuration(service, host).pidfile
    return service.replace(pidfile=pidfile or service.pidfile)


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


def _newest(service: Service, host: Host) -> dict[str, str]:
    """Return the executable with the greatest version in its name: php-fpm8.2, as on Debian.

    The version is also in the paths of its configuration and of its pidfile.
    """
    base = service.daemon.rstrip("0123456789.")

    def version(path: str) -> list[int]:
        return [int(part) for part in path[len(base) :].split(".") if part.isdigit()]

    found = [path for path in host.glob(base + "*") if host.is_executable(path)]
    newest = max(found, key=version, default=service.daemon)
    old, new = service.daemon[len(base) :], newest[len(base) :]
    paths = ("config", "default_config", "pidfile") if old else ()
    return {
        "daemon": newest,
        **{field: str(getattr(service, field)).replace(old, new) for field in paths},
    }
