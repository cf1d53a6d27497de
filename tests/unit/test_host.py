"""What only the real machine can show."""

from __future__ import annotations

import errno
import fcntl
import glob
import itertools
import os
import posix
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import initpy
from initpy.errors import HostError, InitError, NotPermitted
from initpy.host import CannotCopy, Host, parts
from initpy.host.filesystem import logs
from initpy.host.network.holders import _has
from initpy.host.programs import spawn
from initpy.host.wait import wait_until

EXIT = {"x86_64": 60, "aarch64": 93}[os.uname().machine]  # _exit(2) of one thread alone
LIBC_SIGNALS = 1 << 31 | 1 << 32  # SIGCANCEL and SIGSETXID: nptl(7)


@pytest.fixture
def machine():
    """Return the machine we run on."""
    return Host()


def ran(machine, *argv, **how):
    """Run a program to its end; return its exit code and output."""
    child = machine.spawn(argv, **how)
    try:
        wait_until(lambda: child.poll() is not None, within=10, host=machine, what="its end")
        return child.poll(), child.output()
    finally:
        child.kill_group()
        child.close()


def test_file_in_memory(machine):
    """A file that never had a path is no log that somebody has rotated."""
    fd = os.memfd_create("output")
    appending = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_APPEND)

    found = machine.descriptors(machine.find(os.getpid())).appended

    os.close(fd)
    os.close(appending)
    assert [] == [one for one in found if one.fd in (fd, appending)]


