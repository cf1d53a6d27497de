"""A machine in memory: files, processes and a clock that only ``sleep`` moves.

``test_host_contract`` holds it to the promises of the real one.
"""

# ruff: noqa: D102 - what is overridden is documented in the real host

from __future__ import annotations

import fnmatch
import itertools
import os.path
import signal
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Callable

from initpy.contracts import UDP
from initpy.errors import HostError, InitError, NotPermitted, Refused, SettingsError
from initpy.host import (
    Account,
    AppendedFile,
    BoundSocket,
    CannotCopy,
    Descriptors,
    FileFacts,
    Host,
    Listener,
    NamelessFile,
    Pipe,
    Process,
    ProcessFacts,
    SignalMasks,
    SocketAccess,
    Spot,
    Surroundings,
)
from initpy.host.network.addresses import Addresses
from initpy.host.network.notices import DIRECTORY as NOTICES
from initpy.host.network.sockets import Sockets
from initpy.host.programs.capabilities import numbers
from initpy.host.programs.spawn import CLEAN_ENVIRONMENT

TICKS = 100  # of the clock in which processes are dated, per second
BOOTED = 100000.0  # seconds before the test began

ALL_SIGNALS = (1 << 64) - 1
SURROUNDINGS = Surroundings(
    environment=CLEAN_ENVIRONMENT,
    limits={"RLIMIT_CORE": (0, 0), "RLIMIT_NOFILE": (1024, 4096)},
    nice=0,
    scheduler=(0, 0),
    affinity=frozenset({0, 1}),
    oom_score_adj=0,
    umask=0o022,
    cgroups={"": "/"},
    login_uid=4294967295,
)
HARMLESS = ("SIGCONT", "SIGWINCH", "SIGCHLD")  # by default: signal(7)


@dataclass(eq=False)
class FakeProcess:
    """A process, and whatever may be seen of it."""

    pid: int
    started: int
    ppid: int = 1
    session: int = 0
    state: str = "S"
    uid: int = 0
    argv: tuple[str, ...] = ()
    exe: str | None = None
    exe_id: tuple[int, int] | None = None
    nested: bool = False
    caught: int = ALL_SIGNALS
    ignored: int = 0
    blocked: int = 0
    waited: int = 0  # signals for which a thread waits, and which the others block: sigwait(3)
    pending: int = 0
    held: list = field(default_factory=list)  # signals it was sent while it was stopped
    appends: dict = field(default_factory=dict)  # descriptor: the file opened to append
    names: dict = field(default_factory=dict)  # descriptor: the path that was opened
    pipes: dict = field(default_factory=dict)  # 1, 2: who reads what it writes there
    broken: bool = False  # it has written to a pipe that nothing reads
    cannot_open: str = ""  # why it cannot open a log anew
    dumpable: bool = True  # its own user may look at what ptrace(2) guards
    sockets: dict[int, str] = field(default_factory=dict)  # inode: where it listens
    watched: set[int] | None = None  # sockets that it watches by epoll(7), if it uses that
    unit: str = ""  # of systemd
    frozen: bool = False  # with its cgroup
    net: str = "net:[1]"  # its namespaces
    mnt: str = "mnt:[1]"
    root: tuple[int, int] | None = None  # its root directory, if that is another than ours
    root_mount: int = 1
    sees: dict = field(default_factory=dict)  # path: (device, inode), where it sees another file
    cwd: str = "/"
    unseen: bool = False  # we may not look at what ptrace(2) guards: exe, root, namespaces, fds
    forked: bool = False
    exiting: bool = False  # it has given up its memory: it has no title and no binary any more
    comm: str = ""
    subreaper: bool = False
    surroundings: Surroundings = SURROUNDINGS
    on: dict = field(default_factory=dict)  # what it does on a signal, by "SIGTERM"
    together: Callable | None = None  # takes the signals, by name, that come at once
    due: list = field(default_factory=list)  # what it would have done while it was stopped
    at_end: list = field(default_factory=list)  # what happens when it ends
    owner: object = None  # the daemon that it belongs to
    born_of: int | None = None  # its parent when it began, if it remembers
    retired: bool = False  # it takes no new requests
    dismissed: bool = False  # its master has told it to end
    program: Callable = lambda _argv: Run()  # how its binary runs: /proc/PID/exe
    _id: Process | None = None

    @property
    def id(self):
        """The process as the library knows it."""
        if self._id is None or self._id.started != self.started:
            self._id = Process(pid=self.pid, started=self.started)
        return self._id

    @property
    def title(self):
        """Its command line; set to what the program writes over it."""
        return " ".join(self.argv)

    @title.setter
    def title(self, text):
        self.argv = (text,)


@dataclass(eq=False)
class FakeFile:
    """A file; *kind* is file, dir, fifo, device or link (and then *text* is where to)."""

    text: str = ""
    uid: int = 0
    gid: int = 0
    mode: int = 0o644
    kind: str = "file"
    inode: int = 0
    ctime: int = 0
    changed: float = 0.0  # when that was
    path: str = ""  # where it stands, or has stood


class Run(SimpleNamespace):
    """How a program runs: code, output, seconds.

    begin: ``begin(child)`` happens when it is started.
    then:  happens when it has ended by itself.
    """

    code, output, seconds, begin, then = 0, "", 0.0, None, None


