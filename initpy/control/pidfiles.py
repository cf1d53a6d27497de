"""Pidfiles and socket paths: restore what is lost, remove what is stale."""

from __future__ import annotations

import os.path

from ..errors import InitError, OtherPidfile, PidfileError
from ..host import Host, Process, ProcessFacts
from ..host.wait import wait_until
from ..service import Service
from ..state.configuration import read_configuration
from ..state.identity import configuration_in_force, is_master, runs, why_elsewhere_whoever
from ..state.pidfile import MISSING, UNUSABLE, read_pidfile
from ..state.record import read_record
from ..state.snapshot import Snapshot, named_master
from ..state.sockets import held_sockets, lost_paths
from ..state.titles import looks_like_master, tells_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..state.pidfile import Pidfile


def restore_pidfile(service: Service, seen: Snapshot, host: Host, *, needed: bool = True) -> None:
    """Write the pidfile of a running master if it is lost, and tell it.

    It is written by rename, and we own it. If it cannot be written, PidfileError is
    raised if it is *needed*, else a notice tells it.
    """
    # Without a pidfile nginx does not upgrade (ngx_exec_new_binary); php-fpm dies in a
    # reload if it cannot write it (fpm_pidfile.c).
    path, of_old, ours, other = service.pidfile, service.oldbin, seen.pidfile, seen.oldbin
    if seen.successor:
        path, of_old, ours, other = of_old, path, other, ours
    if seen.old_master is not None and other.pid != seen.old_master.pid:
        write_pidfile(of_old, seen.old_master, host)
    if seen.master is None or not seen.lost:
        return
    named = f"it named pid {ours.pid}" if ours.pid else ""
    was = ours.reason or named or f"it was {ours.verdict}"
    try:
        write_pidfile(path, seen.master, host, owner=_owner(service, host))
    except InitError as exc:
        sentence = f"the pidfile is lost and cannot be restored: {exc}"
        if needed:
            raise PidfileError(sentence) from exc
        host.tell(sentence)
        return
    host.tell(f"restored {path}: it names the master, pid {seen.master} ({was})")


def await_first_pidfile(service: Service, seen: Snapshot, host: Host) -> None:
    """Wait until a new master has given its pidfile the first name: the old one is gone.

    Raises WaitTimeout; InitError if it ends.
    """
    new = seen.master
    if new is None or not seen.successor or seen.old_master is not None:
        return

    def named() -> bool:
        if not host.alive(new):
            raise InitError(f"new master {new} died")
        return named_master(service, service.pidfile, host) == new

    what = f"master {new} to rename {service.oldbin} to {service.pidfile}"
    wait_until(named, within=service.timeout, host=host, what=what)


def _owner(service: Service, host: Host) -> tuple[int, int] | None:
    """Return whose the pidfile was: a daemon without root writes it anew, and removes it."""
    record = read_record(service, host)
    return record.owner if record is not None and host.geteuid() == 0 else None


def write_pidfile(
    path: str, master: Process, host: Host, *, owner: tuple[int, int] | None = None
) -> None:
    """Write the pid of *master* to the pidfile at *path*, by rename. Raises InitError."""
    if read_pidfile(path, host).fixed:
        raise PidfileError(f"{path} is a directory or a device")
    host.write(path, f"{master}\n", owner=owner)


def remove_stale_pidfiles(service: Service, host: Host, *, starting: bool = False) -> None:
    """Remove the stale pidfiles of a service that is stopped, and Red Hat's lock file.

    Stale is one that names no living process, or one that the kernel or a record proves to
    be another's, where no title tells. A link or a FIFO goes too: the daemon
    would follow the one, to wherever it leads, and hang on the other. A directory, a
    device, and a file that holds no pid at all stay, which is said. But a file with the
    name of a pidfile goes if initpy itself writes it, for a daemon in the background, or tells
    the daemon to.

    starting: the daemon is started next, and would write its pidfile over one that names
              another program; some refuse to start beside a living process.
    """
    ours = _is_told(service) and service.pidfile.endswith(".pid")
    for path in (service.pidfile, service.oldbin):
        pidfile = read_pidfile(path, host)
        if pidfile.verdict == MISSING:
            continue
        living = pidfile.pid and host.find(pidfile.pid)
        if living and not _names_another(service, pidfile, host, starting=starting):
            continue
        if pidfile.fixed:
            host.tell(f"{path} is a directory or a device, and left alone")
        elif pidfile.regular and pidfile.verdict == UNUSABLE and not ours:
            host.tell(f"{path} holds no pid, and is left alone")
        else:
            host.remove(path)
    host.mark_stopped(service.subsys)


