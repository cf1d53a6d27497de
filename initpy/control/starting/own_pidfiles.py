"""Pidfiles that a daemon in the background writes itself, beside the one that initpy writes.

Some daemons refuse to start while a pidfile of theirs names any process that lives; after a
crash that may be another's. Which files those are is seen while the daemon runs, and noted
beside the record, with the version of each. Other than the record, the note outlives a boot
and a container: what it names is removed only if nobody has written it since.
"""

from __future__ import annotations

from ...errors import InitError
from ...host import Host, Process
from ...service import Service
from ...state.pidfile import read_pidfile
from ...state.programs.instance import judge_named, why_untrusted
from ...state.record import read_believed, record_path

# What a daemon calls its pidfile, in a directory of its own or without one: FHS 3.0, 3.15.
_PLACES = ("/run/*.pid", "/run/*/*.pid")


def note_own_pidfiles(service: Service, master: Process, host: Host) -> None:
    """Note the pidfiles that name *master*, and were written since it started, but for ours."""
    facts = host.look(master.pid)
    if facts is None or facts.process != master:
        return
    lines = []
    paths = [path for place in _PLACES for path in host.glob(place) if path.isprintable()]
    for path in paths:
        pidfile = read_pidfile(path, host)
        if pidfile.pid != master.pid or path in (service.pidfile, service.oldbin):
            continue
        written = host.file_age(path)
        older = written is None or written > host.age(master)
        if pidfile.version and not older and not why_untrusted(pidfile, facts, host):
            inode, changed = pidfile.version
            lines.append(f"{inode} {changed} {path}\n")
    try:
        if lines:
            host.write(_note(service), "".join(lines), 0o600)
        else:
            host.remove(_note(service))
    except InitError as exc:
        host.tell(f"its own pidfile cannot be noted: {exc}")


def remove_own_pidfiles(service: Service, host: Host) -> None:
    """Remove the pidfiles that are noted, if they are as they were. The service is stopped.

    One whose number a process has that may be the service all the same is left alone.
    """
    for path, version in _noted(service, host).items():
        pidfile = read_pidfile(path, host)
        if pidfile.version != version:
            continue
        named = judge_named(service, pidfile, host)
        if named.stale or (named.master is None and not named.doubt):
            host.remove(path)
            host.tell(f"removed {path}: its master, pid {pidfile.pid}, has ended")


def _note(service: Service) -> str:
    return record_path(service, "pidfiles")


def _noted(service: Service, host: Host) -> dict[str, tuple[int, int]]:
    """Return the paths that are noted, and the version of each, as far as root noted them."""
    text = read_believed(_note(service), host)
    lines = [line.split(" ", 2) for line in text.splitlines()]
    try:
        return {own: (int(inode), int(changed)) for inode, changed, own in lines}
    except ValueError:  # cut short, by a power cut
        return {}