NAMED = """
import sys, time
with open("/proc/self/comm", "wb") as file:
    file.write(bytes.fromhex(sys.argv[1]))
print(flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    "name",
    [
        b"x",
        b"\rSigBlk:fffffff",
        b"\rSigPnd:z",
        b"\rCapEff:1000000",
        b"\rUmask:9",
        b"\rUid:1",
        b"\xff",
    ],
)
def test_name_of_a_process_is_no_other_fact(machine, name):
    """Whatever a process calls itself, what else the kernel says of it is read."""
    command = [sys.executable, "-IS", "-c", NAMED, name.hex()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, umask=0o22) as popen:
        popen.stdout.readline()
        process = machine.find(popen.pid)
        try:
            masks, blocked = machine.signals(process), machine.blocked_by_threads(process)
            limits, umask = machine.file_limits(process), machine.surroundings(process).umask
            facts = machine.look(popen.pid)
            seen = _as_its_user(popen.pid)
        finally:
            popen.kill()
    assert (0, 0, 0) == (masks.blocked, masks.pending, blocked)
    assert machine.file_limits() == limits
    assert (0o22, os.getuid()) == (umask, facts.uid)
    assert [os.getuid()] * 3 == seen


def _as_its_user(pid):
    """Return the user ids that a child of ours has after it has become that process's user."""
    ours, theirs = os.pipe()
    if not (child := os.fork()):
        try:
            logs._become_user_of(pid)
            os.write(theirs, " ".join(map(str, os.getresuid())).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(theirs)
    with open(ours) as told:
        return [int(word) for word in told.read().split()]


def test_first_thread_has_ended(machine):
    """A process lives, and holds what it has, as long as any of its threads."""
    run = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start()"
    leave = f"{run}; ctypes.CDLL(None).syscall({EXIT}, 0)"
    child = subprocess.Popen([sys.executable, "-c", leave], process_group=0)
    try:
        ours = machine.find(os.getpid())
        zombie = lambda: "Z" in Path(f"/proc/{child.pid}/stat").read_text().split()[2]  # noqa: E731
        wait_until(zombie, within=10, host=machine, what="its first thread to end")

        process = machine.find(child.pid)

        assert process is not None
        assert machine.alive(process)
        assert machine.look(child.pid).process == process
        assert process in machine.children(ours)
        assert machine.kill(process, signal.SIGKILL)
        wait_until(lambda: not machine.alive(process), within=10, host=machine, what="its end")
    finally:
        child.kill()
        child.wait()


def test_names_that_no_file_can_have(machine, tmp_path):
    """A name that is too long, and a loop of links, are no file."""
    (tmp_path / "loop").symlink_to("loop")

    assert (None, None) == (
        machine.file_id("x" * 5000),
        machine.file_id(str(tmp_path / "loop")),
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory away")
def test_directory_that_a_user_has_renamed(machine, tmp_path):
    """A directory of root's in a user's folder is not given to the user with what is in it."""
    folder, secret = tmp_path / "folder", tmp_path / "folder" / "backup"
    secret.mkdir(parents=True)
    (secret / "dump").touch()
    os.chown(folder, 33, 33)
    secret.rename(folder / "run")  # the user may do that

    told = machine.own_directory(f"{folder}/run", 0o755, 33, 33)

    assert "is root's and not empty" in told
    assert 0 == (folder / "run").stat().st_uid
    assert "" == machine.own_directory(f"{folder}/new", 0o755, 33, 33)
    assert 33 == (folder / "new").stat().st_uid


def test_environment_is_clean(machine, monkeypatch):
    """Whatever the caller's, a daemon gets the same, and what is handed down."""
    monkeypatch.setenv("NGINX", "7;")
    monkeypatch.setenv("LD_PRELOAD", "")

    _, output = ran(machine, "/usr/bin/env", environment={"FPM_SOCKETS": "x=4"})

    assert {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG=C",
        "FPM_SOCKETS=x=4",
    } == set(output.splitlines())


def test_started_as_a_daemon(machine):
    """Directory /, umask 022, nothing to read, no descriptor above 2."""
    previous = os.umask(0o077)
    leak = os.dup(0)
    os.set_inheritable(leak, True)
    try:
        _, output = ran(
            machine, "/bin/sh", "-c", "pwd; umask; cat; ls /proc/self/fd | tr '\\n' ' '"
        )
    finally:
        os.umask(previous)
        os.close(leak)

    # 3 is ls's own, of the directory it reads.
    assert ["/", "0022", "0 1 2 3"] == output.split("\n")


def test_signals_are_as_if_nobody_had_touched_them(machine):
    """What the caller ignores or blocks is not the daemon's to inherit."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        _, output = ran(machine, "/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
    finally:
        signal.signal(signal.SIGHUP, previous)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    # posix_spawn(3), by which a caller may have started us, leaves the signals of glibc's
    # own ignored. No program can change that, and glibc does when it needs one.
    masks = [int(mask, 16) & ~LIBC_SIGNALS for mask in output.split()[1::2]]
    assert [0, 0] == masks


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Return a socket that stands for /dev/log."""
    path = str(tmp_path / "log")
    monkeypatch.setattr("initpy.host.system_log._LOG", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        log.settimeout(5)
        yield log


def test_syslog(machine, log):
    """A line has the form of RFC 3164, with nothing in it that ends it before."""
    machine.syslog("web", "reload: \0 d\u00e9j\u00e0 \udcff (exit 0)")

    head, _, line = log.recv(999).decode().partition(": ")
    assert "reload: ? d\u00e9j\u00e0 ? (exit 0)" == line
    assert head.startswith("<30>")
    assert head.endswith(f" web[{os.getpid()}]")
    time.strptime(f"2000 {head[4:19]}", "%Y %b %d %H:%M:%S")


def test_syslog_that_nobody_reads(machine, log):
    """When its queue is full, a line is lost, and nobody waits."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        filler.setblocking(False)
        filler.connect(log.getsockname())
        with pytest.raises(BlockingIOError):
            while True:
                filler.send(b"x")

    machine.syslog("web", "reload: done (exit 0)")

    first = log.recv(999)
    log.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            assert first == log.recv(999)


def test_no_syslog(machine, log):
    """Without a log, or with one of another kind, nothing is said of that."""
    os.unlink(log.getsockname())
    machine.syslog("web", "reload: done (exit 0)")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(log.getsockname())
        machine.syslog("web", "reload: done (exit 0)")


@pytest.mark.parametrize("error", [PermissionError(1, "x"), OSError(38, "x"), OSError(24, "x")])
def test_pidfd_that_is_refused(machine, monkeypatch, error):
    """Where pidfd_open(2) is refused, a wait still ends with what it waits for."""

    def refused(_pid):
        raise error

    monkeypatch.setattr(posix, "pidfd_open", refused)

    assert (0, "") == ran(machine, "/bin/true")


SETTLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from initpy.host import Host, parts
Host().settle()
blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
links = [os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1, 2)]
found = signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL, blocked, os.umask(0), links
open(sys.argv[2], "w").write(repr(found))
"""


def test_settled(tmp_path):
    """What a caller has done to signals, umask and descriptors is undone."""
    root, found = str(Path(initpy.__file__).parents[1]), tmp_path / "found"
    caller = ["env", "--ignore-signal=CHLD", "--block-signal=TERM,CHLD", "sh", "-c"]
    closing = 'umask 077; exec "$@" <&- >&- 2>&-'

    subprocess.run(
        [*caller, closing, "sh", sys.executable, "-IS", "-c", SETTLED, root, str(found)], check=True
    )

    assert repr((True, set(), 0o022, ["/dev/null"] * 3)) == found.read_text()


def test_limits(machine):
    """The administrator's limits are the daemon's."""
    how = {"limits": {"RLIMIT_NOFILE": (64, 64)}}

    _, output = ran(machine, "/bin/sh", "-c", "ulimit -n", **how)

    assert "64" == output.strip()


def test_limit_that_cannot_be_set(machine):
    """What the kernel refuses is told as it tells of a program that cannot be executed."""
    with pytest.raises(OSError, match="limits, nice level or user cannot be set"):
        machine.spawn(["/bin/true"], limits={"RLIMIT_NOFILE": (10**12, 10**12)})


def test_descriptors_are_inherited(machine, tmp_path):
    """Those that are handed down arrive under the same number."""
    with open(tmp_path / "x", "w") as file:
        ran(
            machine,
            "/bin/sh",
            "-c",
            f"echo text >/dev/fd/{file.fileno()}",
            descriptors=[file.fileno()],
        )

    assert "text\n" == (tmp_path / "x").read_text()


def test_last_of_a_long_output(machine):
    """Of much that was said the end is kept."""
    _, output = ran(machine, "/bin/sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo end")

    assert 65530 < len(output) <= 65536
    assert output.endswith("xend")


def test_closed_while_it_runs(machine):
    """One that is forgotten goes on by itself."""
    child = machine.spawn(["/bin/sleep", "60"])
    process = machine.find(child.pid)

    child.close()

    assert process == machine.find(child.pid)
    machine.kill(process, signal.SIGKILL)
    os.waitpid(process.pid, 0)


@pytest.mark.parametrize("how", ["spawn", "launch"])
def test_number_of_a_child_that_the_kernel_has_reaped(machine, monkeypatch, how):
    """With SIGCHLD ignored its number may be another's by now: nothing is signalled."""
    sent = []
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        child = getattr(machine, how)(["/bin/true"])
        ours = child.pid if how == "spawn" else child.launcher.pid
        if how == "launch":
            os.kill(ours, signal.SIGKILL)
        wait_until(lambda: machine.find(ours) is None, within=9, host=machine, what="its end")
        monkeypatch.setattr(os, "killpg", lambda *how: sent.append(how))
        monkeypatch.setattr(os, "kill", lambda *how: sent.append(how))
        (child.kill_group if how == "spawn" else child.release)()
    finally:
        signal.signal(signal.SIGCHLD, before)

    assert [] == sent


@pytest.fixture
def signals():
    """Put the dispositions of signals back."""
    ours = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {sig: signal.getsignal(sig) for sig in ours}
    yield ours
    for sig, handler in before.items():
        signal.signal(sig, handler)


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_noted(machine, signals, sig):
    """Told to end, it is noted by which signal, and nobody dies."""
    machine.heed_signals()

    signal.raise_signal(sig)

    assert sig.name == machine.interrupted_by


def test_nohup_stays_in_force(machine, signals):
    """What was ignored from the start stays ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    machine.heed_signals()

    assert signal.SIG_IGN == signal.getsignal(signal.SIGHUP)


def test_signals_are_ignored_at_last(machine, signals):
    """Once all is done no signal changes the exit code."""
    machine.ignore_signals()

    assert {signal.SIG_IGN} == {signal.getsignal(sig) for sig in signals}


def test_who_we_are(machine):
    """Number and rights are the kernel's word."""
    assert (os.getpid(), os.geteuid()) == (machine.getpid(), machine.geteuid())


def test_environment(machine, monkeypatch):
    """A variable of the caller's is told; one that is not set is empty."""
    monkeypatch.setenv("INITPY_A", "b")
    monkeypatch.delenv("INITPY_B", raising=False)

    assert ("b", "") == (machine.environment("INITPY_A"), machine.environment("INITPY_B"))


def test_leave():
    """The process ends with that code there and then."""
    program = (
        "import atexit; from initpy.host import Host; atexit.register(print, 'late'); "
        "print('said', flush=True); Host().leave(7)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )

    assert (7, "said\n") == (ended.returncode, ended.stdout)


def test_become():
    """We are that program from then on, with our number and our streams."""
    program = (
        "import os; from initpy.host import Host; print(os.getpid(), flush=True); "
        "Host().become(['/bin/sh', '-c', 'echo $$; kill -PIPE $$; exit 7'])"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )

    assert 2 == len(ended.stdout.split())
    assert 1 == len(set(ended.stdout.split()))
    assert -signal.SIGPIPE == ended.returncode  # which Python ignores, and its heirs did


def test_become_nothing(machine):
    """What cannot be executed is an error."""
    own = {sig: signal.getsignal(sig) for sig in (signal.SIGPIPE, signal.SIGXFSZ)}
    try:
        with pytest.raises(InitError, match="/nonexistent cannot be executed"):
            machine.become(["/nonexistent"])
    finally:
        for sig, handler in own.items():
            signal.signal(sig, handler)


def test_nested_process(machine):
    """A process of our own namespace is no container's."""
    assert not machine.look(os.getpid()).nested


def test_descriptors_that_change(machine, tmp_path, monkeypatch):
    """A descriptor that is another file's meanwhile is looked at again."""
    paths = [str(tmp_path / name) for name in "xy"]
    fds = [os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND) for path in paths]
    own = os.stat

    def stat(path, **how):
        if path == f"/proc/{os.getpid()}/fd/{fds[0]}":
            os.dup2(fds[1], fds[0])
        return own(path, **how)

    monkeypatch.setattr(os, "stat", stat)
    found = machine.descriptors(machine.find(os.getpid())).appended
    for fd in fds:
        os.close(fd)

    assert {(fd, paths[1], own(paths[1]).st_ino) for fd in fds} == {
        (one.fd, one.path, one.file[1]) for one in found if one.fd in fds
    }


def test_descriptors_that_cannot_be_seen(machine, monkeypatch):
    """What neither we nor a child of ours may see is None; that child leaves nothing."""

    def refused(_pid):
        raise PermissionError

    monkeypatch.setattr(logs, "_look", refused)
    before = os.listdir("/proc/self/fd")

    assert machine.descriptors(machine.find(os.getpid())) is None
    assert before == os.listdir("/proc/self/fd")


def test_descriptors_seen_by_a_child(machine, tmp_path, monkeypatch):
    """What a child of ours sees is what we would see, whatever a path looks like."""
    look, ours = logs._look, os.getpid()

    def as_a_child_only(pid):
        if os.getpid() == ours:
            raise PermissionError
        return look(pid)

    path = tmp_path / "a\nb . c\udcff"
    with open(path, "a"), open(tmp_path / "removed", "a"), socket.socket() as some:
        (tmp_path / "removed").unlink()
        seen = look(ours)
        monkeypatch.setattr(logs, "_look", as_a_child_only)
        monkeypatch.setattr(logs, "_become_user_of", lambda _pid: None)

        found = machine.descriptors(machine.find(ours))

        inode = os.fstat(some.fileno()).st_ino
    assert {str(path), f"{tmp_path}/removed (deleted)"} <= {one.path for one in found.appended}
    assert set(seen.appended) == set(found.appended)
    assert inode in found.sockets


def test_children_without_kernel_support(machine, monkeypatch):
    """Where the kernel keeps no list of children, all processes are looked at."""
    from initpy.host import processes

    child = machine.spawn(["/bin/sleep", "60"])
    own = processes.read

    def read(path, **how):
        if path.endswith("/children"):
            raise FileNotFoundError
        return own(path, **how)

    monkeypatch.setattr(processes, "read", read)
    found = machine.children(machine.find(os.getpid()))
    child.kill_group()
    child.close()

    assert child.pid in [process.pid for process in found]


@pytest.mark.parametrize(
    ("family", "kind", "address", "expected"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0), True),
        (socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0), True),
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0), True),
        (socket.AF_UNIX, socket.SOCK_STREAM, "x.sock", True),
        (socket.AF_UNIX, socket.SOCK_DGRAM, "x.sock", False),
    ],
)
def test_listeners(machine, tmp_path, monkeypatch, family, kind, address, expected):
    """A socket that waits for clients is copied, of whichever kind; another is not."""
    monkeypatch.chdir(tmp_path)
    if family == socket.AF_UNIX:
        address = str(tmp_path / address)
    with socket.socket(family, kind) as listener:
        listener.bind(address)
        if kind == socket.SOCK_STREAM:
            listener.listen()
        inode = os.fstat(listener.fileno()).st_ino
        copies = machine.copy_listeners(machine.find(os.getpid()))
        name = listener.getsockname()

    found = {copy.inode: copy for copy in copies}
    for copy in copies:
        machine.close(copy.fd)
    assert expected == (inode in found)
    if expected:
        place = name if isinstance(name, str) else f"{name[0]}:{name[1]}"
        assert (place, family == socket.AF_UNIX) == (found[inode].place, found[inode].unix)


