"""Read php-fpm's configuration file, in its own syntax (fpm_conf.c).

``dump`` reads what the daemon itself says of it, which is better. This is for ``status``,
which never runs the daemon, and for a daemon that does not answer.
"""

from __future__ import annotations

import os.path

from ...contracts import Configuration, Pool, Wish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ...host import Host
    from ...service import Service

MOST_BYTES = 16 << 20  # of one file
MOST_DEPTH = 5  # of includes in includes: php-fpm refuses more
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_NO = ("no", "off", "false", "none", "0")
_MODE = "0660"  # of a socket for which none is set (fpm_unix_resolve_socket_permissions)
_NO_FILE = ("syslog", "/proc/self/fd/2", "/dev/stderr")


def read(service: Service, host: Host) -> Configuration:
    """Read the service's configuration file, with what it includes."""
    reader = _Reader(service, host)
    reader.read_file(service.config or "")
    return configuration(service, reader.settings, reader.pools.values(), host)


def configuration(
    service: Service,
    settings: Mapping[str, str],
    pools: Iterable[Mapping[str, str]],
    host: Host,
) -> Configuration:
    """Return what the [global] section and the pools say, each by its keys in small letters.

    A pool's name stands under "".
    """
    given = _given_prefix(service)
    state = given or service.localstatedir  # fpm_conf_post_process
    pid = settings.get("pid")
    error_log = settings.get("error_log", "log/php-fpm.log")
    drain = _seconds(settings.get("process_control_timeout", "0"))
    found = tuple(_pool(pool, given or service.prefix, host) for pool in pools)
    logs = [] if error_log in _NO_FILE else [_absolute(state, error_log)]
    return Configuration(
        pidfile=_absolute(state, pid) if pid else None,
        logs=tuple(dict.fromkeys([*logs, *(log for pool in found for log in pool.logs)])),
        open_files=_number(settings.get("rlimit_files", "")),
        reload_drain=drain,
        reload_cuts="" if drain else "process_control_timeout is 0",
        pools=found,
        listens=tuple(dict.fromkeys(place for pool in found for place in pool.listens)),
    )


def _pool(keys: Mapping[str, str], prefix: str, host: Host) -> Pool:
    name = keys[""]
    values = {key: value.replace("$pool", name) for key, value in keys.items()}
    base = _absolute(prefix, values.get("prefix", ""))
    # The pool's prefix is not for the status page (fpm_worker_pool_shared).
    keys_of_sockets = (("listen", base), ("pm.status_listen", prefix))
    sockets = [(values[key], folder) for key, folder in keys_of_sockets if values.get(key)]
    binds = tuple(_tried(value, folder) for value, folder in sockets)
    listens = [place for value, folder in sockets for place in _places_of(value, folder, host)]
    logs = [values[key] for key in ("access.log", "slowlog") if values.get(key)]
    return Pool(
        name=name,
        listens=tuple(listens),
        on_demand=values.get("pm", "").lower() == "ondemand",
        workers=_workers(values),
        retires=values.get("pm.max_requests", "0") != "0",
        logs=tuple(_absolute(base, log) for log in logs if log not in _NO_FILE),
        plain_output=values.get("decorate_workers_output", "yes").lower() in _NO,
        wishes=tuple(_wishes(values)),
        binds=binds,
        # Only for a unix socket does it look them up (fpm_unix_resolve_socket_permissions).
        **_accounts(values, any(bind[0].startswith("/") for bind in binds)),
    )


def _workers(values: Mapping[str, str]) -> int:
    """Return how many workers a pool starts with, at least (fpm_children_create_initial)."""
    kind = values.get("pm", "").lower()
    number = {"static": "pm.max_children", "dynamic": "pm.start_servers"}.get(kind, "")
    value = values.get(number, "")
    return int(value) if value.isdigit() else 1


def _wishes(values: Mapping[str, str]) -> Iterator[Wish]:
    """Yield what a pool wants of its socket: fpm_unix_resolve_socket_permissions.

    With an ACL, owner and group are not changed. A backlog that is not set is left out: what
    it is then depends on how the daemon was built, and it says so itself.
    """
    acl = [f"listen.acl_{kind}" for kind in ("users", "groups")]
    yield Wish(key="listen.mode", kind="mode", value=values.get("listen.mode") or _MODE)
    for key in acl:
        yield Wish(key=key, kind=key.rpartition("_")[2], value=values.get(key, ""))
    owning = () if any(map(values.get, acl)) else ("owner", "group")
    for kind in (*owning, "backlog"):
        if value := values.get(f"listen.{kind}"):
            yield Wish(key=f"listen.{kind}", kind=kind, value=value)


