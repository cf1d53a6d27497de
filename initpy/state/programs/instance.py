"""Whose process it is where no title tells: by the record, else by how it was started.

The record names the master with its start time. While that lives, another process that the
pidfile names is not the service's: the file is stale, or it is another instance's. When it
has died, what is left of its family are orphans, and no masters, whatever their command
lines say.

Without a record, a daemon that another script has started is believed if all agrees: a
pidfile that no other user can write, the daemon's binary, and the arguments of a start. If
the process has written a title over its arguments, it must not be younger than the pidfile
that names it, or it listens where the declaration says. What may be the service, and is not
proven, is told, and no action goes on.
"""

from __future__ import annotations

import os.path

from ...host import Host, Process, ProcessFacts
from ...service import Service
from ...value import Value
from ..configuration import serves_at
from ..identity import why_elsewhere_whoever
from ..pidfile import Pidfile
from ..record import Record, other_records, read_record, still_there
from ..sockets import held_sockets
from ..titles import told_by
from .absence import is_absent
from .descent import descends
from .executed import executed

YOUNG = 1.0  # seconds; a pidfile that is so much older than a process does not name that one
INFANCY = 2.0  # seconds within which a daemon that has just been started writes its pidfile
_BEFORE = 4  # arguments among which the name of the daemon stands


class Named(Value):
    """What the process that a pidfile names is to the service."""

    master: ProcessFacts | None = None  # if it is the service's master
    why_not: str = ""  # why it is not the master
    doubt: bool = False  # it may be the service all the same
    stale: bool = False  # the kernel or a record tells that the pidfile does not mean it


class Family(Value):
    """What a service without telling titles has, beside what its pidfile names."""

    master: ProcessFacts | None = None
    orphans: tuple[Process, ...] = ()
    unjudged: tuple[Process, ...] = ()
    executing: bool = False  # a process has just been started, and has written no pidfile yet
    absence: tuple[int, ...] | None = None  # nothing is of the daemon: see ``absence``


def believed_record(service: Service, host: Host) -> Record | None:
    """Return the record of the service if anything of it is still there, or None."""
    record = read_record(service, host)
    return record if record is not None and still_there(record, host) else None


def judge_named(service: Service, pidfile: Pidfile, host: Host) -> Named:
    """Tell what the process that *pidfile* names is to the service."""
    facts = host.look(pidfile.pid) if pidfile.pid else None
    if facts is None:
        return Named()
    record = believed_record(service, host)
    found = _by_record(record, service, facts, pidfile, host) if record else None
    found = found or _by_itself(service, facts, pidfile, host)
    host.explain(f"pid {facts.process} ({facts.title[:60]}): {found.why_not or 'it is the master'}")
    return found


def _by_record(
    record: Record, service: Service, facts: ProcessFacts, pidfile: Pidfile, host: Host
) -> Named | None:
    """Judge a process by the record; None if that does not tell."""
    process, master = facts.process, record.master
    if process == master:
        return Named(master=facts)
    if process.pid == master.pid:
        return Named(why_not="the recorded master had its number, and has ended", stale=True)
    if process in record.members:
        return Named(why_not=f"it belongs to master {master}, as the record says", stale=True)
    held = host.socket_inodes(process) & {one.inode for one in record.sockets}
    alike = runs_daemon(service, facts, host) or host.exe_file(process) == record.exe
    # A script by another interpreter, which a title hides: the old master has executed it.
    executed = service.second_is_new and facts.ppid == master.pid and not facts.forked
    if held and (alike or executed) and not why_untrusted(pidfile, facts, host):
        return Named(master=facts)  # it has taken the sockets over, as a new binary does
    if host.alive(master):
        return Named(why_not=f"the record names another master, pid {master}", stale=True)
    return None


def _by_itself(service: Service, facts: ProcessFacts, pidfile: Pidfile, host: Host) -> Named:
    """Judge a process of which the record does not tell."""
    if _is_recorded_of_another(service, facts.process, host):
        return Named(why_not="it is recorded of another service", stale=True)
    if why := _why_another(service, facts, host):
        return Named(why_not=why)
    if why := why_untrusted(pidfile, facts, host):
        return Named(why_not=f"{pidfile.path} is not trusted: {why}", doubt=True)
    # A file has the time of a clock that may have been set since; a process has not.
    written = host.file_age(pidfile.path)
    younger = written is not None and host.age(facts.process) + YOUNG < written
    return _by_arguments(service, facts, host, f"{pidfile.path} was written" if younger else "")


def _is_recorded_of_another(service: Service, process: Process, host: Host) -> bool:
    return any(process in (one.master, *one.members) for one in other_records(service, host))


def _why_another(service: Service, facts: ProcessFacts, host: Host) -> str:
    if why := why_elsewhere_whoever(facts, host):
        return why
    if not runs_daemon(service, facts, host):
        return f"it runs {facts.exe}, not {service.daemon}"
    titled = service.master_title is None or told_by(service, facts.title) is not None
    return "" if titled else "its title is not that of a master"


