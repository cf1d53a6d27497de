"""Read every process of the host, and sort those that belong to a daemon."""

from __future__ import annotations

from ..host import Host, Process, ProcessFacts
from ..service import Service
from .identity import (
    INFANCY,
    is_daemon,
    is_master,
    is_starting,
    runs,
    why_elsewhere,
    why_not_by_sockets,
)
from .pidfile import read_pidfile
from .programs.absence import is_absent
from .record import Record, read_record, still_there
from .titles import beginnings, is_worker, looks_like_master, told_by, workers_of

LISTINGS = 3  # of all processes, in one scan
RECENT = 1.0  # seconds for which a stranger is not read again

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from .programs.absence import Version


class ProcessScan:
    """Every process of the host that runs this daemon, by what it is."""

    def __init__(self, service: Service, host: Host, *, again: bool = False) -> None:
        """Look at all of them; the price grows with the host.

        again: what a scan of the last second has read, and was of no interest, is not read
               again. What a master leaves or makes meanwhile is another process, or had
               a title of interest by then.
        """
        self._service, self._host = service, host
        self.masters: dict[int, ProcessFacts] = {}  # of this service, workers just born included
        self.foreign: list[ProcessFacts] = []  # masters of other instances
        self.strays: list[ProcessFacts] = []  # workers without a master, of whatever instance
        self.starting: list[Process] = []
        self.executing = False  # a process inside execve(2), whose arguments are not there yet
        # The daemon's file, if nothing on this host is of the daemon: see ``programs.absence``.
        self.absence: Version | None = None
        if service.master_title is None:
            return
        record = read_record(service, host)
        self._named = read_pidfile(service.pidfile, host).pid
        self.record: Record | None = record if record and still_there(record, host) else None
        self._members = {member.pid for member in self.record.members} if self.record else set()
        self._beginnings = beginnings(service)
        self._mentions = service.config or service.daemon
        self._missed = False  # whether one has ended, or given up its memory, before it was read
        self._interest = False  # whether one was of any interest
        unused = host.unused_version(service.daemon) if self.record is None else None
        if unused and is_absent(service, unused, host):
            self.absence = unused
            return
        before = host.scanned.get(service.pidfile) if again else None
        if before and host.monotonic() - before[0] >= RECENT:
            before = None
        since, strangers, file = before or (0.0, {}, unused)
        self._read(strangers)
        # From the end on: to read a hundred thousand of them takes a second.
        host.scanned[service.pidfile] = (since or host.monotonic(), strangers, file)
        if unused == file and not (self._missed or self._interest or self.executing):
            self.absence = unused

    def _read(self, strangers: dict[int, int]) -> None:
        """Look at every process, but for the strangers; add those that are of no interest."""
        listed = {pid: inode for pid, inode in strangers.items() if pid not in self._members}
        # Again for what was born meanwhile: a daemon that goes to the background is
        # another process then, and the one that was listed is dead.
        for _ in range(LISTINGS):
            there = self._host.listed().items()
            fresh = {pid: inode for pid, inode in there if listed.get(pid) != inode}
            listed.update(fresh)
            self._missed = False
            strangers.update((pid, inode) for pid, inode in fresh.items() if self._ignores(pid))
            if not self._missed:
                break

    def _ignores(self, pid: int) -> bool:
        """Look at one; tell whether it is of no interest."""
        host = self._host
        title = host.title(pid)
        if not title:
            self._count_untitled(pid)
            return False
        # The whole of a process is looked at only if its title or the record has a reason.
        told = title.startswith(self._beginnings) or self._mentions in title
        if told or (self.record and self._may_be_recorded(pid, self.record)):
            facts = host.look(pid)
            self._interest = True
            if facts is not None and facts.argv and (facts.exe is not None or host.title(pid)):
                self._count(facts)
            else:
                self._count_untitled(pid)
            return False
        if pid == self._named or (self.record and pid == self.record.master.pid):
            facts = host.look(pid)
            if facts is not None and self._executes_itself(facts):
                self._interest = True
                self.starting.append(facts.process)
            return False
        return True

    def _count_untitled(self, pid: int) -> None:
        """Note one that executes something else, or exits: it gives up its memory first."""
        self.executing = self.executing or _executes(self._service, pid, self._host)
        self._missed = self._missed or self._host.exiting(pid)

    def _may_be_recorded(self, pid: int, record: Record) -> bool:
        """Tell whether the record has a process of that number, or of that one's session."""
        if pid == record.session:
            return False
        return pid in self._members or 0 != record.session == self._host.session(pid)

    def _count(self, facts: ProcessFacts) -> None:
        service, host = self._service, self._host
        if is_master(service, facts, host):
            self.masters[facts.process.pid] = facts
        elif looks_like_master(service, facts.title):
            self.foreign.append(facts)
            # A worker just forked, by a master that may be dead by now: it tells soon.
            others = facts.uid not in (0, host.geteuid())
            young = facts.forked and host.age(facts.process) < INFANCY
            self.executing = self.executing or (others and young)
        elif self._is_helper(facts):
            # A process with another title, seen beside the master: without it, an orphan too.
            if self.record is not None and not host.alive(self.record.master):
                self.strays.append(facts)
        elif self._starts(facts):
            self.starting.append(facts.process)
        elif (
            service.worker_titles
            and is_worker(service, facts.title)
            and not facts.nested
            and not looks_like_master(service, host.title(facts.ppid))
        ):
            self.strays.append(facts)

    def _is_helper(self, facts: ProcessFacts) -> bool:
        """Tell whether the record knows a process that is not titled as a worker."""
        record = self.record
        if record is None or is_worker(self._service, facts.title):
            return False
        if facts.process in record.members:
            return True
        # In the session of a recorded master there may also be this very master, which
        # executes itself anew.
        starts = self._starts(facts)
        return 0 != record.session == facts.session and not starts

    def oldest_first(self) -> list[Process]:
        """Return the masters, the oldest first, without workers that have no own title yet.

        A child of a master is a master, too, if it has workers: it is the new one of an
        upgrade.
        """
        found = [
            facts.process
            for facts in self.masters.values()
            if facts.ppid not in self.masters
            or workers_of(self._service, facts.process, self._host)
        ]
        return sorted(found, key=lambda process: (process.started, process.pid))

    def parent(self, master: Process) -> int:
        """Return the number of the parent of one of the masters, or 0."""
        facts = self.masters.get(master.pid)
        return facts.ppid if facts else 0

    def _starts(self, facts: ProcessFacts) -> bool:
        """Tell whether that process is the daemon on its way to be a master of the service."""
        return is_starting(self._service, facts, self._host) or self._executes_itself(facts)

    def _executes_itself(self, facts: ProcessFacts) -> bool:
        """Tell whether a master is executing itself anew: it has no title meanwhile.

        It has the arguments that it was started with, by whichever program. The record
        knows that process; or the pidfile names it, and it listens where the configuration
        says, and only there: it has kept its sockets. That alone would be no proof: a job
        that a worker has started has the socket of its pool.
        """
        service, host = self._service, self._host
        if not service.reload_execs or facts.forked or told_by(service, facts.title) is not None:
            return False
        if why_elsewhere(facts, host) or facts.exe is None or not runs(service, facts, host):
            return False
        if self.record is not None and self.record.master == facts.process:
            return True
        named = self._named == facts.process.pid
        return named and not why_not_by_sockets(service, facts.process, host)


def _executes(service: Service, pid: int, host: Host) -> bool:
    """Tell whether a process that was seen without arguments will be the daemon.

    In the middle of execve(2) the new binary is there already, its arguments are
    not; what was inherited, a lock among it, is closed by then.
    """
    exe = host.exe(pid)
    if exe is None or not is_daemon(service, exe, host):
        return False
    facts = host.look(pid)
    return facts is not None and not facts.nested and facts.uid in (0, host.geteuid())


def note_strangers(service: Service, host: Host) -> None:
    """Note who has nothing to do with the daemon, if nobody has: the next scan spares them.

    What is started from now on, and executes it, is another process.
    """
    there = host.listed()
    # After the list: nobody who is on it executes the daemon.
    unused = host.unused_version(service.daemon)
    if unused and is_absent(service, unused, host):
        host.scanned[service.pidfile] = (host.monotonic(), there, unused)


def processes_with(inodes: Collection[int], host: Host) -> dict[Process, set[int]]:
    """Return the processes that have one of those sockets open, and which; without us."""
    others = [host.find(pid) for pid in host.pids() if pid != host.getpid()] if inodes else []
    found = {one: host.socket_inodes(one).intersection(inodes) for one in others if one}
    return {process: held for process, held in found.items() if held}
