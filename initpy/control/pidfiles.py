"""Restore a lost pidfile; remove a stale one."""

from __future__ import annotations

from ..errors import InitError, PidfileError
from ..host import Host, Process
from ..service import Service
from ..state.conflict import pidfile_conflict
from ..state.pidfile import MISSING, UNUSABLE, read_pidfile
from ..state.snapshot import Snapshot


def restore_pidfile(service: Service, seen: Snapshot, host: Host, *, needed: bool = True) -> None:
    """Write the pidfile of a running master if it is lost, and tell it.

    It is written by rename, and we own it. If it cannot be written, PidfileError is
    raised if it is *needed*, else a notice tells it.
    """
    # Without a pidfile nginx does not upgrade (ngx_exec_new_binary); php-fpm dies in a
    # reload if it cannot write it (fpm_pidfile.c).
    if seen.old_master is not None and seen.oldbin.pid != seen.old_master.pid:
        write_pidfile(service.oldbin, seen.old_master, host)
    if seen.master is None or not seen.lost:
        return
    was = seen.pidfile.reason or f"it was {seen.pidfile.verdict}"
    try:
        write_pidfile(service.pidfile, seen.master, host)
    except InitError as exc:
        sentence = f"the pidfile is lost and cannot be restored: {exc}"
        if needed:
            raise PidfileError(sentence) from exc
        host.tell(sentence)
        return
    host.tell(f"restored {service.pidfile}: it names the master, pid {seen.master} ({was})")


def write_pidfile(path: str, master: Process, host: Host) -> None:
    """Write the pid of *master* to the pidfile at *path*, by rename. Raises InitError."""
    if read_pidfile(path, host).fixed:
        raise PidfileError(f"{path} is a directory or a device")
    host.write(path, f"{master}\n")


def remove_stale_pidfiles(service: Service, host: Host) -> None:
    """Remove the stale pidfiles of a service that is stopped, and Red Hat's lock file.

    Stale is one that names no living process. A link or a FIFO goes too: the daemon
    would follow the one, to wherever it leads, and hang on the other. A directory, a
    device, and a file that holds no pid at all stay, which is said.
    """
    for path in (service.pidfile, service.oldbin):
        pidfile = read_pidfile(path, host)
        if pidfile.verdict == MISSING or (pidfile.pid and host.find(pidfile.pid)):
            continue
        if pidfile.fixed:
            host.tell(f"{path} is a directory or a device, and left alone")
        elif pidfile.regular and pidfile.verdict == UNUSABLE:
            host.tell(f"{path} holds no pid, and is left alone")
        else:
            host.remove(path)
    host.mark_stopped(service.subsys)


def refuse_conflict(service: Service, seen: Snapshot, host: Host) -> None:
    """Raise PidfileError if the pidfile names another living daemon whose pidfile it is, too.

    A process of another program has only got the number of a dead master.
    """
    if conflict := pidfile_conflict(service, seen.pidfile, host):
        raise PidfileError(conflict)