def _is_told(service: Service) -> bool:
    """Tell whether initpy writes the pidfile, or says to a daemon without titles where it is."""
    if service.background or tells_instance(service):
        return service.background
    told = (*service.start_args, *service.environment.values())
    return any("{pidfile}" in text or text == service.pidfile for text in told)


def _names_another(service: Service, pidfile: Pidfile, host: Host, *, starting: bool) -> bool:
    """Tell whether a pidfile surely does not mean the living process whose number it holds."""
    if tells_instance(service):
        return False
    from ..state.programs.instance import judge_named

    named = judge_named(service, pidfile, host)
    return named.stale or (starting and named.master is None and not named.doubt)


def refuse_conflict(service: Service, seen: Snapshot, host: Host) -> None:
    """Raise PidfileError if the pidfile names another living daemon whose pidfile it is, too.

    A process of another program has only got the number of a dead master.
    """
    if conflict := pidfile_conflict(service, seen.pidfile, host):
        raise PidfileError(conflict)


def refuse_other_pidfile(service: Service, host: Host) -> None:
    """Raise OtherPidfile if the configuration names another pidfile than the service has.

    The daemon would write that one, and we would wait for ours in vain. One that we put in
    the background writes none.
    """
    # Of php-fpm ``pid =`` counts, also beside ``--pid``: that is only the value which the
    # configuration then replaces (fpm_conf_init_main).

    def place(path: str) -> str:
        # The pidfile itself may be a link: a stale one, which does not count.
        return os.path.join(host.realpath(os.path.dirname(path)), os.path.basename(path))

    if service.background:
        return
    named = read_configuration(service, host).pidfile
    if named is not None and place(named) != place(service.pidfile):
        raise OtherPidfile(
            f"the configuration names the pidfile {named}, and this script {service.pidfile}: "
            "change one of them (PIDFILE= in the script's settings)"
        )


def remove_stale_sockets(service: Service, host: Host) -> None:
    """Remove the paths of unix sockets that the configuration names and no process has.

    A daemon that binds such a path fails as if it were taken. A refused connection is no
    proof: a daemon between bind(2) and listen(2) refuses, too. So the kernel is asked
    twice for every socket that has the path's inode. Only root's sockets, in folders that no
    other user can write, are removed. The service is stopped.
    """
    for path in (*read_configuration(service, host).listens, *service.listens):
        file = host.socket_file(path) if path.startswith("/") else None
        if file is None or host.distrust(path):
            continue
        if not is_bound(path, file[1], host):
            host.remove(path)
            host.tell(f"removed {path}: no process has that socket any more")


def lost_paths_sentence(service: Service, host: Host) -> str:
    """Say which unix sockets of the running master have lost their paths, or ""."""
    master = named_master(service, service.pidfile, host)
    lost = lost_paths(held_sockets(master, host), master, host) if master else ()
    return f"no client reaches {', '.join(lost)}: its socket is not there any more" if lost else ""


def refuse_lost_paths(service: Service, host: Host) -> None:
    """Raise InitError if a unix socket has lost its path: whoever inherits it cannot mend that."""
    if lost := lost_paths_sentence(service, host):
        raise InitError(f"{lost}. Only restart makes that socket anew")


def is_bound(path: str, inode: int, host: Host) -> bool:
    """Tell whether a socket has that path, a file of that inode; also where it is not told.

    The kernel is asked twice: a daemon may be about to bind it.
    """

    def look() -> bool:
        sockets = host.unix_sockets()
        return sockets is None or any(one.is_at(path, inode) for one in sockets)

    return look() or look()


def pidfile_conflict(service: Service, pidfile: Pidfile, host: Host) -> str:
    """Return a sentence if the pidfile names another living daemon that has it as its own, or "".

    Another program has only got the number of a dead master, one in another namespace
    or root directory has a pidfile of its own there, and so has an instance whose
    configuration names another pidfile.
    """
    facts = host.look(pidfile.pid) if pidfile.pid else None
    if facts is None or not tells_instance(service) or is_master(service, facts, host):
        return ""
    if why_elsewhere_whoever(facts, host) or not looks_like_master(service, facts.title):
        return ""
    if not runs(service, facts, host) or _has_another(service, facts, host):
        return ""
    return f"{pidfile.path} names pid {facts.process}, another {service.daemon} ({facts.title})"


def _has_another(service: Service, facts: ProcessFacts, host: Host) -> bool:
    """Tell whether the configuration that the process reads names another pidfile."""
    path = configuration_in_force(service, facts, host)
    if path is None:
        return False
    named = read_configuration(service.replace(config=path, options=()), host).pidfile
    return named is not None and host.realpath(named) != host.realpath(service.pidfile)