def _accounts(values: Mapping[str, str], needed: bool) -> dict[str, tuple[str, ...]]:
    """Return the users and groups that its unix socket is to be open to."""
    keys = {"users": "listen.acl_users", "groups": "listen.acl_groups"}
    return {
        field: tuple(values[key].split(",")) if needed and values.get(key) else ()
        for field, key in keys.items()
    }


def _tried(value: str, prefix: str) -> tuple[str, ...]:
    """Return what is bound for ``listen``, the first that can be: see ``Pool.binds``."""
    if ":" in value:
        return (value,)
    if value.isdigit():  # fpm_socket_af_inet_listening_socket
        return (f"[::]:{value}", f"0.0.0.0:{value}")
    return (os.path.join(prefix, value),)


def _places_of(value: str, prefix: str, host: Host) -> list[str]:
    """Return where ``listen`` has a pool listen: a port, an address with one, or a path."""
    address, colon, port = value.rpartition(":")
    if colon:  # also of "*", which is a name of the loopback addresses
        return [host.place(address, port)]
    if port.isdigit():  # [::] where there is IPv6, else 0.0.0.0
        return [f":::{port}", f"0.0.0.0:{port}"]
    return [_absolute(prefix, value)]


def _absolute(prefix: str, path: str) -> str:
    return os.path.normpath(os.path.join(prefix, path))


def _given_prefix(service: Service) -> str:
    """Return the prefix among the administrator's options, or "": php-fpm(8)."""
    words, prefix = iter(service.options), ""
    for word in words:
        if word in ("-p", "--prefix"):
            prefix = next(words, "")
        elif word.startswith(("-p", "--prefix=")):
            prefix = word[len("--prefix=" if word.startswith("--") else "-p") :]
    return prefix


def _number(value: str) -> int:
    return int(value[:18]) if value.isascii() and value.isdigit() else 0


def _seconds(value: str) -> float:
    number = value.rstrip("smhd")
    unit = value[len(number) :] or "s"
    return float(number) * _UNITS.get(unit, 1) if number.isdigit() else 0.0


class _Reader:
    """The sections that have been read so far."""

    def __init__(self, service: Service, host: Host) -> None:
        self._host = host
        self._prefix = _given_prefix(service) or service.prefix
        self._section = self.settings = dict[str, str]()
        self.pools: dict[str, dict[str, str]] = {}
        self._texts: dict[str, str] = {}
        self._matches: dict[str, list[str]] = {}  # of the patterns of includes
        self._seen: set[tuple[str, str]] = set()  # files, and the pool that each was read in

    def read_file(self, path: str) -> None:
        """Read a file, and what it includes."""
        self._read(self._host.realpath(path), 1)

    def _read(self, path: str, depth: int) -> None:
        """Read a file. A section goes on in the file that it includes, and after it."""
        import re

        where = path, self._section.get("", "")
        if where in self._seen or depth > MOST_DEPTH:
            return
        self._seen.add(where)
        if path not in self._texts:
            facts = self._host.examine(path, MOST_BYTES)
            self._texts[path] = facts.text if facts else ""
        for raw in self._texts[path].split("\n"):
            line = raw.strip()
            if header := re.match(r"\[([^\]]*)\]", line):
                self._enter(header[1])
                continue
            key, equals, value = map(str.strip, line.partition("="))
            if not equals or line.startswith((";", "#")):
                continue
            # Any part of it may be quoted; and a comment ends it.
            value = re.sub(r"""(["'])(.*?)\1|;.*""", r"\2", value).strip()
            if key != "include":
                self._section[key.lower()] = value
                continue
            for included in self._included(_absolute(self._prefix, value)):
                self._read(included, depth + 1)

    def _included(self, pattern: str) -> list[str]:
        if pattern not in self._matches:
            found = self._host.glob(pattern)
            self._matches[pattern] = list(map(self._host.realpath, found))
        return self._matches[pattern]

    def _enter(self, name: str) -> None:
        """Go on in a section, which may have begun before. Capitals do not count in its name."""
        if name.lower() == "global":
            self._section = self.settings
        else:
            self._section = self.pools.setdefault(name.lower(), {"": name})