def test_connected_sockets_are_not_listeners(machine):
    """Neither end of a connection is copied, of a stream or of datagrams."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connected,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unbound,
    ):
        connected.connect(server.getsockname())
        talking = {os.fstat(s.fileno()).st_ino for s in (client, connected, unbound)}
        copies = machine.copy_listeners(machine.find(os.getpid()))
        waiting = os.fstat(server.fileno()).st_ino

    for copy in copies:
        machine.close(copy.fd)
    inodes = {copy.inode for copy in copies}
    assert waiting in inodes
    assert set() == talking & inodes


LISTENING = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_holders(machine):
    """The process that listens is named, or its parent if that has the same name."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", LISTENING], **pipes) as child:
        port = child.stdout.readline().strip()
        (found,) = machine.holders(f"0.0.0.0:{port}")
        child.stdin.close()

    assert found.pid in [child.pid, os.getpid(), *(one.pid for one in psutil.Process().parents())]
    assert "" not in (found.name, found.user, found.started)


def test_holders_of_udp(machine):
    """Who has bound a port of udp is told apart from who listens there by TCP."""
    program = LISTENING.replace("create_server((", "socket(type=socket.SOCK_DGRAM)\nserver.bind((")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as child:
        port = child.stdout.readline().strip()
        places = [f"127.0.0.1:{port}", f"0.0.0.0:{port}"]
        by_udp = [len(machine.holders(place, datagram=True)) for place in places]
        by_tcp = [machine.holders(place) for place in places]
        child.stdin.close()

    assert ([1, 1], [[], []]) == (by_udp, by_tcp)