SCRIPT = 4242  # the pid of the script, which is there without being added


class Became(BaseException):
    """We are another program now; *argv* is its command line."""

    def __init__(self, argv):
        super().__init__(argv)
        self.argv = argv


class FakeChild:
    """A program that was started."""

    def __init__(self, host, process, run, **start):
        self._host, self._process, self._run = host, process, run
        self._code = None
        self.start = start  # environment, sockets, surroundings
        self.pid = process.pid
        self.closed = False
        self.parent = 1  # of what it leaves behind
        process.at_end.append(lambda: self._ended(-9))

    def finish(self, code):
        """Have it end by itself, if it has not ended yet."""
        if self._code is None:
            self._ended(code)
            self._host.end(self._process)
            if self._run.then:
                self._run.then()

    def _ended(self, code):
        self._code = code if self._code is None else self._code

    def poll(self):
        """Return its exit code once it has ended."""
        self._host.happen()
        return self._code

    def output(self, most=1 << 16):
        """Return what it said."""
        return self._run.output[-most:]

    def group_lives(self):
        """Tell whether anything of its group is left: it ends at once here."""
        return False

    def kill_group(self):
        """End it and whatever it has left in its group."""
        for process in list(self._host.processes.values()):
            if process.session == self._process.session:
                self._host.end(process)

    def close(self):
        """Forget it."""
        self.closed = True


class FakeLaunched(FakeChild):
    """A daemon that was started, below its launcher."""

    def __init__(self, host, process, run, launcher, **start):
        super().__init__(host, process, run, **start)
        self._launcher = launcher
        self.withheld, self.last_code = [], 0
        self.sealed = False

    @property
    def launcher(self):
        """The launcher as the library knows it, while it lives."""
        return self._launcher.id if self._host.processes.get(self._launcher.pid) else None

    @property
    def parent(self):
        """The number of the launcher, or that of init, which has adopted its children."""
        return self._launcher.pid if self.launcher else 1

    @parent.setter
    def parent(self, _pid):
        """Leave it as it is: the launcher's."""

    def is_gone(self):
        """Tell whether nothing is left of what was started."""
        return self.launcher is not None and not self._host.children(self.launcher)

    def seal_output(self):
        """Let it write nothing more."""
        self.sealed = True

    def release(self):
        """Have the launcher exit."""
        self._host.end(self._launcher)

    def bereave(self):
        """Have the launcher see that the script was killed."""
        self._host.at(1.0, self.release, by=self._launcher)

    def close(self):
        """Forget it."""
        self.release()
        super().close()


class FakeNotices:
    """A socket at which daemons are heard."""

    def __init__(self, host, path):
        self._host, self.path, self.sent = host, path, []
        host.hearing[path] = self
        host.put(path, kind="socket")

    def receive(self, accepts):
        """Return what has been said by processes that are accepted, and live."""
        self._host.happen()
        sent, self.sent = self.sent, []
        senders = [(self._host.find(pid), text) for pid, text in sent]
        return [text for sender, text in senders if sender and accepts(sender)]

    def close(self):
        """Hear no more."""
        self._host.hearing.pop(self.path, None)
        self._host.files.pop(self.path, None)


