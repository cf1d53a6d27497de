"""Read nginx's configuration, in its own syntax (ngx_conf_file.c)."""

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
# A comment, a quoted word, bare words up to the end of a directive, a bare word.
# A directive of bare words is limited to 200 characters, so that a text without an end
# costs no quadratic time; a longer one is read word by word.
_TOKENS = r"""\#[^\n]* | "((?:[^"\\]|\\.)*)" | '((?:[^'\\]|\\.)*)'
    | ([^\s;{}\#"'][^;{}\#"']{0,200})? ([;{}]) | ([^\s;{}]+)"""


def read(service: Service, host: Host) -> Configuration:
    """Read the service's configuration. Compiled-in paths are not part of it."""

    def absolute(path: str) -> str:
        return os.path.normpath(os.path.join(service.prefix, path))

    pidfile = None
    logs, directories = [], []
    listens: dict[str, None] = {}
    config = service.config or ""
    for name, *args in _directives(config, os.path.dirname(config), host):
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
        # A server without a listen directive listens here (ngx_http_core_server).
        listens=(*(place for at in listens for place in _places_of(at, host)), "0.0.0.0:80"),
    )


def _places_of(value: str, host: Host) -> list[str]:
    """Return where ``listen`` has nginx listen: a port, an address, both, or a path.

    >>> from initpy.host import HERE
    >>> _places_of("8080", HERE), _places_of("[::1]:80", HERE)
    (['0.0.0.0:8080'], ['::1:80'])
    """
    if value.startswith("unix:"):
        return [value[len("unix:") :]]
    if value.isdigit():
        return [f"0.0.0.0:{value}"]
    address, colon, port = value.rpartition(":")
    if not colon or value.endswith("]"):
        address, port = value, "80"
    return host.places(address, port)


def _is_log(value: str) -> bool:
    return value not in ("off", "stderr") and not value.startswith("syslog:") and "$" not in value


def _directives(path: str, directory: str, host: Host, depth: int = 0) -> Iterator[list[str]]:
    """Yield every directive with its arguments, whatever block it stands in.

    directory: that of the main file, to which every include is relative.
    """
    import re

    facts = host.examine(host.realpath(path), MOST_BYTES)
    if facts is None or depth > MOST_DEPTH:
        return
    words: list[str] = []
    for token in re.finditer(_TOKENS, facts.text, re.VERBOSE | re.DOTALL):
        double, single, several, sign, bare = token.groups("")
        words += several.split() if several else filter(None, (double, single, bare))
        if not sign:
            continue
        if len(words) > 1 and words[0] == "include":
            for included in host.glob(os.path.join(directory, words[1])):
                yield from _directives(included, directory, host, depth + 1)
        elif words:
            yield words
        words = []
