"""The state of the service after pending starts have finished."""

from __future__ import annotations

from ..errors import (
    InitError,
    NotInstalled,
    NotRunning,
    PidfileError,
    Unimplemented,
    WaitTimeout,
)
from ..host import Host, Process
from ..host.wait import wait_until
from ..service import Service
from ..state.pidfile import MISSING, read_pidfile
from ..state.snapshot import Snapshot, take_snapshot
from ..state.titles import looks_like_master, tells_instance, workers_of
from .signals import refuse_unsafe, resume

INFANCY = 1.0  # seconds; a new worker has its master's title for 1 to 4 ms, or longer if busy
_FIRST_PIDS = "pid:[4026531836]"  # the pid namespace of no container: PROC_PID_INIT_INO
LONE = 2.0  # seconds; a launcher lives on for one if its script is killed


def wait_until_stable(service: Service, host: Host, *, thorough: bool = False) -> Snapshot:
    """Return a snapshot of the service, after processes that are starting are up or gone.

    A killed script may have left such a process. One that still is not up after the
    service's timeout is in ``Snapshot.starting``. Raises InitError if /proc hides
    processes, or if a master is frozen; PidfileError if only a pidfile could tell, and
    that is not trusted.
    """
    if not host.sees_all():
        raise InitError(
            "/proc does not show all processes (hidepid, or not mounted): state unknown"
        )

    looks = 0

    def stays(master: Process) -> bool:
        titled = not tells_instance(service) or looks_like_master(service, host.title(master.pid))
        return titled and host.alive(master)

    def look() -> Snapshot | None:
        nonlocal looks
        looks += 1
        seen = take_snapshot(service, host, thorough=thorough, again=looks > 1)
        for process in seen.starting:
            resume(process, host)  # a killed script may have suspended it
        # A list of processes is not of one moment: a master that executes itself anew, as
        # another process, may be missed once.
        absent = seen.master is None and seen.pidfile.verdict != MISSING and not seen.orphans
        # Nor are the pidfiles and that list. A new master that has written its own meanwhile is
        # no other one beside the old one.
        now = [read_pidfile(path, host) for path in (service.pidfile, service.oldbin)]
        moved = now != [seen.pidfile, seen.oldbin]
        # One that has become another process meanwhile is on the list as both.
        moved = moved or (len(seen.masters) > 1 and not all(map(stays, seen.masters)))
        if seen.starting or seen.executing or moved or (absent and looks == 1):
            return None
        return seen

    try:
        seen = wait_until(
            look,
            within=service.timeout,
            host=host,
            what=f"{service.name}, which is starting, to be up",
        )
    except WaitTimeout:
        seen = take_snapshot(service, host, thorough=thorough)
    if frozen := [master for master in seen.masters if host.frozen(master)]:
        raise InitError(
            f"master {frozen[0]} is frozen with its cgroup: thaw it first, no signal was sent"
        )
    if seen.doubt:
        raise PidfileError(f"{seen.doubt}; nothing was done: end it by hand, or remove that file")
    return seen


def require_running(service: Service, host: Host, *, thorough: bool = False) -> Snapshot:
    """Return the snapshot of a service that runs and that we may signal.

    Raises NotRunning; NotInstalled if the executable does not exist either; NotPermitted;
    InitError if no signal can be sent safely.
    """
    seen = wait_until_stable(service, host, thorough=thorough)
    if seen.master is None:
        if host.file_id(service.daemon) is None:
            raise NotInstalled(f"{service.daemon} is not installed")
        raise NotRunning("not running")
    host.require_permission(seen.master)
    refuse_unsafe(host)
    return seen


def await_titles(service: Service, master: Process, host: Host) -> list[Process]:
    """Wait until every child of *master* has set its title: a new one has its master's.

    Without titles: until each is so old that it has executed the new binary of an upgrade.
    Return the children of the last look: one that was forked since may have no title yet.
    """
    hides_titles = service.second_is_new and not service.worker_titles
    children: list[Process] = []

    def titled() -> bool:
        children[:] = host.children(master)
        return not any(
            (hides_titles or looks_like_master(service, host.title(child.pid)))
            and host.age(child) < INFANCY
            and not workers_of(service, child, host)
            for child in children
        )

    what = f"the children of master {master} to set their titles"
    wait_until(titled, within=INFANCY + 1.0, host=host, what=what)
    return children


def await_launcher(master: Process, host: Host) -> None:
    """Wait until a launcher whose script was killed has left *master* to init.

    Until then the master would be taken for supervised, by itself or by us. A launcher has
    executed nothing since it was forked, as most supervisors have; others are not waited
    for longer.
    """

    def left() -> bool:
        facts = host.look(master.pid)
        parent = host.look(facts.ppid) if facts and facts.ppid > 1 else None
        return parent is None or not parent.forked

    try:
        wait_until(left, within=LONE, host=host, what=f"the launcher of master {master} to exit")
    except WaitTimeout:
        return


def refuse_end_of_container(service: Service, master: Process, host: Host) -> None:
    """Raise Unimplemented if a container may end with *master*, and the caller with that."""
    facts = host.look(master.pid)
    if facts is None or host.namespace(host.getpid(), "pid") in (None, _FIRST_PIDS):
        return
    if host.exists("/run/systemd/system"):  # sd_booted(3): it does not end with a service
        return
    if master.pid == 1 or (facts.ppid == 1 and why_in_foreground(service, master, host)):
        first = "it is process 1" if master.pid == 1 else "process 1 waits for it"
        raise Unimplemented(
            f"master {master} was not stopped, {first}, and the container may end with it: "
            "restart the container, or use reload"
        )


def supervisor(service: Service, master: Process, host: Host) -> Process | None:
    """Return the parent of a master in the foreground, which may start it again, or None."""
    if not why_in_foreground(service, master, host):
        return None
    facts = host.look(master.pid)
    return host.find(facts.ppid) if facts else None


def why_in_foreground(service: Service, master: Process, host: Host) -> str:
    """Return what speaks for a supervisor that has started *master* and waits for it, or "".

    A daemon that has put itself in the background was forked and has executed nothing
    since (PF_FORKNOEXEC), also after it has executed itself anew. Neither its session nor
    its parent tells: it may make a session in the foreground, too, and process 1 may be
    its supervisor. But one that stays in the foreground where it inherits sockets, as a
    binary that its predecessor has executed, has been adopted, and is in the session of a
    process that has ended. One that we have put in the background has executed the daemon.
    """
    # setsid(2) in the foreground: fpm_unix_init_main. Sessions: ngx_daemon, Host.launch.
    facts = host.look(master.pid)
    if facts is None or facts.process != master or facts.forked or service.background:
        return ""
    left = facts.session != 0 and host.find(facts.session) is None
    adopted = facts.ppid == 1 or facts.ppid == host.reaper()
    if service.inherit_in_foreground and left and adopted:
        return ""
    # It has executed itself since it went to the background, as its arguments have it do.
    started = " ".join(service.command(service.start_args)[1:])
    if service.executes_in_place and started in facts.title:
        return ""
    return f"master {master} runs in the foreground, its parent is pid {facts.ppid}"