class FakeHost(Host):
    """A machine on which everything is as the test says, and time is virtual.

    at:          something happens so many seconds from now.
    before_look: something happens between the n-th look from now and the next.
    on:          what processes do on a signal.
    stopping:    seconds until a process takes a STOP.
    """

    def __init__(self):
        super().__init__()
        self.stopping = 0.0
        self.now = 0.0
        self.looks = 0
        self.sent = []  # (time, pid, "SIGTERM")
        self.unsafe = ""  # why no pidfd can be used
        self.pid_namespace = "pid:[4026531836]"  # that of no container
        self.told = []
        self.logged = []  # of syslog
        self.tell = self.told.append
        self.files = {"/": FakeFile(kind="dir", mode=0o755)}
        self.processes = {}
        self.programs = {}  # path: function of argv that returns a Run, or raises
        self.spawned = []
        self.children_started = []
        self.copies = {}  # descriptor: (inode, place) of a copied socket
        self.copyable = True
        self.relayed = {}  # inode of a pipe: what logs a line that comes out of it
        self.cannot_relay = ""  # why
        self.descriptor_limit = (1024, 4096)  # ours
        self.withholds = []  # what of its surroundings no master can be given
        self.kills = set()  # the users whose processes root may signal, without CAP_KILL
        self.traces = True  # we have CAP_SYS_PTRACE, or need none
        self.all_seen = True  # /proc hides nobody
        self.holding = {}  # place: who holds it
        self.bound = {}  # inode of a unix socket: that of its path
        self.backlogs, self.somaxconn = {}, 4096  # by inodes of sockets
        self.accesses = {}  # path: who may connect there
        self.users = {"root": (0, 0), "www-data": (33, 33)}
        self.groups = {"root": 0, "www-data": 33}
        self.hearing = {}  # path: the socket at which a daemon is heard
        self.memory = {}  # descriptor of a file without a name: its text
        self.room = {}  # descriptor: how many bytes it takes yet, or the error of a write
        self.names = {}  # host name: its addresses
        self.unbindable = {}  # "address:port": why it cannot be bound
        self.read_only = set()  # folders in which nothing can be made
        self.limits = (1024, 1 << 20)  # of descriptors, of every process
        self.distrusted = {}  # path: why
        self.unwritable = {}  # path: the error that writing or removing it raises
        self.locks = {}  # path: who holds it
        self.scripts = 1  # when the script was started: another one has the same pid
        self.variables = {}  # of the caller's environment
        self.euid, self.by_systemd, self.heeding = 0, False, ""
        self._events, self._before, self._count, self._last_pid = [], [], 0, 99

    # Composed of what is faked below.
    listening_places = Sockets.listening_places

    def __getattr__(self, name):
        """Refuse what is not faked: it would reach the real machine."""
        raise AttributeError(f"{name} is not faked")

    # Time and what happens in it.

    def monotonic(self):
        return 5000.0 + self.now

    def at(self, seconds, event, by=None):
        """Let *event* happen so many seconds from now, while somebody sleeps.

        by: the process that does it: not if it has ended, and not while it is stopped.
        """

        def happen():
            if by is None:
                event()
            elif self._alive(by) and by.state == "T":
                by.due.append(event)
            elif self._alive(by):
                event()

        self._count += 1
        self._events.append((self.now + seconds, self._count, happen))

    def sleep(self, seconds, until=None):
        end = self.now + seconds
        while until is None or self._alive(until):
            due = min((e for e in self._events if e[0] <= end), default=None)
            if due is None:
                self.now = end
                return
            self._events.remove(due)
            self.now = max(self.now, due[0])
            due[2]()

    def before_look(self, number, event):
        """Let *event* happen after *number* more looks, before the next one."""
        self._before.append((self.looks + number, event))

    def forget_looks(self):
        """Let nothing be due any more before a look."""
        self._before.clear()

    def happen(self):
        """Count a look, and let happen what was to come before it."""
        due = ()
        if self._before:
            due = [entry for entry in self._before if entry[0] <= self.looks]
            self._before = [entry for entry in self._before if entry not in due]
        self.looks += 1
        for _, event in due:
            event()

    # Processes.

    def add(self, pid=None, **facts):
        """Start a process out of nothing; return it."""
        self._last_pid = pid = pid or max(self._last_pid, *self.processes, 0) + 1
        started = int((BOOTED + self.now) * TICKS) - facts.pop("age", 0) * TICKS
        facts.setdefault("session", pid)
        if "title" in facts:
            facts["argv"] = (facts.pop("title"),)
        exe = facts.get("exe")
        if exe in self.files:
            facts.setdefault("exe_id", (1, self.files[exe].inode))
        self.processes[pid] = FakeProcess(pid=pid, started=started, **facts)
        return self.processes[pid]

    def end(self, process):
        """End a process; its children are adopted by init."""
        if self.processes.get(process.pid) is not process:
            return
        del self.processes[process.pid]
        adopter = process.ppid
        while adopter in self.processes and not self.processes[adopter].subreaper:
            adopter = self.processes[adopter].ppid
        for other in self.processes.values():
            if other.ppid == process.pid:
                other.ppid = adopter if adopter in self.processes else 1
        for event in process.at_end:
            event()

    def end_silently(self, process):
        """End a process that goes on as another one: its parent is told nothing."""
        process.at_end.clear()
        self.end(process)

    def on(self, sig, behaviour, process=None):
        """Have every process, or one, do ``behaviour(process)`` on that signal."""
        name = sig if isinstance(sig, str) else sig.name
        for one in [process] if process else self.processes.values():
            one.on[name] = behaviour

    def _alive(self, process):
        if process.pid in (SCRIPT, self.getpid()) and process.pid not in self.processes:
            return process.started == self.scripts
        found = self.processes.get(process.pid)
        return found is not None and found.state not in "ZX" and found.started == process.started

    def find(self, pid):
        self.happen()
        if pid in (SCRIPT, self.getpid()) and pid not in self.processes:
            return Process(pid=pid, started=self.scripts)
        found = self.processes.get(pid)
        return found.id if found and self._alive(found.id) else None

    def exiting(self, pid):
        self.happen()
        found = self.processes.get(pid)
        return found is None or found.exiting or not self._alive(found.id)

    def look(self, pid):
        self.happen()
        found = self.processes.get(pid)
        if found is None or not self._alive(found.id):
            return None
        return ProcessFacts(
            process=found.id,
            ppid=found.ppid,
            session=found.session,
            state=found.state,
            uid=found.uid,
            argv=found.argv,
            exe=None if self._is_guarded(found) else found.exe,
            nested=found.nested,
            forked=found.forked,
            comm=found.comm,
        )

    def age(self, process):
        return BOOTED + self.now - process.started / TICKS

    def exe(self, pid):
        self.happen()
        found = self._seen(pid)
        return found.exe if found and found.state != "Z" else None

    def title(self, pid):
        self.happen()
        found = self.processes.get(pid)
        return found.title if found and found.state != "Z" else ""

    def listed(self):
        self.happen()
        return {process.pid: process.started for process in self.processes.values()}

    def namespace(self, pid, kind):
        found = self.processes.get(pid)
        if found and self._is_guarded(found):
            return None
        if kind == "pid":
            return "pid:[2]" if found and found.nested else self.pid_namespace
        return getattr(found, kind) if found else f"{kind}:[1]"

    def root_file(self, pid):
        found = self._seen(pid)
        return found and (found.root or self.file_id("/"))

    def root_mount(self, pid):
        found = self.processes.get(pid)
        return found.root_mount if found else 1

    def working_directory(self, pid):
        found = self._seen(pid)
        return found and found.cwd

    def file_seen_by(self, process, path):
        found = self._seen(process.pid)
        if found is None:
            raise NotPermitted(f"the root of pid {process} cannot be seen")
        path = os.path.normpath(path)
        return found.sees[path] if path in found.sees else self.file_id(path)

    def _seen(self, pid):
        """Return a process if we may look at it as ptrace(2) lets us."""
        found = self.processes.get(pid)
        return None if found is None or self._is_guarded(found) else found

    def _is_guarded(self, process):
        return process.unseen or not (self.traces or process.uid == self.euid)

    def session(self, pid):
        self.happen()
        found = self.processes.get(pid)
        return found.session if found else 0

    def boot_id(self):
        return "boot"

    def listening_sockets(self):
        held = {i: place for one in self.processes.values() for i, place in one.sockets.items()}
        return [
            BoundSocket(
                inode=inode,
                cookie=inode,
                place=place,
                file=(self.bound[inode], 1) if inode in self.bound else None,
                backlog=self.backlogs.get(inode, self.somaxconn),
            )
            for inode, place in held.items()
        ]

    def most_backlog(self):
        return self.somaxconn

    def socket_access(self, path):
        file = self._followed(path)
        if file is None or path in self.accesses:
            return self.accesses.get(path)
        # As the daemon makes it where nothing is configured.
        return SocketAccess(uid=file.uid, gid=0, mode=0o660, users={}, groups={}, imposed=False)

    def user_id(self, name):
        return self.users.get(name)

    def group_id(self, name):
        return self.groups.get(name)

    def account(self, user, capabilities=()):
        name, _, group = user.partition(":")
        if name not in self.users or (group and group not in self.groups):
            what = f"group {group}" if name in self.users else f"user {name}"
            raise SettingsError(f"the {what} does not exist: create it, or name another")
        uid, gid = self.users[name]
        if self.euid not in (0, uid):
            raise NotPermitted(f"only root can start a program as the user {name}")
        gid = self.groups[group] if group else gid
        return Account(
            name=name,
            uid=uid,
            gid=gid,
            groups=(gid,),
            home=f"/home/{name}",
            capabilities=numbers(capabilities),
        )

    def name_of(self, number, *, group=False):
        names = self.groups if group else {name: uid for name, (uid, _) in self.users.items()}
        other = f"{'gid' if group else 'uid'} {number}"
        return next((name for name, its in names.items() if its == number), other)

    def unix_sockets(self):
        return [one for one in self.listening_sockets() if one.place.startswith("/")]

    def inodes_beside(self, path):
        folder = os.path.dirname(path)
        beside = [other for other in self.files if os.path.dirname(other) == folder]
        return {found[1] for other in beside if (found := self.file_id(other))}

    def socket_file(self, path):
        file = self.files.get(path)
        return (1, file.inode) if file and file.kind == "socket" and file.uid == 0 else None

    def sees_all(self):
        return self.all_seen

    def child_states(self, process):
        self.happen()
        if not self._alive(process):
            return {}
        everybody = self.processes.values()
        return {p.id: p.state for p in everybody if p.ppid == process.pid and self._alive(p.id)}

    def frozen(self, process):
        found = self.processes.get(process.pid)
        return found is not None and found.frozen

    def child_pids(self, pid):
        self.happen()
        return [one.pid for one in self.processes.values() if one.ppid == pid]

    def signals(self, process):
        self.happen()
        found = self.processes.get(process.pid)
        if found is None:
            return None
        return SignalMasks(
            caught=found.caught,
            ignored=found.ignored,
            blocked=found.blocked,
            pending=found.pending,
            state=found.state,
            comm=found.comm,
        )

    def blocked_by_threads(self, process):
        found = self.processes.get(process.pid)
        return found.blocked | found.waited if found else 0  # of all its threads

    def exe_file(self, process):
        self.happen()
        found = self._seen(process.pid)
        return found and found.exe_id

    def open_log(self, process, path, fd=None):
        """Have a process open a file to append to it, which is made if it is missing."""
        real = self._resolved(path)
        if real not in self.files:
            self.put(real)
        number = fd or next(n for n in itertools.count(4) if n not in process.appends)
        process.appends[number], process.names[number] = self.files[real], path
        return number

    def close_log(self, process, fd):
        """Have a process close such a file."""
        del process.appends[fd], process.names[fd]

    def descriptors(self, process):
        self.happen()
        found = self._alive(process) and self.processes[process.pid]
        if not found:
            return Descriptors()
        as_its_user = self.euid == 0 and found.dumpable and not found.unseen
        if self._is_guarded(found) and not as_its_user:
            return None
        return Descriptors(
            appended=tuple(
                AppendedFile(
                    fd=fd,
                    file=(1, file.inode),
                    path=file.path if file in self.files.values() else f"{file.path} (deleted)",
                    removed=file not in self.files.values(),
                )
                for fd, file in found.appends.items()
            ),
            sockets=frozenset(found.sockets),
        )

    def nameless_files(self, process):
        self.happen()
        found = self._alive(process) and self.processes[process.pid]
        if found and self._is_guarded(found):
            return None
        return tuple(
            NamelessFile(path=file.path, mode=file.mode, modified=file.changed)
            for file in (found.appends.values() if found else ())
            if file not in self.files.values()
        )

    def pipes_between(self, reader, writers):
        self.happen()
        found = self._alive(reader) and self._seen(reader.pid)
        pipes = []
        for writer in filter(self._alive, writers if found else ()):
            seen = self._seen(writer.pid) is not None
            for stream, end in self.processes[writer.pid].pipes.items():
                if end is found:
                    facts = {"writer": writer, "stream": stream} if seen else {}
                    pipes.append(Pipe(fd=7, inode=writer.pid * 10 + stream, **facts))
        return pipes

    def relay(self, reader, pipes, logged):
        self.happen()
        if self.cannot_relay or not self._alive(reader):
            raise InitError(self.cannot_relay or "No such file or directory")
        file = self.processes[reader.pid].appends[2]
        for pipe in pipes:
            self.relayed[pipe.inode] = self._appending(file, pipe, logged)

    def _appending(self, file, pipe, logged):
        def append(said):
            file.text += logged(pipe, said, lambda _form: "[now] ").decode()

        return append

    def write_line(self, process, said, stream=2):
        """Have a process write a line to its standard output or standard error."""
        reader = process.pipes[stream]
        if log := self.relayed.get(process.pid * 10 + stream):
            log(said)
        elif self._alive(reader.id):
            reader.appends[2].text += f"{said.decode()}\n"
        else:
            process.broken = True

    def socket_inodes(self, process):
        self.happen()
        found = self._alive(process) and self._seen(process.pid)
        return set(found.sockets) if found else set()

    def watched_sockets(self, process):
        self.happen()
        found = self._alive(process) and self._seen(process.pid)
        return found.watched if found else None

    def copy_listeners(self, process, known=None):
        known = set() if known is None else known
        self.happen()
        guarded = self._alive(process) and self._seen(process.pid) is None
        if guarded or not self.copyable:
            raise CannotCopy(f"the sockets of pid {process} cannot be copied: no right to")
        listeners = []
        found = self._alive(process) and self.processes[process.pid]
        for inode, place in found.sockets.items() if found else ():
            if inode in known:
                continue
            self._count += 1
            self.copies[self._count] = (inode, place)
            unix = place.startswith("/")
            listeners.append(Listener(fd=self._count, inode=inode, place=place, unix=unix))
            known.add(inode)
        return listeners

    def close(self, fd):
        del (self.memory if fd in self.memory else self.copies)[fd]

    place = Addresses.place  # it only computes

    def addresses_of(self, name):
        return {"127.0.0.1", "::1"} if name == "*" else self.names.get(name, set())

    def why_not_bound(self, address, port, *, datagram=False, reuseport=False, **_options):
        place = f"{address}:{port}"
        there = {(one.place, one.datagram) for one in self.listening_sockets()}
        taken = (place, datagram) in there and not reuseport  # as if all had SO_REUSEPORT
        return self.unbindable.get(place) or ("Address already in use" if taken else "")

    def resolve(self, name):
        literal = ":" in name or not name.strip("0123456789.")
        if not literal and name not in self.names:
            raise InitError(f"{name} cannot be resolved: Name or service not known")
        return [name] if literal else sorted(self.names[name])

    def spot(self, process, path):
        self._require_seen(process)
        folder = self._followed(os.path.dirname(path)) if self._alive(process) else None
        if folder is None:
            return Spot(folder="No such file or directory", missing=True)
        if folder.kind != "dir":
            return Spot(folder="Not a directory", missing=True)
        why = "its folder cannot be written to" if folder.path in self.read_only else ""
        if path.startswith("/proc/"):
            why = "its folder is in a file system (proc) in which nothing can be made"
        file, there = self.files.get(path), self._followed(path)
        kind = file and {"dir": "directory", "socket": "socket"}.get(file.kind, "file")
        leads = (1, there.inode) if there and there.kind == "socket" else None
        return Spot(folder=why, kind=kind or "", socket=leads)

    def _require_seen(self, process):
        if self._alive(process) and self._seen(process.pid) is None:
            raise NotPermitted(f"the root of pid {process} cannot be seen")

    def answers(self, process, path):
        self._require_seen(process)
        file, place = self._followed(path), self._resolved(path)
        bound = [one.file for one in self.listening_sockets() if one.place == place]
        leads = any(its is None or (file and its[0] == file.inode) for its in bound)
        return self._alive(process) and leads

    def start_surroundings(self):
        return SURROUNDINGS

    def nr_open(self):
        return 1 << 20

    def file_limits(self, process=None):
        return self.limits if process is None or self._alive(process) else (0, 0)

    def holders(self, place, *, datagram=False):
        return self.holding.get(place + (UDP if datagram else ""), [])

    def socket_holders(self, inode):
        sockets = [process.sockets for process in self.processes.values()]
        places = {found[inode] for found in sockets if inode in found}
        return [holder for place in places for holder in self.holding.get(place, [])]

    def reaper(self):
        return 1

    def systemd_unit(self, process):
        found = self.processes.get(process.pid)
        return found.unit if found else ""

    def why_unsafe(self):
        return self.unsafe

    def kill(self, process, sig):
        if not self._alive(process):
            return False
        target = self.processes[process.pid]
        if not self._may_signal(target):
            raise NotPermitted(f"not permitted to send {sig.name} to pid {process}")
        self.sent.append((round(self.now, 2), process.pid, sig.name))
        if target.state == "T" and sig not in (signal.SIGKILL, signal.SIGCONT):
            target.held.append(sig)
        else:
            self.deliver(target, sig)
        return True

    def is_pending(self, target, name):
        """Tell whether a signal, "SIGHUP", has come to a process that blocks it."""
        return bool(target.pending & 1 << (getattr(signal, name) - 1))

    def _continue(self, target):
        """Let a process do what it could not do while it was stopped."""
        target.state = "S"
        while target.due:
            self.at(0, target.due.pop(0), by=target)
        if target.together and not target.blocked:
            names = {one.name for one in target.held if one.name in target.on}
            target.held = [one for one in target.held if one.name not in names]
            target.together(names)
        while target.held and target.state == "S":
            self.deliver(target, target.held.pop(0))

    def deliver(self, target, sig):
        """Have a process get a signal, whoever sends it."""
        bit = 1 << (sig - 1)
        if sig == signal.SIGCONT:
            self._continue(target)
        if sig == signal.SIGKILL:
            self.end(target)
        elif sig == signal.SIGSTOP and self.stopping:
            self.at(self.stopping, lambda: setattr(target, "state", "T"))
        elif sig == signal.SIGSTOP:
            target.state = "T"
        elif target.blocked & bit:
            target.pending |= bit
        elif sig.name in target.on:
            target.on[sig.name](target)
        elif not (target.caught | target.ignored) & bit and sig.name not in HARMLESS:
            self.end(target)

    def require_permission(self, process):
        found = self._alive(process) and self.processes[process.pid]
        if found and not self._may_signal(found):
            raise NotPermitted(f"not permitted to signal pid {process}")

    def _may_signal(self, process):
        return self.euid in (0, process.uid) and process.uid in (self.kills or [process.uid])

    def surroundings(self, process):
        if self._alive(process):
            return self.processes[process.pid].surroundings
        unknown = dict.fromkeys(Surroundings.__annotations__)
        return Surroundings(**{**unknown, "limits": {}, "cgroups": {}})

    def raise_descriptor_limit(self):
        former, self.descriptor_limit = self.descriptor_limit, (self.descriptor_limit[1],) * 2
        return former

    def restore_descriptor_limit(self, former):
        self.descriptor_limit = former

    # Files.

    def put(self, path, text="", **facts):
        """Have a file stand at *path*, with the directories above it; return it."""
        self._count += 1
        directory = os.path.dirname(path)
        if directory not in self.files:
            self.put(directory, kind="dir", mode=0o755)
        if facts.get("kind") == "dir":
            facts.setdefault("mode", 0o755)
        self.files[path] = FakeFile(
            text, inode=self._count, ctime=self._count, changed=self.now, path=path, **facts
        )
        return self.files[path]

    def rename(self, old, new):
        """Rename a file: that sets its ctime."""
        self._may_write(new)
        if old not in self.files:
            raise InitError(f"{old} cannot be renamed to {new}: No such file or directory")
        self.files[new] = self.files.pop(old)
        self.touch(new)
        self.files[new].path = new

    def touch(self, path):
        """Set the ctime of a file; rename(2) does so before the file has its new name."""
        self._count += 1
        self.files[path].ctime, self.files[path].changed = self._count, self.now

    def _followed(self, path):
        return self.files.get(self._resolved(path))

    def _running(self, path):
        """Return the process whose /proc/PID/exe *path* is."""
        parts = path.split("/")
        is_exe = parts[1:2] == ["proc"] and parts[3:] == ["exe"]
        return self.processes.get(int(parts[2])) if is_exe else None

    def _resolved(self, path):
        if running := self._running(path):
            there = self.files.get(running.exe)
            same = there is not None and running.exe_id == (1, there.inode)
            return running.exe if same else f"{running.exe} (deleted)"
        seen = set()
        while path in self.files and self.files[path].kind == "link" and path not in seen:
            seen.add(path)
            path = os.path.join(os.path.dirname(path), self.files[path].text)
        return path

    def examine(self, path, most):
        self.happen()
        file = self.files.get(path)
        if file is None:
            return None
        if not file.mode & 0o444 and self.euid != 0:
            raise NotPermitted(f"{path} cannot be read: Permission denied")
        regular = file.kind == "file"
        return FileFacts(
            regular=regular,
            uid=file.uid,
            mode=file.mode,
            size=len(file.text),
            version=(file.inode, file.ctime),
            text=file.text[:most] if regular else "",
            fixed=file.kind in ("dir", "device"),
        )

    def file_age(self, path):
        self.happen()
        file = self.files.get(path)
        return file and self.now - file.changed

    def version(self, path):
        self.happen()
        file = self.files.get(path)
        return file and (file.inode, file.ctime)

    def file_id(self, path):
        self.happen()
        if running := self._running(path):
            return running.exe_id
        file = self._followed(path)
        return file and (1, file.inode)

    def unused_version(self, path):
        self.happen()
        file = self._followed(path)
        if file is None or file.kind != "file" or self.euid != 0 or self.files[path].kind == "link":
            return None
        living = [process for process in self.processes.values() if process.state not in "ZX"]
        if any(process.exe_id == (1, file.inode) for process in living):
            return None
        folders = [self.files[at] for at in sorted(self.files) if path.startswith(f"{at}/")]
        return tuple(n for one in (file, *folders) for n in (1, one.inode, one.ctime))

    def realpath(self, path):
        return self._resolved(path)

    def is_executable(self, path):
        file = self._followed(path)
        return file is not None and file.kind == "file" and bool(file.mode & 0o111)

    def distrust(self, path):
        above = [path]
        while above[-1] != "/":
            above.append(os.path.dirname(above[-1]))
        return next((self.distrusted[step] for step in above[1:] if step in self.distrusted), "")

    def distrust_for_root(self, path):
        return self.distrusted.get(path) or self.distrust(path)

    def distrust_file(self, facts):
        if facts.uid not in (0, self.euid):
            return f"it belongs to uid {facts.uid}"
        return "it can be written by others" if facts.mode & 0o022 else ""

    def size(self, path):
        file = self._followed(path)
        return len(file.text) if file and file.kind == "file" else None

    def read_from(self, path, offset, most=65536):
        file = self._followed(path)
        return file.text[offset : offset + most] if file else ""

    def glob(self, pattern):
        if not any(sign in pattern for sign in "*?["):
            return [pattern] if pattern in self.files else []
        return sorted(
            path
            for path in self.files
            if fnmatch.fnmatchcase(path, pattern) and path.count("/") == pattern.count("/")
        )

    def offer(self, fd, data):
        room = self.room.get(fd, len(data))
        if isinstance(room, Exception):
            raise HostError(f"offer ({fd}) failed", room)
        taken = min(room, len(data))
        if fd in self.room:
            self.room[fd] -= taken
        return taken

    def exists(self, path):
        self.happen()
        return path in self.files or self._running(path) is not None

    def _may_write(self, path):
        if path in self.unwritable:
            raise self.unwritable[path]

    def remove(self, path):
        self._may_write(path)
        if path in self.files and self.files[path].kind == "dir":
            raise InitError(f"{path} cannot be removed: Is a directory")
        self.files.pop(path, None)

    def make_link(self, path, target):
        self._may_write(path)
        if path in self.files:
            raise InitError(f"the link {path} cannot be made: File exists")
        self.put(path, target, kind="link")

    def link_target(self, path):
        file = self.files.get(path)
        return file.text if file is not None and file.kind == "link" else ""

    def remove_socket(self, path, version):
        self._may_write(path)
        file = self.files.get(path)
        if file is None or file.kind != "socket" or version != (file.inode, file.ctime):
            return False
        del self.files[path]
        return True

    def remove_empty(self, path):
        inside = any(os.path.dirname(other) == path for other in self.files)
        if path in self.files and self.files[path].kind == "dir" and not inside:
            del self.files[path]

    def owner(self, path):
        file = self.files.get(path)
        return file and (file.uid, file.gid)

    def distrust_but(self, path, uid):
        file, named = self.files[path], f"belongs to {self.name_of(uid)}"
        if file.uid not in (0, self.euid, uid):
            return f"{path} belongs to {self.name_of(file.uid)}"
        if file.mode & 0o022:
            return f"{path} can be written by others"
        why = self.distrust(path)
        return "" if why.endswith(named) else why

    def write(self, path, text, mode=0o644, *, owner=None):
        self._may_write(path)
        if os.path.dirname(path) not in self.files:
            raise InitError(f"{path} cannot be written: No such file or directory")
        uid, gid = owner or (self.euid, 0)
        self.put(path, text, mode=mode, uid=uid, gid=gid)

    def make_directory(self, path, mode=0o755):
        self._may_write(path)
        made = []
        while path not in self.files:
            made.append(path)
            path = os.path.dirname(path)
        for folder in reversed(made):
            self.put(folder, kind="dir", mode=mode)
        return made

    def own_directory(self, path, mode, uid, gid):
        self._may_write(path)
        place = "/"
        for name in path.split("/")[1:]:
            place = os.path.join(place, name)
            file = self.files.get(place)
            if file is not None and file.kind == "link" and file.uid:
                user = self.name_of(file.uid)
                raise InitError(
                    f"{path} cannot be made: {name} in it is a link of {user}'s, "
                    "which is not followed"
                )
            if file is not None and file.kind not in ("dir", "link"):
                raise InitError(f"{path} cannot be made: Not a directory")
            place = self._resolved(place)
        self.make_directory(place)
        folder = self.files[place]
        if folder.uid not in (0, uid):
            return f"{path} belongs to {self.name_of(folder.uid)}, and stays as it is"
        folder.uid, folder.gid, folder.mode = uid, gid, mode
        return ""

    def mark_started(self, path):
        there = os.path.dirname(path) in self.files and path not in self.files
        if there and not self.distrust(path):
            self.put(path)

    def mark_stopped(self, path):
        if path not in self.unwritable and not self.distrust(path):
            self.files.pop(path, None)

    def lock(self, path):
        self.happen()
        self._may_write(path)
        if self.euid != 0:
            raise NotPermitted(f"not permitted to lock {path}: only root may do this")
        if path in self.locks:
            return None
        if path not in self.files:
            self.put(path, mode=0o600)
        self._count += 1
        self.locks[path] = self._count
        return self._count

    def sign_lock(self, fd, text):
        (path,) = (path for path, holder in self.locks.items() if holder == fd)
        self.files[path].text = text

    def unlock(self, fd):
        self.locks = {path: holder for path, holder in self.locks.items() if holder != fd}

    # Programs, and ourselves.

    def notice_socket(self, path=""):
        self._count += 1
        return FakeNotices(self, path or f"{NOTICES}/{self._count}")

    def notify(self, process, text):
        """Have a process tell something of itself, where its environment says."""
        path = (process.surroundings.environment or {}).get("NOTIFY_SOCKET", "")
        if path in self.hearing:
            self.hearing[path].sent.append((process.pid, text))

    def memory_file(self, text):
        self._count += 1
        self.memory[self._count] = text
        return self._count

    def spawn(self, argv, *, limits=None, environment=None, descriptors=(), account=None):
        run = self._found(argv)
        self.spawned.append((list(argv), 0, dict(limits or {})))
        process = self.add(argv=tuple(argv), exe=self._resolved(argv[0]), ppid=self.getpid())
        process.uid = account.uid if account else process.uid
        start = self._inherited(environment, descriptors)
        return self._begun(FakeChild(self, process, run, **start), process, run)

    def launch(  # noqa: PLR0913 - as that of the host
        self,
        argv,
        *,
        nice=0,
        limits=None,
        environment=None,
        descriptors=(),
        surroundings=None,
        account=None,
        directory="/",
    ):
        run = self._found(argv)
        self.spawned.append((list(argv), nice, dict(limits or {})))
        launcher = self.add(title="an init script", ppid=self.getpid(), subreaper=True)
        process = self.add(argv=tuple(argv), exe=self._resolved(argv[0]), ppid=launcher.pid)
        process.uid, process.cwd = account.uid if account else process.uid, directory
        given = surroundings or SURROUNDINGS
        base = CLEAN_ENVIRONMENT if given.environment is None else given.environment
        process.surroundings = given.replace(
            environment={**base, **(environment or {})},
            limits={**given.limits, **(limits or {})},
            nice=(given.nice or 0) + nice,
        )
        start = self._inherited(environment, descriptors)
        start["surroundings"] = process.surroundings
        process.sockets = dict(start["sockets"])
        child = FakeLaunched(self, process, run, launcher, **start)
        unread = ["environment, which cannot be read"] if given.environment is None else []
        child.withheld = unread + self.withholds
        return self._begun(child, process, run)

    def _found(self, argv):
        """Return how a program runs, or raise as execve(2) does."""
        path = argv[0]
        if not self._followed(path) and not self._running(path) and path not in self.programs:
            raise Refused(path, FileNotFoundError(2, "No such file or directory"))
        if path not in self.programs and not self.is_executable(path):
            raise Refused(path, PermissionError(13, "Permission denied"))
        running = self._running(path)
        program = self.programs.get(path) or (running.program if running else lambda _argv: Run())
        return program(list(argv))

    def _inherited(self, environment, descriptors):
        """Return what a program is told of, and the sockets that it inherits."""
        sockets = dict(self.copies[fd] for fd in descriptors if fd in self.copies)
        return {"environment": dict(environment or {}), "sockets": sockets}

    def _begun(self, child, process, run):
        """Have a program run, and end by itself."""
        self.children_started.append(child)
        if run.begin:
            run.begin(child)
        self.at(run.seconds, lambda: child.finish(run.code), by=process)
        return child

    def bury_script(self):
        """Do what the kernel and the launchers do when the script has been killed."""
        self.scripts += 1
        self.locks.clear()
        self.copies.clear()
        for process in self.processes.values():
            if process.ppid == self.getpid():
                process.ppid = 1
        for child in self.children_started:
            if isinstance(child, FakeLaunched):
                child.bereave()

    def settle(self):
        self.settled = True

    def heed_signals(self):
        self.heeding = "heeds"

    def ignore_signals(self):
        self.heeding = "ignores"

    def getpid(self):
        return SCRIPT

    def geteuid(self):
        return self.euid

    def run_by_systemd(self):
        return self.by_systemd

    def environment(self, name):
        return self.variables.get(name, "")

    def become(self, argv):
        raise Became(argv)

    def leave(self, code):
        raise SystemExit(code)

    def syslog(self, ident, line):
        self.logged.append(f"{ident}: {line}")
