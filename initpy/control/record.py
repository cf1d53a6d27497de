"""Writing the record of what was proven: see ``state.record``. The caller holds the lock."""

from __future__ import annotations

from ..errors import InitError
from ..host import Host, Process
from ..service import Service
from ..state.evidence import sign_of
from ..state.record import (
    MOST,
    Record,
    RecordedSocket,
    Remains,
    circumstances,
    read_record,
    record_path,
)
from ..state.snapshot import Snapshot, newest_named_master, take_snapshot
from ..state.sockets import held_sockets
from ..state.titles import tells_instance
from ..state.workers import recorded_pools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..contracts import Pool
    from .starting.started import Started

# The methods of the host that a record needs, to be loaded before the first signal.
METHODS = ("socket_inodes", "listening_sockets", "owner", "write")


def write_record(
    service: Service,
    master: Process,
    host: Host,
    *,
    started: Started | None = None,
    pools: Iterable[Pool] | None = None,
    rotated: Iterable[tuple[int, int]] | None = None,
    remains: Remains | None = None,
) -> bool:
    """Write down what belongs to *master*, which was proven, and serves.

    started: what its start has made: helpers of an extension, too, and a session.
    pools:   those that it was started with. None: those of before, if it is the same master.
    rotated: device and inode of each log that it has let go, and that is perhaps still
             written to. None: those of before.
    remains: what is left to be done. None: that of before, as far as anything lives of it.

    A record that cannot be written is a warning, and no failure: then False is returned.
    """
    facts = host.look(master.pid)
    if facts is None or facts.process != master:
        return False
    helpers, launcher = (started.helpers, started.session) if started else ((), 0)
    before = read_record(service, host)
    old = [member for member in before.members if host.alive(member)] if before else []
    members = frozenset([*host.children(master), *helpers, *old]) - {master}
    if pools is None:
        pools = recorded_pools(service, master, host) if before and before.pools else ()
    # What a start has made is in its launcher's session, or in one that it has made itself.
    # The session of a first master goes on in what an upgrade has made of it.
    known = (master.pid, before.session if before else 0, facts.session if launcher else 0)
    record = Record(
        master=master,
        session=facts.session if facts.session in known else 0,
        exe=host.exe_file(master),
        members=members,
        signs=_signs(members, host),
        sockets=_sockets([master] if tells_instance(service) else [master, *members], host),
        config=service.config or "",
        pools=tuple(pools),
        rotated=tuple(rotated if rotated is not None else before.rotated if before else ()),
        remains=remains or _living(before.remains if before else Remains(), host),
        owner=host.owner(service.pidfile) or (before.owner if before else None),
    )
    if not host.alive(master):  # it has died meanwhile: what was seen of it may be less
        return False
    try:
        host.write(record_path(service), _format_record(record, host), 0o600)
    except InitError as exc:
        host.tell(f"what was seen cannot be recorded: {exc}")
        return False
    return True


def record_started(service: Service, started: Started, host: Host) -> None:
    """Write down what a start has made, and has seen to serve."""
    write_record(service, started.master, host, started=started, pools=started.pools)


def record_running(service: Service, host: Host) -> None:
    """Record the master that the pidfile names, if it is proven."""
    master = newest_named_master(service, host)
    if master is not None and write_record(service, master, host) and service.background:
        from .starting.own_pidfiles import note_own_pidfiles

        note_own_pidfiles(service, master, host)


def record_draining(service: Service, processes: Iterable[Process], host: Host) -> bool:
    """Record that *processes* were told to finish, and that this script waits for them.

    False if it cannot be recorded.
    """
    ours = host.find(host.getpid())
    master = newest_named_master(service, host) or take_snapshot(service, host).master
    if master is None or ours is None:
        return False
    before = read_record(service, host)
    remains = _living(before.remains if before else Remains(), host)
    told = {**remains.draining, **dict.fromkeys(processes, ours)}
    return write_record(service, master, host, remains=remains.replace(draining=told))