def _by_arguments(service: Service, facts: ProcessFacts, host: Host, since: str) -> Named:
    """Judge by its arguments a process that runs the daemon.

    since: if it was started after the pidfile was written, what to say of that.
    """
    arguments = arguments_of(service, facts)
    if arguments == _start_arguments(service):
        return Named(master=facts)
    if service.listens:
        return _by_places(service, facts, host)
    if since:
        return Named(why_not=f"it was started after {since}, or the clock was set", doubt=True)
    if arguments is None and _may_run_another(service, facts, host):
        return Named(why_not="its executable cannot be seen", doubt=True)
    if arguments is None:
        return Named(master=facts)
    return Named(why_not="it was started with other arguments", doubt=True)


def _may_run_another(service: Service, facts: ProcessFacts, host: Host) -> bool:
    """Tell whether root, without CAP_SYS_PTRACE, sees nothing of the daemon in a process."""
    return facts.exe is None and host.geteuid() == 0 and not executed(facts, service.daemon, host)


def _by_places(service: Service, facts: ProcessFacts, host: Host) -> Named:
    places = {one.place for one in held_sockets(facts.process, host)}
    serves = any(serves_at(declared, places) for declared in service.listens)
    if serves or host.listening_sockets() is None:
        return Named(master=facts)
    return Named(why_not=f"it does not listen at {', '.join(service.listens)}", doubt=True)


def why_untrusted(pidfile: Pidfile, facts: ProcessFacts, host: Host) -> str:
    """Return why a pidfile is not believed of that process, or "".

    What a user can write is believed of that user's own processes alone: it could signal
    them itself.
    """
    if pidfile.trusted:
        return ""
    return pidfile.reason if facts.uid == 0 else host.distrust_but(pidfile.path, facts.uid)


def runs_daemon(service: Service, facts: ProcessFacts, host: Host) -> bool:
    """Tell whether that process runs the daemon: its binary, or its script in an interpreter."""
    return facts.exe is None or bool(executed(facts, service.daemon, host))


def arguments_of(service: Service, facts: ProcessFacts) -> tuple[str, ...] | None:
    """Return the arguments that the daemon was started with; None where a title hides them."""
    name = os.path.basename(service.daemon)
    # Before a script there are its interpreter and that one's options: execve(2).
    for at, word in enumerate(facts.argv[:_BEFORE]):
        if os.path.basename(word) == name:
            return facts.argv[at + 1 :]
    return None


def _start_arguments(service: Service) -> tuple[str, ...]:
    return tuple(service.command(service.start_args)[1:])


def search(service: Service, host: Host, *, known: Process | None, thorough: bool = True) -> Family:
    """Return what there is of the service beside *known*, the master that its pidfile names.

    thorough: read every process of the host for what a dead master has left.
    """
    record = believed_record(service, host)
    if record is None:
        return _by_command_line(service, host) if known is None else Family()
    facts = host.look(record.master.pid)
    if facts is not None and facts.process == record.master:
        return Family(master=facts)
    if service.outlives or not thorough:
        return Family()
    looks = (host.look(pid) for pid in host.pids() if pid != host.getpid())
    kin = [one.process for one in looks if one is not None and _is_kin(record, one, host)]
    return Family(orphans=tuple(it for it in kin if not (known and descends(it, [known], host))))


def _is_kin(record: Record, facts: ProcessFacts, host: Host) -> bool:
    """Tell whether a process is of the family of the recorded master, which has died.

    It is recorded itself; or it runs what the master ran, was forked and not executed since,
    and holds a recorded socket or is in the master's session. What was executed is a job:
    the interpreter of a script is that of many other programs, too.
    """
    if facts.process in record.members or facts.process in record.remains.draining:
        return True
    if not facts.forked or record.exe is None or host.exe_file(facts.process) != record.exe:
        return False
    if 0 != record.session == facts.session:
        return True
    return not host.socket_inodes(facts.process).isdisjoint(one.inode for one in record.sockets)


def _by_command_line(service: Service, host: Host) -> Family:
    """Search for processes with the whole command line of a start, which no record knows.

    One is the master if that line names the configuration or the pidfile of this service,
    and it was not forked: a worker of a master that has died has that line, too.
    """
    unused = host.unused_version(service.daemon)
    if unused and is_absent(service, unused, host):
        return Family(absence=unused)
    titles = {pid: host.title(pid) for pid in host.pids()}
    looks = {pid: host.look(pid) for pid, title in titles.items() if service.daemon in title}
    alike = {pid: one for pid, one in looks.items() if one and _was_started(service, one, host)}
    if not alike:
        missed = any(not title and host.exiting(pid) for pid, title in titles.items())
        return Family(absence=None if looks or missed else unused)
    first = [one for one in alike.values() if one.ppid not in alike]
    first = [one for one in first if not _is_recorded_of_another(service, one.process, host)]
    names_it = {service.config, service.pidfile}.intersection(_start_arguments(service))
    if len(first) == 1 and names_it and not first[0].forked:
        return Family(master=first[0])
    young = any(host.age(one.process) < INFANCY for one in first)
    return Family(unjudged=tuple(one.process for one in first), executing=young)


def _was_started(service: Service, facts: ProcessFacts, host: Host) -> bool:
    users = host.user_id(service.user.partition(":")[0]) if service.user else None
    owner = host.owner(service.pidfile)
    if facts.uid not in (0, host.geteuid(), *(users or ())[:1], *(owner or ())[:1]):
        return False  # any user may give a process that command line
    if facts.exe is None or arguments_of(service, facts) != _start_arguments(service):
        return False
    return not why_elsewhere_whoever(facts, host) and runs_daemon(service, facts, host)