def test_we_hold_nothing(machine):
    """What we hold ourselves are copies of others' sockets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert [] == machine.holders(f"127.0.0.1:{server.getsockname()[1]}")


def test_who_else_holds_it(machine, monkeypatch):
    """Of a socket that we have a copy of, the other process is named, and not our child."""
    program = f"import os; os.fork() and os._exit(0)\n{LISTENING}"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as child:
        port = int(child.stdout.readline())
        (named,) = (one for one in psutil.net_connections("tcp4") if one.laddr[1] == port)
        (copy,) = machine.copy_listeners(machine.find(named.pid))
        # psutil names one process for each socket, the last that it has looked at.
        ours = [named._replace(pid=os.getpid(), fd=copy.fd)]
        monkeypatch.setattr(psutil, "net_connections", lambda kind: ours)
        with subprocess.Popen(["/bin/sleep", "600"], pass_fds=[copy.fd]) as heir:
            found = machine.holders(f"127.0.0.1:{port}")
            heir.kill()
        child.stdin.close()
    machine.close(copy.fd)

    assert [named.pid] == [holder.pid for holder in found]


def test_file_with_a_lease(machine, tmp_path):
    """Its owner may keep everybody from reading it: that is no error of the system's."""
    path = tmp_path / "x"
    path.write_text("42")
    fd = os.open(path, os.O_RDWR)
    handler = signal.signal(signal.SIGIO, signal.SIG_IGN)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        with pytest.raises(NotPermitted, match="its owner has a lease on it"):
            machine.examine(str(path), 9)
        assert machine.read_from(str(path), 0) == ""
    finally:
        os.close(fd)
        signal.signal(signal.SIGIO, handler)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory away")