def record_leftovers(
    service: Service,
    host: Host,
    *,
    helpers: Iterable[Process] = (),
    dropped: Mapping[str, tuple[int, int]] | None = None,
) -> None:
    """Record what is to be ended, and to be removed, once the old processes have finished."""
    record = read_record(service, host)
    if record is not None:
        remains = record.remains.replace(
            helpers=tuple(dict.fromkeys([*record.remains.helpers, *helpers])),
            dropped={**record.remains.dropped, **(dropped or {})},
        )
        if remains != record.remains:
            write_record(service, record.master, host, remains=remains)


def remove_record(service: Service, host: Host) -> None:
    """Forget a service that was seen to be stopped."""
    try:
        host.remove(record_path(service))
    except InitError as exc:
        host.tell(f"an old record stays: {exc}")


def record_absence(
    service: Service, seen: Snapshot, executed: Iterable[tuple[int, ...] | None], host: Host
) -> None:
    """Write down that nothing on this host was of the daemon, if that was seen.

    executed: device and inode of what masters were seen to execute, before or afterwards.
    """
    # Nothing is to be loaded after a signal, but every scan has loaded this already.
    from ..state.programs.absence import absence_path, absence_text, is_absent

    unused = seen.absence
    if unused is None or unused[:2] not in executed or is_absent(service, unused, host):
        return
    try:
        host.write(absence_path(service), absence_text(unused, host), 0o600)
    except InitError:  # the next action reads every process again, nothing is lost
        return


def _living(remains: Remains, host: Host) -> Remains:
    """Return *remains* without those that have ended, and for which no script waits either."""
    told = remains.draining.items()
    living = {one: waiter for one, waiter in told if host.alive(one) or host.alive(waiter)}
    return remains.replace(draining=living)


def _signs(members: Iterable[Process], host: Host) -> tuple[str, ...]:
    return tuple(filter(None, dict.fromkeys(sign_of(member, host) for member in members)))


def _sockets(holders: Iterable[Process], host: Host) -> tuple[RecordedSocket, ...]:
    found = {socket.inode: socket for one in holders for socket in held_sockets(one, host)}
    return tuple(
        RecordedSocket(inode=socket.inode, cookie=socket.cookie, place=socket.place)
        for socket in found.values()
    )


def _format_record(record: Record, host: Host) -> str:
    """Return the text of a record: a word for what it is, then its values, a line each.

    A NUL stands for a newline in a value: whoever chooses the path of a socket, as a worker
    does, writes no line of the record with it. Of more sockets than fit some are left out.
    """
    exe = " ".join(map(str, record.exe or ()))
    lines = [
        f"seen {circumstances(host)}",
        f"master {_name(record.master)}",
        f"session {record.session}",
        f"exe {exe}",
        f"members {' '.join(sorted(map(_name, record.members)))}",
        f"signs {' '.join(record.signs)}",
        *(f"socket {one.inode} {one.cookie} {one.place}" for one in record.sockets),
        *(f"pool {_ways(pool)} {pool.name}" for pool in record.pools),
        *(f"rotated {device} {inode}" for device, inode in record.rotated),
        *_format_remains(record.remains),
        *(["owner {} {}".format(*record.owner)] if record.owner else []),
        f"config {record.config}",
    ]
    text = "".join(line.replace("\n", "\0") + "\n" for line in [*lines, "end"])
    if record.sockets and len(text.encode(errors="surrogateescape")) > MOST:
        fewer = record.sockets[: len(record.sockets) // 2]
        return _format_record(record.replace(sockets=fewer), host)
    return text


def _format_remains(remains: Remains) -> list[str]:
    return [
        *(f"draining {_name(one)} {_name(waiter)}" for one, waiter in remains.draining.items()),
        f"helpers {' '.join(map(_name, remains.helpers))}",
        *(f"dropped {inode} {at} {path}" for path, (inode, at) in remains.dropped.items()),
    ]


def _ways(pool: Pool) -> str:
    return f"{int(pool.on_demand)}{int(pool.retires)}"


def _name(process: Process) -> str:
    return f"{process.pid}@{process.started}"
