"""Read nginx's configuration in the context of its blocks, as ngx_conf_file.c does."""

from __future__ import annotations

import os.path

from ...contracts import Configuration
from . import listens
from .arguments import read_options
from .syntax import statements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...host import Host
    from ...service import Service

MOST_BYTES = 16 << 20  # of one file
MOST_DEPTH = 100  # of includes in includes

# Where a directive stands, as far as that matters. These are all: so a file is looked at
# a few times at most, however often and wherever it is included.
MAIN = "at the top level"
HTTP, PROTOCOL = "in http", "in stream, mail or another protocol"
HTTP_SERVER, SERVER = "in a server of http", "in a server of another protocol"
INSIDE = "deeper"
DATA = "in a block of data"
# Blocks whose lines are data and not directives, whatever they begin with.
_DATA = {"map", "geo", "types", "split_clients", "charset_map", "match"}


def read(service: Service, host: Host) -> Configuration:
    """Read the service's configuration. What is compiled in is not known here."""
    return _Reader(service, host).read()


def _enter(context: str, block: str) -> str:
    """Return the context inside a block that stands in *context*."""
    if context == DATA or block in _DATA:
        return DATA
    if context == MAIN:
        return HTTP if block == "http" else PROTOCOL
    if block == "server" and context in (HTTP, PROTOCOL):
        return HTTP_SERVER if context == HTTP else SERVER
    return INSIDE


class _Reader:
    """What has been read so far."""

    def __init__(self, service: Service, host: Host) -> None:
        self._host = host
        self._config = service.config or ""
        self._options = read_options(service.options)
        self._prefix = os.path.join("/", self._options.prefix or service.prefix)
        self._pidfile: str | None = None
        # Each once: thousands of servers have the same log and the same address.
        self._logs: dict[str, None] = {}
        self._log_patterns: dict[str, None] = {}
        self._directories: dict[str, None] = {}
        self._listens: dict[tuple[str, ...], None] = {}  # the words of each
        self._texts: dict[str, str] = {}
        self._matches: dict[str, list[str]] = {}  # of the patterns of includes
        # Whether a file, included in a context, has a ``listen`` for the block around it.
        self._listening: dict[tuple[str, str], bool] = {}

    def read(self) -> Configuration:
        if self._options.error_log:
            self._log("error_log", self._options.error_log)
        self._read_text(self._options.directives, MAIN, 0)
        self._read_file(self._host.realpath(self._config), MAIN, 0)
        return Configuration(
            pidfile=self._pidfile and self._absolute(self._pidfile),
            logs=tuple(self._logs),
            log_patterns=tuple(self._log_patterns),
            directories=tuple(self._directories),
            listens=tuple(
                dict.fromkeys(
                    at for value, *_ in self._listens for at in listens.places(value, self._host)
                )
            ),
            sockets=listens.sockets(self._listens, self._host),
        )

    def _absolute(self, path: str) -> str:
        return os.path.normpath(os.path.join(self._prefix, path))

    def _read_file(self, path: str, context: str, depth: int) -> bool:
        """Read a file in that context. Tell whether it has a ``listen`` for the block around it.

        One that is being read already has none for itself: nginx refuses such a loop.
        """
        if (path, context) not in self._listening and depth <= MOST_DEPTH:
            self._listening[path, context] = False
            if path not in self._texts:
                facts = self._host.examine(path, MOST_BYTES)
                self._texts[path] = facts.text if facts else ""
            self._listening[path, context] = self._read_text(self._texts[path], context, depth)
        return self._listening.get((path, context), False)

    def _read_text(self, text: str, context: str, depth: int) -> bool:
        blocks = [(context, False)]  # those that are open, and whether each has a listen
        for words, sign in statements(text):
            context, listening = blocks[-1]
            if sign == "{":
                blocks.append((_enter(context, words[0] if words else ""), False))
            elif sign == "}" and blocks[1:]:
                blocks.pop()
                if context == HTTP_SERVER and not listening:
                    # ngx_http_core_server
                    self._listens["80" if self._host.geteuid() == 0 else "8000",] = None
            elif words[1:] and context != DATA:
                listens_here = self._take(words, context, depth)
                blocks[-1] = context, listens_here or listening
        return blocks[0][1]

    def _take(self, words: list[str], context: str, depth: int) -> bool:
        """Take a directive with an argument. Tell whether the block around it listens so."""
        name, value = words[:2]
        if name == "include":
            pattern = os.path.join(os.path.dirname(self._config), value)
            if pattern not in self._matches:
                found = self._host.glob(pattern)
                self._matches[pattern] = list(map(self._host.realpath, found))
            paths = self._matches[pattern]
            listening = [self._read_file(path, context, depth + 1) for path in paths]
            return any(listening)
        if name == "listen" and context in (HTTP_SERVER, SERVER):
            self._listens[tuple(words[1:])] = None
            return True
        if name == "pid" and context == MAIN:
            self._pidfile = value
        elif name in ("error_log", "access_log"):
            self._log(name, value)
        elif name.endswith(("_temp_path", "_cache_path")):
            self._directories[self._absolute(value)] = None
        return False

    def _log(self, directive: str, value: str) -> None:
        """Note a log that is a file, of one name or of as many as its variables have values."""
        if directive == "error_log":
            no_file = value == "stderr" or value.startswith(("syslog:", "memory:"))
        else:
            no_file = value == "off" or value.startswith("syslog:")
        if no_file:
            return
        if directive == "access_log" and "$" in value:
            self._log_patterns[_pattern(self._absolute(value), self._host)] = None
        else:
            self._logs[self._absolute(value)] = None


def _pattern(path: str, host: Host) -> str:
    r"""Return a regular expression of the files that a log with variables in its name has.

    Links in the folder that no variable changes are followed: an open file tells its real path.

    >>> from initpy.host import HERE
    >>> _pattern("/none/$host-${server_name}.log", HERE)
    '/none/[^/]*\\-[^/]*\\.log'
    """
    import re

    folder, _, name = path[: path.index("$")].rpartition("/")
    real = os.path.join(host.realpath(folder or "/"), name + path[path.index("$") :])
    fixed = re.split(r"\$(?:\w+|\{\w+\})", real, flags=re.ASCII)
    return "[^/]*".join(map(re.escape, fixed))
