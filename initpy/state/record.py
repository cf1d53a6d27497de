"""The record: what was seen of the service when it was last proven. Read here, never written.

It stands in /run/initpy, which is root's, and is one more piece of evidence, never a
cache: every fact in it is compared with the kernel before it is used. A record of
another boot, or of other namespaces, is none: numbers come round again.
"""

from __future__ import annotations

from ..errors import NotPermitted
from ..host import Host, Process
from ..service import Service
from ..value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..contracts import Pool

DIRECTORY = "/run/initpy"
MOST = 1 << 20  # bytes


class RecordedSocket(Value):
    """A listening socket of the service."""

    inode: int
    cookie: int  # of SO_COOKIE, or 0 where the kernel did not tell
    place: str


class Remains(Value):
    """What a replacement leaves to be done once the old processes have finished."""

    # Each with the script that waits for it, and that may have ended.
    draining: Mapping[Process, Process] = {}
    helpers: tuple[Process, ...] = ()  # of the old master, which the new one does not need
    dropped: Mapping[str, tuple[int, int]] = {}  # paths of sockets, with the version of each


class Record(Value):
    """What was seen of a service under its lock."""

    master: Process
    session: int  # that the master leads, or 0
    exe: tuple[int, int] | None  # device and inode of its binary
    members: frozenset[Process]  # workers, helpers, and whatever a start has left running
    signs: tuple[str, ...]  # of each kind of member "comm:caught signals", in hexadecimal
    sockets: tuple[RecordedSocket, ...]
    config: str
    pools: tuple[Pool, ...] = ()  # that the master was started with; () if that is not known
    rotated: tuple[tuple[int, int], ...] = ()  # logs that a process may still write to
    remains: Remains = Remains()
    owner: tuple[int, int] | None = None  # user and group of the pidfile, if it was there


def record_path(service: Service, kind: str = "record") -> str:
    """Return the file of a service's record: its pidfile's path, as one name.

    >>> from initpy.service import Service
    >>> record_path(Service(name="x", daemon="/bin/x", pidfile="/run/x.pid"))
    '/run/initpy/run%x.pid.record'
    """
    return f"{DIRECTORY}/{service.pidfile.lstrip('/').replace('/', '%')}.{kind}"


def circumstances(host: Host) -> str:
    """Return what a record is bound to: this boot, our pid and our network namespace."""
    pid = host.getpid()
    spaces = [host.namespace(pid, kind) or "?" for kind in ("pid", "net")]
    return " ".join([host.boot_id(), *spaces])


def read_record(service: Service, host: Host) -> Record | None:
    """Return the record of the service; None if there is none that can be believed."""
    return _read(record_path(service), host)


def read_believed(path: str, host: Host) -> str:
    """Return what root has written to a file; "" if it is not there, or not to be believed."""
    try:
        facts = host.examine(path, MOST)
    except NotPermitted:  # it is root's
        return ""
    if facts is None or not facts.regular or host.distrust_file(facts) or host.distrust(path):
        return ""
    return facts.text


def _read(path: str, host: Host) -> Record | None:
    try:
        return _parse(read_believed(path, host), circumstances(host))
    except (ValueError, KeyError, IndexError):  # cut short, by a full disk
        return None


def other_records(service: Service, host: Host) -> list[Record]:
    """Return what is recorded of other services on this host, and is still there."""
    ours = record_path(service)
    found = [
        record
        for path in host.glob(f"{DIRECTORY}/*.record")
        if path != ours and (record := _read(path, host)) is not None
    ]
    return [record for record in found if still_there(record, host)]


def still_there(record: Record, host: Host) -> bool:
    """Tell whether anything of the record lives: a process of it, or one of its sockets."""
    if any(map(host.alive, (record.master, *record.members, *record.remains.draining))):
        return True
    known = {(socket.inode, socket.cookie) for socket in record.sockets}
    there = host.listening_sockets() or ()
    return any((socket.inode, socket.cookie) in known for socket in there)


def is_recorded_master(service: Service, process: Process, host: Host) -> bool:
    """Tell whether the record knows that process as the master.

    It names this very process with its start time; or the process has executed the
    recorded file and holds a recorded socket: a daemon that executes itself anew, and
    goes to the background, has another pid then.
    """
    record = read_record(service, host)
    same = record is not None and (record.master == process or _succeeds(record, process, host))
    host.explain(f"pid {process}: the record {'knows' if same else 'does not know'} it")
    return same


def _succeeds(record: Record, process: Process, host: Host) -> bool:
    if record.exe is None or host.exe_file(process) != record.exe:
        return False
    return not host.socket_inodes(process).isdisjoint(one.inode for one in record.sockets)


def _parse(text: str, here: str) -> Record | None:
    # A NUL, which no path holds, stands for a newline, which one may hold.
    lines = [line.replace("\0", "\n").partition(" ")[::2] for line in text.split("\n")[:-1]]
    values = dict(lines)
    if lines[-1:] != [("end", "")] or values["seen"] != here:
        return None
    exe = [int(word) for word in values["exe"].split()]
    told = (value.split() for key, value in lines if key == "draining")
    sockets = (value.split(" ", 2) for key, value in lines if key == "socket")
    return Record(
        master=_process(values["master"]),
        session=int(values["session"]),
        exe=(exe[0], exe[1]) if exe else None,
        members=frozenset(map(_process, values["members"].split())),
        signs=tuple(values["signs"].split()),
        sockets=tuple(
            RecordedSocket(inode=int(inode), cookie=int(cookie), place=place)
            for inode, cookie, place in sockets
        ),
        config=values["config"],
        owner=_file(values["owner"]) if "owner" in values else None,
        pools=tuple(_pool(value) for key, value in lines if key == "pool"),
        rotated=tuple(_file(value) for key, value in lines if key == "rotated"),
        remains=Remains(
            draining={_process(one): _process(waiter) for one, waiter in told},
            helpers=tuple(map(_process, values["helpers"].split())),
            dropped=dict(_dropped(value) for key, value in lines if key == "dropped"),
        ),
    )


def _pool(text: str) -> Pool:
    from ..contracts import Pool  # nginx has none

    ways, _, name = text.partition(" ")
    return Pool(name=name, on_demand=ways[0] == "1", retires=ways[1] == "1")


def _file(text: str) -> tuple[int, int]:
    first, second = map(int, text.split())
    return first, second


def _dropped(text: str) -> tuple[str, tuple[int, int]]:
    inode, changed, path = text.split(" ", 2)
    return path, (int(inode), int(changed))


def _process(text: str) -> Process:
    pid, _, started = text.partition("@")
    return Process(pid=int(pid), started=int(started))
