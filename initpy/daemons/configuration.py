"""What a daemon's configuration says that we need, read without running the daemon.

A daemon's own test writes files (``nginx -t`` makes log files, directories and
an empty pidfile), so what it would write has to be known before.
"""

from __future__ import annotations

import os.path

from ..control.run import run
from ..host import Host
from ..service import FPM_SYNTAX, NGINX_SYNTAX, Service
from ..value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 16 << 20  # bytes of one configuration file
_DEPTH = 10  # of includes in includes
# Of nginx: a comment, a quoted word, bare words up to the end of a directive, a bare word.
# Not any number of them: what does not end so is looked at again from its next word on.
_TOKENS = r"""\#[^\n]* | "((?:[^"\\]|\\.)*)" | '((?:[^'\\]|\\.)*)'
    | ([^\s;{}\#"'][^;{}\#"']{0,200})? ([;{}]) | ([^\s;{}]+)"""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Configuration(Value):
    """The part of a configuration that an init script needs."""

    pidfile: str | None = None
    logs: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()  # that the daemon makes when they are missing
    workerless: bool = False  # it may well run without a worker (pm = ondemand)
    reload_drain: float = 0.0  # seconds an old worker may go on during a reload
    listens: tuple[str, ...] = ()  # places, as ``Listener`` has them

    @property
    def writes(self) -> tuple[str, ...]:
        """Whatever the daemon's test may leave behind."""
        return (*self.logs, *self.directories, *((self.pidfile,) if self.pidfile else ()))


def read_configuration(service: Service, host: Host) -> Configuration:
    """Read the service's configuration; nothing is known of one in a syntax that is not ours."""
    if service.syntax == NGINX_SYNTAX:
        return nginx_configuration(service, host)
    if service.syntax == FPM_SYNTAX:
        return fpm_configuration(service, host)
    return Configuration()


def may_be_workerless(service: Service, host: Host) -> bool:
    """Tell whether the service can serve without a worker: it may start them on demand."""
    if not service.worker_titles:
        return True
    return service.on_demand and read_configuration(service, host).workerless


def nginx_configuration(service: Service, host: Host) -> Configuration:
    """Read nginx's configuration. What is compiled in is not known here."""

    def absolute(path: str) -> str:
        return os.path.normpath(os.path.join(service.prefix, path))

    pidfile = None
    logs, directories = [], []
    listens: dict[str, None] = {}
    config = service.config or ""
    for name, *args in _nginx_directives(config, os.path.dirname(config), host):
        if not args:
            continue
        if name in ("error_log", "access_log"):
            logs.append(args[0])
        elif name == "pid":
            pidfile = args[0]
        elif name.endswith(("_temp_path", "_cache_path")):
            directories.append(args[0])
        elif name == "listen":
            listens[args[0]] = None  # thousands of servers have the same one
    return Configuration(
        pidfile=absolute(pidfile) if pidfile else None,
        logs=tuple(absolute(path) for path in logs if _is_log(path)),
        directories=tuple(map(absolute, directories)),
        # A server without a listen has this one (ngx_http_core_server).
        listens=(*(place for at in listens for place in _nginx_places(at, host)), "0.0.0.0:80"),
    )


def _nginx_places(value: str, host: Host) -> list[str]:
    """Return where ``listen`` has nginx listen: a port, an address, both, or a path.

    >>> from initpy.host import HERE
    >>> _nginx_places("8080", HERE), _nginx_places("[::1]:80", HERE)
    (['0.0.0.0:8080'], ['::1:80'])
    """
    if value.startswith("unix:"):
        return [value[len("unix:") :]]
    if value.isdigit():
        return [f"0.0.0.0:{value}"]
    address, colon, port = value.rpartition(":")
    if not colon or value.endswith("]"):
        address, port = value, "80"
    return _places(address, port, host)


def _places(address: str, port: str, host: Host) -> list[str]:
    if address in ("", "*"):
        return [f"0.0.0.0:{port}", f":::{port}"]
    if address.startswith("["):
        # However it is written, the kernel says it in one way.
        return [f"{host.resolve(address[1:-1])}:{port}"]
    return [f"{host.resolve(address)}:{port}"]


def _is_log(value: str) -> bool:
    return value not in ("off", "stderr") and not value.startswith("syslog:") and "$" not in value


def compiled_paths(service: Service, host: Host) -> dict[str, str]:
    """Return the paths compiled into the daemon, by its configure options: "pid-path".

    ``nginx -V`` names them; other daemons do not tell. Runs the daemon. Raises
    what ``run`` raises.
    """
    if service.syntax != NGINX_SYNTAX:
        return {}
    import re

    said = run([service.daemon, "-V"], host, within=service.timeout).output
    return dict(re.findall(r"--([a-z-]+)=([^\s']+)", said))


def _nginx_directives(path: str, directory: str, host: Host, depth: int = 0) -> Iterator[list[str]]:
    """Yield every directive with its arguments, whatever block it stands in.

    directory: that of the main file, to which every include is relative.
    """
    import re

    facts = host.examine(host.realpath(path), _MOST)
    if facts is None or depth > _DEPTH:
        return
    words: list[str] = []
    for token in re.finditer(_TOKENS, facts.text, re.VERBOSE | re.DOTALL):
        double, single, several, sign, bare = token.groups("")
        words += several.split() if several else filter(None, (double, single, bare))
        if not sign:
            continue
        if len(words) > 1 and words[0] == "include":
            for included in host.glob(os.path.join(directory, words[1])):
                yield from _nginx_directives(included, directory, host, depth + 1)
        elif words:
            yield words
        words = []


def fpm_configuration(service: Service, host: Host) -> Configuration:
    """Read php-fpm's configuration."""
    pidfile, logs, drain, modes = None, ["log/php-fpm.log"], 0.0, {}
    listens: list[str] = []
    lines = list(_fpm_lines(service.config or "", service.prefix, host))
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
            drain = _fpm_seconds(value)
        elif key == "listen":
            prefix = prefixes.get(section, service.prefix)
            listens += _fpm_places(value.replace("$pool", section), prefix, host)
        elif key == "pm":
            modes[section] = value
    logs[0] = _absolute("/var", logs[0])
    return Configuration(
        pidfile=pidfile,
        logs=tuple(path for path in logs if path not in ("/var/syslog", "/proc/self/fd/2")),
        workerless=bool(modes) and set(modes.values()) == {"ondemand"},
        reload_drain=drain,
        listens=tuple(listens),
    )


def _fpm_places(value: str, prefix: str, host: Host) -> list[str]:
    """Return where ``listen`` has a pool listen: a port, an address with one, or a path."""
    if value.isdigit():
        return _places("*", value, host)
    address, colon, port = value.rpartition(":")
    if colon and port.isdigit() and not value.startswith("/"):
        return _places(address, port, host)
    return [_absolute(prefix, value)]


def _absolute(prefix: str, path: str) -> str:
    return os.path.normpath(os.path.join(prefix, path))


def _fpm_seconds(value: str) -> float:
    number = value.rstrip("smhd")
    unit = value[len(number) :] or "s"
    return float(number) * _UNITS.get(unit, 1) if number.isdigit() else 0.0


def _fpm_lines(
    path: str, prefix: str, host: Host, section: str = "global", depth: int = 0
) -> Iterator[tuple[str, str, str]]:
    """Yield section, key and value of every line, includes followed from *prefix* on."""
    facts = host.examine(host.realpath(path), _MOST)
    if facts is None or depth > _DEPTH:
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
                yield from _fpm_lines(included, prefix, host, section, depth + 1)
        else:
            yield section, key, value
