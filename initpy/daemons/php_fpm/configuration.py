"""Read php-fpm's configuration, in its own syntax (fpm_conf.c)."""

from __future__ import annotations

import os.path

from ...contracts import Configuration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...host import Host
    from ...service import Service

MOST_BYTES = 16 << 20  # of one file
MOST_DEPTH = 10  # of includes in includes
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read(service: Service, host: Host) -> Configuration:
    """Read the service's configuration, with what it includes."""
    pidfile, logs, drain, modes = None, ["log/php-fpm.log"], 0.0, {}
    listens: list[str] = []
    lines = list(_lines(service.config or "", service.prefix, host))
    prefixes = {section: value for section, key, value in lines if key == "prefix"}
    for section, key, value in lines:
        if key == "pid":
            pidfile = _absolute("/var", value)
        elif key == "error_log":
            logs[0] = value
        elif key in ("slowlog", "access.log"):
            prefix = prefixes.get(section, service.prefix)
            logs.append(_absolute(prefix, value.replace("$pool", section)))
        elif key == "process_control_timeout":
            drain = _seconds(value)
        elif key == "listen":
            prefix = prefixes.get(section, service.prefix)
            listens += _places_of(value.replace("$pool", section), prefix, host)
        elif key == "pm":
            modes[section] = value
    logs[0] = _absolute("/var", logs[0])
    return Configuration(
        pidfile=pidfile,
        logs=tuple(path for path in logs if path not in ("/var/syslog", "/proc/self/fd/2")),
        workerless=bool(modes) and set(modes.values()) == {"ondemand"},
        reload_drain=drain,
        reload_cuts="" if drain else "process_control_timeout is 0",
        listens=tuple(listens),
    )


def _places_of(value: str, prefix: str, host: Host) -> list[str]:
    """Return where ``listen`` has a pool listen: a port, an address with one, or a path."""
    if value.isdigit():
        return host.places("*", value)
    address, colon, port = value.rpartition(":")
    if colon and port.isdigit() and not value.startswith("/"):
        return host.places(address, port)
    return [_absolute(prefix, value)]


def _absolute(prefix: str, path: str) -> str:
    return os.path.normpath(os.path.join(prefix, path))


def _seconds(value: str) -> float:
    number = value.rstrip("smhd")
    unit = value[len(number) :] or "s"
    return float(number) * _UNITS.get(unit, 1) if number.isdigit() else 0.0


def _lines(
    path: str, prefix: str, host: Host, section: str = "global", depth: int = 0
) -> Iterator[tuple[str, str, str]]:
    """Yield section, key and value of every line, includes followed from *prefix* on."""
    facts = host.examine(host.realpath(path), MOST_BYTES)
    if facts is None or depth > MOST_DEPTH:
        return
    for raw in facts.text.splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
            continue
        key, equals, value = line.partition("=")
        if not equals or line.startswith((";", "#")):
            continue
        key, value = key.strip(), value.partition(";")[0].strip().strip("\"'")
        if key == "include":
            for included in host.glob(_absolute(prefix, value)):
                yield from _lines(included, prefix, host, section, depth + 1)
        else:
            yield section, key, value