@pytest.mark.parametrize("owner", [0, 12345, 54321])
def test_folder_that_is_a_users_link(machine, tmp_path, owner):
    """It leads root to that user's own files alone: others are neither removed nor replaced."""
    home, there = tmp_path / "home", tmp_path / "there"
    home.mkdir()
    there.mkdir()
    (there / "x.pid").write_text("1")
    (home / "run").symlink_to(there)
    os.chown(home, 54321, 54321)
    os.lchown(home / "run", 54321, 54321)
    os.chown(there, owner, owner)
    path = str(home / "run/x.pid")

    if owner == 54321:
        machine.write(path, "2")
        assert (there / "x.pid").read_text() == "2"
        machine.remove(path)
    else:
        for change in (lambda: machine.write(path, "2"), lambda: machine.remove(path)):
            with pytest.raises(InitError, match=r"^\S+ is left alone: a link of uid 54321's leads"):
                change()
        assert (there / "x.pid").read_text() == "1"

    assert (["x.pid"] if owner != 54321 else []) == os.listdir(there)


WATCHING = """
import select, socket, sys
servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
if sys.argv[1] == "epoll":
    watch = select.epoll()
    watch.register(servers[0])
print(servers[0].fileno(), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["epoll", "sleep"])
def test_watched_sockets(machine, how):
    """The sockets that a process watches by epoll are told from those that it only holds."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", WATCHING, how], **pipes) as child:
        fd = child.stdout.readline().strip()
        inode = os.stat(f"/proc/{child.pid}/fd/{fd}").st_ino
        process = machine.find(child.pid)
        watched = machine.watched_sockets(process)
        child.stdin.close()

    assert ({inode} if how == "epoll" else None) == watched
    assert None is machine.watched_sockets(process)


