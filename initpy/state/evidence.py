"""Which workers without a master are the service's: proven, another's, or not to be judged.

A worker is ours if the record knows it, or if it holds a socket that a master of ours
holds too. Without these it is ours only if all agrees: it runs the daemon, in our root
and network, every place that root made it listen on is in the configuration, and there
is no record, which would know it. One shared address is no proof, and none shared is a
veto. What cannot be judged is left alone, and named.
"""

from __future__ import annotations

from ..host import Host, Process, ProcessFacts
from ..service import Service
from ..value import Value
from .configuration import listens_at, read_configuration
from .identity import runs, why_in_another_network, why_in_another_root
from .record import Record, other_records, read_record
from .titles import is_worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .scan import ProcessScan

OURS, OTHERS, UNJUDGED = "ours", "another instance's", "not to be judged"


class Strays(Value):
    """The workers without a master, as far as they may be the service's."""

    orphans: tuple[Process, ...] = ()  # the service's
    unjudged: tuple[Process, ...] = ()  # they run the daemon, for an unknown instance


def sign_of(process: Process, host: Host) -> str:
    """Return what tells a kind of process where its binary may not be seen: name and signals.

    It is "" if the process is gone.
    """
    masks = host.signals(process)
    return f"{'_'.join(masks.comm.split())}:{masks.caught:x}" if masks else ""


def judge_strays(service: Service, scan: ProcessScan, host: Host) -> Strays:
    """Tell which of the workers without a master are the service's."""
    if not scan.strays:
        return Strays()
    judge = _Judge(service, scan, host)
    strays = [facts for facts in scan.strays if not judge.why_others(facts)]
    verdicts = {facts.process: judge.verdict(facts) for facts in strays}
    # Helpers hold no socket: they are judged as the family that they share a session with.
    families: dict[int, set[str]] = {}
    for facts in strays:
        speaks = judge.leads_a_family(facts) and runs(service, facts, host)
        if verdicts[facts.process] != UNJUDGED and speaks:
            families.setdefault(facts.session, set()).add(verdicts[facts.process])
    for facts in strays:
        family = families.get(facts.session, set())
        # Where its binary may not be seen, it may be a job that one of them has executed.
        seen = facts.exe is not None and runs(service, facts, host)
        if verdicts[facts.process] == UNJUDGED and seen and len(family) == 1:
            (verdicts[facts.process],) = family
        host.explain(f"pid {facts.process} ({facts.title[:60]}): {verdicts[facts.process]}")

    def those(verdict: str) -> tuple[Process, ...]:
        return tuple(process for process, found in verdicts.items() if found == verdict)

    return Strays(orphans=those(OURS), unjudged=those(UNJUDGED))


class _Judge:
    """What strays are compared with, looked up once."""

    def __init__(self, service: Service, scan: ProcessScan, host: Host) -> None:
        self._service, self._host, self._record = service, host, scan.record
        self._sockets: dict[Process, set[int]] = {}  # of the processes that were asked for them
        masters = [facts.process for facts in scan.masters.values()]
        self._held = {inode for master in masters for inode in host.socket_inodes(master)}
        # A master that has executed another binary since is recorded with the one of before.
        self._held |= {socket.inode for socket in scan.record.sockets} if scan.record else set()
        # A newborn worker of ours may have its own user already, and its master's title still.
        self._foreign = {one.session for one in scan.foreign if one.ppid not in scan.masters}
        # A process that the record does not know is not ours because of an address; also in a stop,
        # when nothing of what was recorded lives any more.
        self._recorded = read_record(service, host) is not None
        self._others = other_records(service, host)
        self._config = read_configuration(service, host)

    def why_others(self, facts: ProcessFacts) -> str:
        """Return why a stray cannot be the service's, whatever it holds, or ""."""
        service, host, record = self._service, self._host, self._record
        reason = why_in_another_network(facts, host)
        # A worker may have changed its root itself (chroot of a pool), and the binary may have
        # been renamed since: then the record knows it.
        if not reason and not (record and self._known(record, facts)):
            reason = why_in_another_root(facts, host)
            if not (reason or runs(service, facts, host) or is_worker(service, facts.title)):
                reason = f"it runs {facts.exe}, not {service.daemon}"
        if reason:
            host.explain(f"pid {facts.process} ({facts.title[:60]}): {OTHERS}: {reason}")
        return reason

    def leads_a_family(self, facts: ProcessFacts) -> bool:
        """Tell whether the session of a stray is its family's alone."""
        return facts.session != 0 and facts.session not in self._foreign

    def verdict(self, facts: ProcessFacts) -> str:
        """Judge one stray by itself."""
        # Before its binary is looked at: that may have been renamed since.
        if self._record is not None and self._known(self._record, facts):
            return OURS
        ours = bool(self._held) and runs(self._service, facts, self._host)
        if ours and not self._held.isdisjoint(self._inodes(facts.process)):
            return OURS
        if facts.session in self._foreign:
            return OTHERS
        if any(self._known(record, facts) for record in self._others):
            return OTHERS
        return self._by_places(facts)

    def _known(self, record: Record, facts: ProcessFacts) -> bool:
        return knows(record, facts, lambda: self._inodes(facts.process), self._host)

    def _inodes(self, process: Process) -> set[int]:
        """Return its sockets, read when they are needed: each worker has one to each other."""
        if process not in self._sockets:
            self._sockets[process] = self._host.socket_inodes(process)
        return self._sockets[process]

    def _by_places(self, facts: ProcessFacts) -> str:
        ours = runs(self._service, facts, self._host)
        places = self._host.listening_places(facts.process)
        if not places or facts.exe is None:
            return UNJUDGED if ours else OTHERS
        named = {listens_at(self._config, place, self._host) for place in places}
        if named == {False}:
            return OTHERS
        return OURS if named == {True} and ours and not self._recorded else UNJUDGED


def knows(record: Record, facts: ProcessFacts, inodes: Callable[[], set[int]], host: Host) -> bool:
    """Tell whether *record* names that process, or what it was forked from.

    It executes what the recorded master did, and holds a recorded socket or is in the
    session that the recorded master led. A process that holds our socket and was
    executed since is not ours: a job that a worker has started inherits it.

    inodes: returns the sockets of the process. It is called only if they decide.
    """
    if facts.process in record.members or facts.process in record.remains.draining:
        return True
    running = host.exe_file(facts.process)
    unseen = running is None and sign_of(facts.process, host) in record.signs
    if not unseen and (running is None or running != record.exe):
        return False
    if record.session and facts.session == record.session:
        return True
    return not inodes().isdisjoint(socket.inode for socket in record.sockets)
