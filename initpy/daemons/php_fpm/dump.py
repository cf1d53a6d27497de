"""Read what ``php-fpm -tt`` prints: every pool as the daemon itself understands it."""

from __future__ import annotations

from .configuration import configuration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...contracts import Configuration
    from ...host import Host
    from ...service import Service

# The log cuts a line at about 1,024 characters: one that reaches this may be cut.
_CUT = 1000
_GLOBAL = "global"


def read(service: Service, output: str, written: Configuration, host: Host) -> Configuration | None:
    """Return the configuration that the daemon prints, or None if that is no whole one.

    written: what its file says. The error log is taken from it, since the daemon is asked
             with another one; and a section with a line that may be cut.
    """
    import re

    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    name, cut = "", set()
    for line in output.split("\n"):
        said = re.match(r"\[[^]]*\] NOTICE: +(?:\[(.*)\]|\t([^=]*) = (.*))$", line)
        if said is None:
            continue
        if said[1] is not None:
            name = said[1]
            section = sections.setdefault(name, {"": name})
        elif said[3] != "undefined":
            section[said[2]] = said[3]
            if len(line) >= _CUT:
                cut.add(name)
    if _GLOBAL not in sections or " test is successful" not in output:
        return None
    told = configuration(service, sections.pop(_GLOBAL), sections.values(), host)
    in_file = {pool.name: pool for pool in written.pools}
    pools = [in_file.get(pool.name, pool) if pool.name in cut else pool for pool in told.pools]
    error_log = [log for log in written.logs if not any(log in pool.logs for pool in written.pools)]
    return told.replace(
        pidfile=written.pidfile if _GLOBAL in cut else told.pidfile,
        pools=tuple(pools),
        logs=tuple(dict.fromkeys([*error_log, *(log for pool in pools for log in pool.logs)])),
        listens=tuple(dict.fromkeys(place for pool in pools for place in pool.listens)),
    )