@pytest.mark.parametrize(
    ("laddr", "status", "place", "expected"),
    [
        (("127.0.0.1", 80), "LISTEN", "127.0.0.1:80", True),
        (("127.0.0.1", 80), "LISTEN", "0.0.0.0:80", True),
        (("0.0.0.0", 80), "LISTEN", "127.0.0.1:80", True),
        (("::1", 80), "LISTEN", "[::1]:80", True),
        (("127.0.0.1", 80), "LISTEN", "127.0.0.2:80", False),
        (("127.0.0.1", 80), "LISTEN", "127.0.0.1:8", False),
        (("127.0.0.1", 80), "ESTABLISHED", "127.0.0.1:80", False),
        ((), "NONE", "127.0.0.1:80", False),
    ],
)
def test_has(laddr, status, place, expected):
    """However an address is written, who waits for clients there is found."""
    laddr = laddr and SimpleNamespace(ip=laddr[0], port=laddr[1])

    connection = SimpleNamespace(laddr=laddr, status=status, type=socket.SOCK_STREAM)
    assert expected == _has(connection, place, datagram=False)


def test_socket_is_no_regular_file(machine, tmp_path):
    """A socket in the place of a pidfile is looked at without being opened."""
    path = str(tmp_path / "x.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        facts = machine.examine(path, 9)

    assert (False, False, "") == (facts.regular, facts.fixed, facts.text)


def test_device_is_fixed(machine):
    """A device (pid /dev/null) is nobody's to replace."""
    assert machine.examine("/dev/null", 9).fixed


@pytest.mark.parametrize("name", ["loop/x", "n" * 300])
def test_strange_paths(machine, tmp_path, name):
    """A loop of links, or a name that is too long, is a sentence and no traceback."""
    os.symlink("loop", tmp_path / "loop")

    with pytest.raises(InitError, match="cannot be read"):
        machine.examine(str(tmp_path / name), 9)


def test_write_that_fails_leaves_nothing(machine, tmp_path):
    """A file that cannot be put in its place is not left beside it either."""
    (tmp_path / "x").mkdir()

    with pytest.raises(InitError, match="cannot be written"):
        machine.write(str(tmp_path / "x"), "text")

    assert ["x"] == os.listdir(tmp_path)


def test_make_directory_where_a_file_is(machine, tmp_path):
    """A directory that cannot be made is told."""
    (tmp_path / "x").touch()

    with pytest.raises(InitError, match="cannot be made"):
        machine.make_directory(str(tmp_path / "x/y"))


def test_lock_that_cannot_be_made(machine, tmp_path):
    """A file where the lock's directory should be is told."""
    (tmp_path / "x").touch()

    with pytest.raises(InitError, match="cannot be created"):
        machine.lock(str(tmp_path / "x/lock"))


def test_lock_is_no_link(machine, tmp_path):
    """A link in the lock's place is not followed."""
    (tmp_path / "lock").mkdir()
    os.symlink(tmp_path / "victim", tmp_path / "lock/x")

    with pytest.raises(InitError, match="cannot be created"):
        machine.lock(str(tmp_path / "lock/x"))

    assert not (tmp_path / "victim").exists()


def test_lock_is_not_inherited(machine, tmp_path):
    """A daemon that is started meanwhile does not hold it for ever."""
    path = str(tmp_path / "lock/x")
    fd = machine.lock(path)
    child = machine.spawn(["/bin/sleep", "60"])

    machine.unlock(fd)
    again = machine.lock(path)

    child.kill_group()
    child.close()
    assert again is not None
    machine.unlock(again)


@pytest.mark.real
@pytest.mark.parametrize("what", [signal.SIGSTOP, signal.SIGKILL])
def test_launcher_that_does_not_answer(machine, what):
    """Then nobody has seen that nothing is left; and it is not waited for without an end."""
    child = machine.launch(["/bin/sleep", "60"])
    daemon = machine.find(child.pid)
    os.kill(child.launcher.pid, what)

    began = time.monotonic()
    gone = child.is_gone()
    child.close()

    assert (False, True) == (gone, time.monotonic() - began < 5)
    machine.kill(daemon, signal.SIGKILL)


@pytest.mark.parametrize("part", sorted(parts._PARTS))
def test_parts_are_found_by_their_methods(part):
    """Each part of the host is listed with all of its methods, and with no other."""
    module, names = parts._PARTS[part]
    public = [name for name in vars(parts._load(module, part)) if not name.startswith("_")]

    assert sorted(public) == sorted(names)
    assert all(callable(getattr(Host(), name)) for name in names)


def test_no_such_method(machine):
    """What no part has is an AttributeError."""
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        machine.frobnicate()


def test_megabytes_of_arguments(machine):
    """Of a command line only the beginning is read: a process may have as much as it wants."""
    command = ["/bin/sh", "-c", "echo; read x", *["x" * 100_000] * 15]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as child:
        child.stdout.readline()  # it is executed
        title, facts = machine.title(child.pid), machine.look(child.pid)
        child.communicate()

    assert title.startswith("/bin/sh -c echo; read x xxx")
    assert ("/bin/sh", "-c", "echo; read x") == facts.argv[:3]
    assert sum(map(len, facts.argv)) < 100_000


def test_report_of_a_start_that_cannot_be_read(machine, monkeypatch):
    """What was started is ended, with all that it has started, before the error is raised."""
    read, ours = os.read, os.getpid()

    def fails(fd, most):
        text = read(fd, most)
        if os.getpid() == ours and text.startswith(b"started"):
            raise OSError(errno.EIO, "Input/output error")
        return text

    with monkeypatch.context() as broken:
        broken.setattr("os.read", fails)
        with pytest.raises(HostError, match=r"^launch \(/bin/sh\) failed: Input/output error"):
            machine.launch(["/bin/sh", "-c", "setsid sleep 6162 & exec sleep 6162"])

    assert "sleep 6162" not in map(machine.title, machine.pids())


def test_launcher_that_fails(machine, monkeypatch):
    """A launcher that cannot go on ends the daemon: nothing is left that nothing watches."""

    def fails(*_kept):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(spawn, "keep_only", fails)

    with pytest.raises(HostError, match="/bin/sleep cannot be executed: Too many open files"):
        machine.launch(["/bin/sleep", "6163"])

    assert "/bin/sleep 6163" not in map(machine.title, machine.pids())


def test_machine_that_lacks_something(machine, monkeypatch):
    """That no process can be forked, or none prepared, says nothing about the program."""

    def fails(*_args):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(spawn, "prepare", fails)
    with pytest.raises(HostError, match="/bin/true cannot be executed: Resource") as caught:
        machine.spawn(["/bin/true"])
    assert HostError is type(caught.value)

    monkeypatch.setattr("os.fork", fails)
    with pytest.raises(HostError, match=r"^spawn \(/bin/true\) failed: Resource") as caught:
        machine.spawn(["/bin/true"])
    assert HostError is type(caught.value)


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSYS, CannotCopy), (errno.EPERM, CannotCopy), (24, HostError)]
)
def test_sockets_without_pidfds(machine, monkeypatch, number, error):
    """That the kernel refuses pidfds is known; that there is no descriptor may pass."""

    def fails(_pid):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.pidfd_open", fails)

    with pytest.raises(error, match=os.strerror(number)):
        machine.copy_listeners(machine.find(os.getpid()))


def test_glob_is_that_of_python(machine, tmp_path):
    """Whatever stands in a folder, and whatever is asked for."""

    def words(signs):
        every = (itertools.product(signs, repeat=size) for size in range(1, 5))
        return map("".join, itertools.chain(*every))

    for name in set(words(".ab")) - {".", ".."}:
        (tmp_path / name).touch()

    for pattern in words(".a*"):
        path = f"{tmp_path}/{pattern}"
        assert sorted(glob.glob(path)) == machine.glob(path)
