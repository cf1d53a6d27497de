"""The promises that the real machine and the one in memory both keep."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib import import_module

import pytest
from fakes import ALL_SIGNALS, FakeHost, Run
from small_pipes import page_pipe

from initpy.control.run import end_group
from initpy.control.starting.lineage import descendants
from initpy.errors import InitError, Refused, SettingsError
from initpy.host import Descriptors, Host, Process, Spot, parts
from initpy.host.processes import read
from initpy.host.wait import wait_until

NOBODY = 65534
USR2 = 1 << (signal.SIGUSR2 - 1)

AWAIT = """
import os, select, sys, time
waiting = select.epoll()
waiting.register(0, select.EPOLLIN)
ours, theirs = os.pipe()  # a pipe of its own
waiting.register(ours, select.EPOLLIN)
open(sys.argv[1] + ".new", "w").write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(60)
"""

WAIT = """
import signal, threading, time
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
threading.Thread(target=lambda: signal.sigwait({signal.SIGUSR2})).start()
time.sleep(60)
"""

TELL = """
import socket, sys, time
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
    one.sendto(sys.argv[2].encode(), sys.argv[1])
open(sys.argv[3], "w").close()
time.sleep(60)
"""

LAUNCH_AND_DIE = """
import os, sys
from initpy.host import Host
child = Host().launch(sys.argv[1:])
print(child.pid, child.launcher.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_every_public_method_is_faked():
    """What the fake leaves out would reach the real machine."""
    lent = [
        getattr(import_module(f"initpy.host.{module}"), part)
        for part, (module, _) in parts._PARTS.items()
    ]
    classes = (Host, *lent)
    public = {name for part in classes for name in dir(part) if not name.startswith("_")}
    composed = {"alive", "children", "load", "pids"}  # of what is overridden

    assert composed == public - set(vars(FakeHost))
    # And each says in a sentence that a system call has failed: errors.translated.
    methods = {name: getattr(part, name) for part in classes for name in dir(part)}
    assert [] == [name for name in public if not hasattr(methods[name], "__wrapped__")]


class FakeMachine:
    """A machine in memory to try promises on."""

    def __init__(self):
        self.host = FakeHost()
        self.directory = "/m"
        self.host.put("/m", kind="dir")
        self.host.put("/proc", kind="dir")

    def path(self, name):
        """Return a path on this machine."""
        return f"{self.directory}/{name}"

    def file(self, name, text="", mode=0o644):
        """Have a file."""
        self.host.put(self.path(name), text, mode=mode)
        return self.path(name)

    def fifo(self, name):
        """Have a FIFO."""
        self.host.put(self.path(name), kind="fifo")
        return self.path(name)

    def deaf_socket(self, name):
        """Have a unix socket on which nobody listens, of mode 0660."""
        self.host.put(self.path(name), kind="socket")
        return self.path(name)

    def link(self, name, target):
        """Have a symbolic link."""
        self.host.put(self.path(name), target, kind="link")
        return self.path(name)

    def folder(self, name, mode=0o755):
        """Have a directory."""
        self.host.put(self.path(name), kind="dir", mode=mode)
        if mode & 0o002:
            self.host.distrusted[self.path(name)] = f"{self.path(name)} can be written by others"
        return self.path(name)

    def rename(self, old, new):
        """Rename a file."""
        self.host.rename(old, new)

    def process(self):
        """Start a process that does not end by itself, and catches USR2 only."""
        exe = self.file("sleeper", mode=0o755)
        return self.host.add(argv=(exe, "60"), exe=exe, caught=USR2, ppid=4242).id

    def binary(self, name):
        """Have a binary that sleeps."""
        return self.file(name, mode=0o755)

    def execute(self, path):
        """Start a process that executes that binary."""
        return self.host.add(argv=(path, "60"), exe=path).id

    def waits_for_usr2(self):
        """Start a process of which one thread waits for USR2, and the others block it."""
        return self.host.add(argv=("x",), caught=0, waited=USR2, ppid=4242).id

    def end(self, process):
        """End it, and reap it."""
        self.host.end(self.host.processes[process.pid])

    def zombie(self):
        """Return the number of a process that has ended and is not reaped."""
        return self.host.add(state="Z", argv=("x",), ppid=4242).pid

    def ends_soon(self):
        """Return a process that ends in a moment."""
        process = self.process()
        self.host.at(0.2, lambda: self.end(process))
        return process

    def program(self, *, code=0, output="", endless=False, children=0):
        """Have a program, which starts so many children; return its path."""
        path = self.file("program", mode=0o755)

        def begin(child):
            for _ in range(children):
                self.host.add(ppid=child.pid, session=child.pid)

        seconds = float("inf") if endless else 0.01
        run = Run(code=code, output=output, seconds=seconds, begin=begin)
        self.host.programs[path] = lambda _argv: run
        return path

    def background(self):
        """Have a program that leaves a process behind as a daemon does; return its path."""
        path = self.file("background", mode=0o755)
        exe = self.file("sleeper", mode=0o755)
        run = Run(seconds=0.01)

        def begin(child):
            run.then = lambda: self.host.add(ppid=child.parent, argv=(exe, "60"), exe=exe)

        run.begin = begin
        self.host.programs[path] = lambda _argv: run
        return path

    def failing_later(self):
        """Have a program whose child is left behind, and fails; return its path."""
        path = self.file("failing", mode=0o755)
        run = Run(seconds=0.01)

        def begin(child):
            run.then = lambda: setattr(child, "last_code", 7)

        run.begin = begin
        self.host.programs[path] = lambda _argv: run
        return path

    def launch_and_die(self, path):
        """Have a script launch a program, and be killed; return the two processes."""
        child = self.host.launch([path])
        launched = self.host.find(child.pid), child.launcher
        self.host.bury_script()
        return launched

    def writer(self, *paths):
        """Return a process that appends to files, on descriptors from 7 on."""
        process = self.host.add()
        for fd, path in enumerate(paths, 7):
            self.host.open_log(process, path, fd)
        return process.id

    def piped(self, log):
        """Return a process that reads a pipe and has that log, and one that is to write to it."""
        reader, writer = self.host.add(), self.host.add()
        self.host.open_log(reader, log, 2)
        writer.pipes = {1: reader}
        return reader.id, writer.id

    def awaiting(self, log):
        """Return two such processes; the reader waits by epoll, the writer cannot be seen."""
        reader, writer = self.piped(log)
        self.host.processes[writer.pid].unseen = True
        return reader, writer

    def write_lines(self, writer, *lines):
        """Have a process write these lines, and end."""
        process = self.host.processes[writer.pid]
        for line in lines:
            self.host.write_line(process, line.encode(), 1)
        self.host.end(process)

    def stream(self, _kind):
        """Return a stream for 4096 bytes, what reads so many of it, and what closes its reader."""
        self.host.room[1] = 4096

        def read():
            self.host.room[1] = 4096

        return 1, read, lambda: self.host.room.update({1: BrokenPipeError(32, "Broken pipe")})

    def listener(self):
        """Return a process that listens, and where."""
        process = self.host.add(sockets={77: "127.0.0.1:8080"})
        return process.id, "127.0.0.1:8080"

    def unix_socket(self, name, *, listens=True):
        """Have a unix socket, on which something listens, or nothing any more; return its path."""
        self.host.put(self.path(name), kind="socket")
        if listens:
            self.host.add(sockets={78: self.path(name)})
        return self.path(name)

    def tell(self, path, text):
        """Return a process that has sent that text to that socket, and lives."""
        process = self.host.add()
        given = process.surroundings.replace(environment={"NOTIFY_SOCKET": path})
        process.surroundings = given
        self.host.notify(process, text)
        return process.id

    def close(self):
        """Have nothing left."""


class RealMachine(FakeMachine):
    """The machine we run on, in a directory of its own."""

    def __init__(self, directory):
        self.host = Host()
        self.directory = str(directory)
        self.started = []
        self.sockets = []
        self.streams = []

    def file(self, name, text="", mode=0o644):
        """Have a file."""
        with open(self.path(name), "w") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def fifo(self, name):
        """Have a FIFO."""
        os.mkfifo(self.path(name))
        return self.path(name)

    def deaf_socket(self, name):
        """Have a unix socket on which nobody listens, of mode 0660."""
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(self.path(name))
        os.chmod(self.path(name), 0o660)
        return self.path(name)

    def link(self, name, target):
        """Have a symbolic link."""
        os.symlink(target, self.path(name))
        return self.path(name)

    def folder(self, name, mode=0o755):
        """Have a directory."""
        os.mkdir(self.path(name))
        os.chmod(self.path(name), mode)
        return self.path(name)

    def rename(self, old, new):
        """Rename a file."""
        os.rename(old, new)

    def start(self, script):
        """Start a shell with that script."""
        self.started.append(subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True))
        return self.started[-1].pid

    def process(self):
        """Start a process that does not end by itself, and catches USR2 only."""
        pid = self.start("trap : USR2; while :; do sleep 60; done")
        process = self.host.find(pid)
        self.await_true(lambda: self.host.signals(process).caught & USR2)
        return process

    def binary(self, name):
        """Have a binary that sleeps."""
        return shutil.copy("/bin/sleep", self.path(name))

    def execute(self, path):
        """Start a process that executes that binary."""
        self.started.append(subprocess.Popen([path, "60"], start_new_session=True))
        return self.host.find(self.started[-1].pid)

    def await_true(self, probe):
        """Wait until a condition holds."""
        wait_until(probe, within=10, host=self.host, what="the machine")

    def waits_for_usr2(self):
        """Start a process of which one thread waits for USR2, and the others block it."""
        argv = [sys.executable, "-IS", "-c", WAIT]
        self.started.append(subprocess.Popen(argv, start_new_session=True))
        process = self.host.find(self.started[-1].pid)
        # Before it waits it blocks the signal, and for a moment in between neither is seen.
        places = f"/proc/{process}/task/*/wchan"
        self.await_true(lambda: any("sigtimedwait" in read(place) for place in glob.glob(places)))
        return process

    def end(self, process):
        """End it, and reap it."""
        (popen,) = [popen for popen in self.started if popen.pid == process.pid]
        os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()

    def zombie(self):
        """Return the number of a process that has ended and is not reaped."""
        pid = self.start("exit 0")
        self.await_true(lambda: self.host.find(pid) is None)
        return pid

    def ends_soon(self):
        """Return a process that ends in a moment."""
        pid = self.start("kill -STOP $$; exec sleep 0.2")  # not before it is known
        self.await_true(lambda: "T" == self.host.look(pid).state)
        process = self.host.find(pid)
        os.kill(pid, signal.SIGCONT)
        return process

    def program(self, *, code=0, output="", endless=False, children=0):
        """Have a program, which starts so many children; return its path."""
        lines = ["#!/bin/sh", f"printf '%s' '{output}'"]
        lines += ["sleep 60 &"] * children
        lines += ["exec sleep 60" if endless else f"exit {code}"]
        return self.file("program", "\n".join(lines), mode=0o755)

    def background(self):
        """Have a program that leaves a process behind as a daemon does; return its path."""
        return self.file("background", "#!/bin/sh\n(setsid sleep 60 &)\n", mode=0o755)

    def failing_later(self):
        """Have a program whose child is left behind, and fails; return its path."""
        return self.file("failing", "#!/bin/sh\n(setsid sh -c 'exit 7' &)\n", mode=0o755)

    def launch_and_die(self, path):
        """Have a script launch a program, and be killed; return the two processes."""
        command = [sys.executable, "-c", LAUNCH_AND_DIE, path]
        ended = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        assert -signal.SIGKILL == ended.returncode
        return tuple(map(self.host.find, map(int, ended.stdout.split())))

    def tell(self, path, text):
        """Return a process that has sent that text to that socket, and lives."""
        said = self.path("said")
        command = [sys.executable, "-c", TELL, path, text, said]
        self.started.append(subprocess.Popen(command, start_new_session=True))
        self.await_true(lambda: os.path.exists(said))
        os.unlink(said)
        return self.host.find(self.started[-1].pid)

    def writer(self, *paths):
        """Return a process that appends to files, on descriptors from 7 on."""
        opened = "".join(f" {fd}>>'{path}'" for fd, path in enumerate(paths, 7))
        pid = self.start(f"exec{opened}; exec 6>'{self.path('other')}'; exec sleep 60")
        self.await_true(lambda: "sleep 60" == self.host.title(pid))
        return self.host.find(pid)

    def piped(self, log):
        """Return a process that reads a pipe and has that log, and one that is to write to it."""
        shell = self.start(f"cat {self.fifo('orders')} | exec sleep 60 2>>{log}; :")
        children = lambda: self.host.children(self.host.find(shell))  # noqa: E731
        found = lambda: {self.host.title(one.pid)[:3]: one for one in children()}  # noqa: E731
        self.await_true(lambda: {"cat", "sle"} == set(found()))
        return found()["sle"], found()["cat"]

    def awaiting(self, _log):
        """Return two processes; the first waits for a pipe by epoll, and nothing tells of whom."""
        command = f"{sys.executable} -c '{AWAIT}' {self.path('awaits')}"
        self.start(f"sleep 60 | exec {command}")
        self.await_true(lambda: os.path.exists(self.path("awaits")))
        with open(self.path("awaits")) as file:
            return self.host.find(int(file.read())), self.process()

    def stream(self, kind):
        """Return a stream for 4096 bytes, what reads so many of it, and what closes its reader."""
        if kind == "pipe":
            reader, writer = map(open, page_pipe(), ("rb", "wb"), (0, 0))
        else:
            reader, writer = socket.socketpair()
        self.streams += [reader, writer]
        return writer.fileno(), lambda: os.read(reader.fileno(), 4096), reader.close

    def write_lines(self, writer, *lines):
        """Have a process write these lines, and end."""
        with open(self.path("orders"), "w") as file:
            file.write("".join(f"{line}\n" for line in lines))
        self.await_true(lambda: self.host.find(writer.pid) is None)

    def listener(self):
        """Return a process that listens, and where."""
        self.sockets.append(socket.create_server(("127.0.0.1", 0)))
        port = self.sockets[-1].getsockname()[1]
        return self.host.find(os.getpid()), f"127.0.0.1:{port}"

    def unix_socket(self, name, *, listens=True):
        """Have a unix socket, on which something listens, or nothing any more; return its path."""
        made = socket.socket(socket.AF_UNIX)
        made.bind(self.path(name))
        if listens:
            made.listen()
            self.sockets.append(made)
        else:
            made.close()
        return self.path(name)

    def close(self):
        """Have nothing left."""
        for popen in self.started:
            if popen.returncode is None:
                os.killpg(popen.pid, signal.SIGKILL)
                popen.wait()
        for one in (*self.sockets, *self.streams):
            one.close()


@pytest.fixture(params=["real", "fake"])
def machine(request, tmp_path):
    """Return the real machine, and then the one in memory."""
    found = FakeMachine() if "fake" == request.param else RealMachine(tmp_path)
    yield found
    found.close()


@pytest.fixture
def host(machine):
    """Return the host of that machine."""
    return machine.host


# Processes


def test_live_process(machine, host):
    """It is found, looked at, listed, and old enough to have been started."""
    process = machine.process()

    facts = host.look(process.pid)

    assert process == host.find(process.pid) == facts.process
    assert (host.geteuid(), False) == (facts.uid, facts.nested)
    assert facts.title == host.title(process.pid) != ""
    assert facts.exe is not None
    assert process.pid in host.pids()
    assert host.listed()[process.pid] == host.listed()[process.pid]
    assert 0 <= host.age(process) < 60
    assert not host.exiting(process.pid)


def test_ourselves(host):
    """We are a process ourselves, and alive."""
    ours = host.find(host.getpid())

    assert host.alive(ours)
    assert not host.alive(ours.replace(started=ours.started + 1))


def test_former_owner_of_a_number(machine, host):
    """Of one whose number is another's by now, nothing is seen of that other one."""
    child = host.spawn([machine.program(endless=True, children=1)])
    now = host.find(child.pid)
    former = now.replace(started=now.started - 1)
    wait_until(lambda: host.children(now), within=10, host=host, what="its child")

    assert [] == host.children(former)
    assert [] == host.copy_listeners(former)
    assert set() == host.socket_inodes(former)
    assert not host.kill(former, signal.SIGKILL)
    assert now == host.find(child.pid)
    child.kill_group()
    child.close()


def test_gone_process(machine, host):
    """Of one that is gone nothing can be seen, and nothing fails."""
    process = machine.process()
    machine.end(process)

    assert host.find(process.pid) is None
    assert host.look(process.pid) is None
    assert "" == host.title(process.pid)
    assert host.signals(process) is None
    assert host.exe_file(process) is None
    assert host.exe(process.pid) is None
    assert [] == host.children(process)
    assert Descriptors() == host.descriptors(process)
    assert [] == host.copy_listeners(process)
    assert set() == host.socket_inodes(process)
    assert "" == host.systemd_unit(process)
    assert not host.kill(process, signal.SIGTERM)
    host.require_permission(process)


def test_zombie_is_gone(machine, host):
    """One that has ended and waits for its parent is no live process."""
    pid = machine.zombie()

    assert (None, None, "") == (host.find(pid), host.look(pid), host.title(pid))
    assert host.exiting(pid)


def test_binary(machine, host):
    """The binary that a process runs has the identity of its file."""
    process = machine.process()

    exe = host.look(process.pid).exe
    assert exe == host.exe(process.pid)

    assert host.file_id(exe) == host.exe_file(process) is not None
    assert host.file_id(exe) == host.file_id(f"/proc/{process.pid}/exe")
    assert host.realpath(exe) == host.realpath(f"/proc/{process.pid}/exe")


def test_unused_version(machine, host):
    """A binary has one while no process executes it; who executes another file does not count."""
    path, other = machine.binary("one"), machine.binary("other")
    machine.execute(other)
    assert (host.file_id(path), host.version(path)[1]) == split(host.unused_version(path))

    process = machine.execute(path)
    assert None is host.unused_version(path)
    machine.rename(path, machine.path("elsewhere"))  # it is executed wherever it stands
    assert None is host.unused_version(machine.path("elsewhere"))

    machine.end(process)
    # Who looks at a process in that moment keeps its memory a little longer than it lives.
    known = lambda: host.unused_version(machine.path("elsewhere"))  # noqa: E731
    assert None is not wait_until(known, within=10, host=host, what="its end")


def split(version):
    """Return the identity of a file, and its ctime."""
    return version[:2], version[2]


def test_unused_version_in_a_folder(machine, host):
    """A folder that was put back has another one, and so has what stands in it."""
    machine.folder("folder")
    path = machine.binary("folder/one")
    before = host.unused_version(path)
    machine.file("folder/other")
    assert before == host.unused_version(path)

    host.sleep(0.02)  # more than the ctime's grain
    machine.rename(machine.path("folder"), machine.path("away"))
    machine.rename(machine.path("away"), machine.path("folder"))

    assert None is not host.unused_version(path) != before


def test_unused_version_by_a_link(machine, host):
    """Where a link led meanwhile is not known."""
    assert None is host.unused_version(machine.link("link", machine.binary("one")))


def test_unused_version_in_a_folder_that_is_a_link(tmp_path):
    """A link that was turned to another folder and back has another ctime."""
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir()
    shutil.copy("/bin/sleep", folder)
    link.symlink_to(folder)
    before = Host().unused_version(f"{link}/sleep")
    assert None is not before == Host().unused_version(f"{link}/sleep")

    link.unlink()
    time.sleep(0.02)  # more than the ctime's grain
    link.symlink_to(folder)

    assert None is not Host().unused_version(f"{link}/sleep") != before


def test_unused_version_of_what_is_no_file(machine, host):
    """Of what cannot be executed nothing is known."""
    for path in (machine.path("missing"), machine.folder("folder"), machine.fifo("fifo")):
        assert None is host.unused_version(path)


def test_unused_version_of_a_script(tmp_path):
    """Another program executes it, and may have read it to its end: nothing is known."""
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\nsleep 60\n")

    assert None is Host().unused_version(str(script))


def test_unused_version_of_an_open_file(tmp_path):
    """Somebody has it open: whether anybody executes it is not known."""
    path = shutil.copy("/bin/sleep", tmp_path)

    with open(path):
        assert None is Host().unused_version(path)

    assert None is not Host().unused_version(path)


def test_unused_version_asks_without_waiting(tmp_path):
    """Another program has a lease on it, and does not give it back."""
    path = shutil.copy("/bin/sleep", tmp_path)
    with open(path) as file:
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        began = time.monotonic()

        assert None is Host().unused_version(path)

    assert time.monotonic() - began < 5


def test_unused_version_gives_the_lease_back(tmp_path):
    """Whoever opens the file afterwards, does not wait."""
    path = shutil.copy("/bin/sleep", tmp_path)

    assert None is not Host().unused_version(path)

    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes another user's file")
def test_unused_version_of_another_users_file():
    """Whoever does not own the file is not told, although it may be read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = shutil.copy("/bin/sleep", folder)
        assert None is not Host().unused_version(path)

        child = os.fork()
        if child == 0:
            os.setuid(NOBODY)
            os._exit(3 if os.access(path, os.R_OK) and not Host().unused_version(path) else 4)

        assert 3 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_kill(machine, host):
    """A signal that is not caught ends a process."""
    process = machine.process()

    assert host.kill(process, signal.SIGTERM)

    wait_until(lambda: host.find(process.pid) is None, within=10, host=host, what="its end")


def test_kill_reaches_no_other(machine, host):
    """The number alone is not the process: another one of it is not signalled."""
    process = machine.process()
    other = Process(pid=process.pid, started=process.started - 1)

    assert not host.kill(other, signal.SIGKILL)
    assert process == host.find(process.pid)


def test_signals(machine, host):
    """What a process catches can be seen."""
    masks = host.signals(machine.process())

    assert USR2 == masks.caught & USR2
    assert 0 == masks.caught & 1 << (signal.SIGHUP - 1)
    assert (0, 0) == (masks.blocked & ~ALL_SIGNALS, masks.pending)


def test_caught_signal_does_not_end_it(machine, host):
    """Nor does one that it catches."""
    process = machine.process()

    assert host.kill(process, signal.SIGUSR2)
    assert process == host.find(process.pid)


# Time


def test_sleep_takes_its_time(host):
    """The clock moves by what was slept, and not by much more."""
    before = host.monotonic()

    host.sleep(0.05)

    assert 0.05 <= host.monotonic() - before < 5


def test_sleep_ends_with_the_process(machine, host):
    """The end of the watched process ends it at once."""
    before = host.monotonic()
    process = machine.ends_soon()

    host.sleep(30, process)

    assert 0.1 < host.monotonic() - before < 15


def test_sleep_is_not_kept_by_the_gone(machine, host):
    """One that is gone, or another of its number, is not waited for."""
    process = machine.process()
    other = Process(pid=process.pid, started=process.started - 1)
    machine.end(process)
    before = host.monotonic()

    host.sleep(30, process)
    host.sleep(30, other)

    assert host.monotonic() - before < 15


def test_sleep_ends_by_itself(machine, host):
    """A process that does not end does not keep it either."""
    process = machine.process()
    before = host.monotonic()

    host.sleep(0.05, process)

    assert 0.05 <= host.monotonic() - before < 5


# Files


def test_examine(machine, host):
    """A file is what it is, and its beginning."""
    facts = host.examine(machine.file("x", "12345", 0o640), 3)

    assert (True, False, host.geteuid(), 0o640, 5, "123") == (
        facts.regular,
        facts.fixed,
        facts.uid,
        facts.mode,
        facts.size,
        facts.text,
    )
    assert host.version(machine.path("x")) == facts.version


@pytest.mark.parametrize("name", ["none", "none/none", "file/none"])
def test_nothing_there(machine, host, name):
    """Where there is nothing, nothing fails."""
    machine.file("file")
    path = machine.path(name)

    assert (None, None, None, None) == (
        host.examine(path, 9),
        host.version(path),
        host.file_id(path),
        host.size(path),
    )
    assert not host.exists(path)
    assert not host.is_executable(path)
    assert ([], "") == (host.glob(path), host.read_from(path, 0))
    assert path == host.realpath(path)
    host.remove(path)
    host.remove_empty(path)


@pytest.mark.parametrize(("kind", "fixed"), [("fifo", False), ("link", False), ("folder", True)])
def test_no_regular_file(machine, host, kind, fixed):
    """A FIFO does not block, a link is not followed; neither has a text."""
    machine.file("target", "secret")
    path = {
        "fifo": machine.fifo,
        "folder": machine.folder,
        "link": lambda name: machine.link(name, "target"),
    }[kind]("x")

    facts = host.examine(path, 9)

    assert (False, fixed, "") == (facts.regular, facts.fixed, facts.text)
    assert host.exists(path)


def test_dangling_link(machine, host):
    """It is there, and what it leads to is not."""
    path = machine.link("x", "nowhere")

    assert host.exists(path)
    assert host.version(path) is not None
    assert (None, None) == (host.file_id(path), host.size(path))
    assert machine.path("nowhere") == host.realpath(path)
    assert not host.is_executable(path)


def test_link(machine, host):
    """Followed, it is its target."""
    target, path = machine.file("target", "text", 0o755), machine.link("x", "target")

    assert host.file_id(target) == host.file_id(path) is not None
    assert host.version(target) != host.version(path)
    assert (target, 4, True) == (host.realpath(path), host.size(path), host.is_executable(path))


def test_version_tells_a_rename(machine, host):
    """A file that went away and came back shows."""
    path = machine.file("x", "42")
    before = host.version(path)
    again = host.version(path)
    host.sleep(0.02)  # more than the ctime's grain
    machine.rename(path, machine.path("y"))
    machine.rename(machine.path("y"), path)

    after = host.version(path)

    assert before == again != after
    assert before[0] == after[0]


def test_executable(machine, host):
    """A file with its bit set is, and nothing else."""
    assert host.is_executable(machine.file("x", mode=0o755))
    assert not host.is_executable(machine.file("y", mode=0o644))
    assert not host.is_executable(machine.folder("z"))


def test_write(machine, host):
    """A file is written whole, with its mode, in the place of what was there."""
    path = machine.file("x", "before", 0o600)
    before = host.file_id(path)

    host.write(path, "after", 0o755)

    facts = host.examine(path, 99)
    assert ("after", 0o755) == (facts.text, facts.mode)
    assert before != host.file_id(path)
    assert [path] == host.glob(machine.path("*"))


def test_write_any_text(machine, host):
    """What is written is what is read, be it a line's end, or a byte that is not UTF-8."""
    path, text = machine.path("x"), "a\0b\nc\r\nd\x85e\udcff\u20ac\n"

    host.write(path, text)

    assert text == host.examine(path, 99).text == host.read_from(path, 0)


def test_write_over_a_link(machine, host):
    """A link is replaced, not followed."""
    target, path = machine.file("target", "before"), machine.link("x", "target")

    host.write(path, "after")

    assert ("before", "after") == (host.read_from(target, 0), host.read_from(path, 0))
    assert host.examine(path, 9).regular


def test_write_where_it_cannot_be(machine, host):
    """Without its directory there is no file, and a sentence why."""
    with pytest.raises(InitError, match="cannot be written: No such file or directory"):
        host.write(machine.path("none/x"), "text")


def test_remove(machine, host):
    """A file goes, a directory does not."""
    host.remove(machine.file("x"))

    assert not host.exists(machine.path("x"))
    with pytest.raises(InitError, match="cannot be removed"):
        host.remove(machine.folder("y"))


def test_rename(machine, host):
    """A file has another path, and what was there is gone; a link is not followed."""
    old, new = machine.file("x", "text"), machine.file("y", "other")
    link = machine.link("l", "y")

    host.rename(old, new)
    host.rename(link, machine.path("m"))

    assert ("text", False) == (host.read_from(new, 0), host.exists(old))
    assert "y" == host.link_target(machine.path("m"))
    with pytest.raises(InitError, match="No such file or directory"):
        host.rename(old, new)


def test_make_link(machine, host):
    """A link leads where it is told; what is there is not replaced, and is no link."""
    host.make_link(machine.path("l"), "x")

    with pytest.raises(InitError, match="cannot be made: File exists"):
        host.make_link(machine.file("x"), "y")
    assert ("x", "", "") == tuple(host.link_target(machine.path(name)) for name in ("l", "x", "z"))


def test_remove_empty(machine, host):
    """An empty directory goes; one that is not empty, and all else, stays."""
    gone = machine.folder("y")
    stay = [machine.file("x", "text"), machine.folder("z"), machine.file("z/x")]
    stay += [machine.fifo("f"), machine.link("l", "z")]

    for path in (gone, *stay):
        host.remove_empty(path)

    assert (False, [True] * 5) == (host.exists(gone), list(map(host.exists, stay)))


def test_make_directory(machine, host):
    """It is made, with those above it; one that is there is well."""
    for _ in range(2):
        host.make_directory(machine.path("a/b"))

    assert host.examine(machine.path("a/b"), 9).fixed
    assert host.examine(machine.path("a"), 9).fixed


def test_mark_in_a_directory_of_others(machine, host):
    """No mark is made, or removed, in a directory that others could have made."""
    folder = machine.folder("subsys", 0o777)
    path = machine.file("subsys/x", "text")

    host.mark_started(folder + "/y")
    host.mark_stopped(path)

    assert (True, False) == (host.exists(path), host.exists(folder + "/y"))


def test_mark_started(machine, host):
    """A mark is made where there is a place for it, and one that is there stays."""
    folder = machine.folder("subsys")

    host.mark_started(folder + "/x")
    host.mark_started(machine.path("none/x"))

    assert (True, False) == (host.exists(folder + "/x"), host.exists(machine.path("none/x")))

    path = machine.file("y", "text")
    host.mark_started(path)

    assert 4 == host.size(path)


def test_read_from(machine, host):
    """A file is read from a place on, and not beyond what was asked for."""
    path = machine.file("x", "0123456789")

    assert ("789", "12", "", 10) == (
        host.read_from(path, 7),
        host.read_from(path, 1, 2),
        host.read_from(path, 99),
        host.size(path),
    )
    assert host.size(machine.folder("y")) is None


def test_read_from_no_file(machine, host):
    """A FIFO that stands where a log was is not waited for, and nothing else is a file either."""
    others = [machine.fifo("fifo"), machine.folder("folder"), machine.deaf_socket("socket")]

    assert ["", "", ""] == [host.read_from(path, 0) for path in others]


def test_glob(machine, host):
    """A pattern is every path that matches, sorted; a path is itself."""
    paths = [machine.file(name) for name in ("b.conf", "a.conf", "c.txt")]
    machine.folder("d.conf.d")
    machine.file("d.conf.d/x.conf")

    assert sorted(paths[:2]) == host.glob(machine.path("*.conf"))
    assert [paths[2]] == host.glob(paths[2])
    assert [paths[1]] == host.glob(machine.path("[a]?conf"))
    assert [] == host.glob(machine.path("none/*.conf"))


def test_distrust(machine, host):
    """A directory that others can write makes whatever is in it theirs."""
    machine.folder("tight")
    machine.folder("loose", 0o777)
    machine.folder("loose/tight")
    tight, loose = machine.file("tight/x"), machine.file("loose/tight/x")

    assert "" == host.distrust(tight)
    assert f"{machine.path('loose')} can be written by others" == host.distrust(loose)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (0o644, ""),
        (0o600, ""),
        (0o664, "it can be written by others"),
        (0o646, "it can be written by others"),
    ],
)
def test_distrust_file(machine, host, mode, reason):
    """A file that others can write is theirs."""
    facts = host.examine(machine.file("x", mode=mode), 9)

    assert reason == host.distrust_file(facts)
    assert "it belongs to" in host.distrust_file(facts.replace(uid=54321))


def test_owner(machine, host):
    """A file has a user and a group, which it can be written for; what is not there has none."""
    path = machine.file("x")
    ours = host.owner(path)

    host.write(machine.path("y"), "42\n", owner=ours)

    assert host.geteuid() == ours[0]
    assert ours == host.owner(machine.path("y"))
    assert None is host.owner(machine.path("missing"))


@pytest.mark.parametrize(("mode", "reason"), [(0o644, ""), (0o646, " can be written by others")])
def test_distrust_but(machine, host, mode, reason):
    """A file of ours is distrusted on behalf of a user only if others can write it."""
    path = machine.file("x", mode=mode)

    assert host.distrust_but(path, 54321) == (path + reason if reason else "")


def test_distrust_but_of_a_folder(machine, host):
    """So is one in a folder in which others can write."""
    machine.folder("loose", 0o777)

    why = host.distrust_but(machine.file("loose/x"), 54321)

    assert f"{machine.path('loose')} can be written by others" == why


def test_blocked_by_threads(machine, host):
    """A signal for which one thread waits, and which the others block, is told."""
    process = machine.waits_for_usr2()

    assert host.blocked_by_threads(process) & USR2
    assert not host.signals(process).caught & USR2
    machine.end(process)
    assert 0 == host.blocked_by_threads(process)


def test_lock(machine, host):
    """One holds it, signs it, and lets it go; the file stays."""
    path = machine.path("lock/x")
    first = host.lock(path)
    host.sign_lock(first, "a longer text")
    host.sign_lock(first, "first")
    second = host.lock(path)
    host.unlock(first)
    third = host.lock(path)

    assert second is None
    assert None not in (first, third)
    assert "first" == host.examine(path, 99).text
    host.unlock(third)
    assert host.exists(path)


# Programs


@pytest.mark.parametrize("code", [0, 3])
def test_spawn(machine, host, code):
    """A program runs to its end, and its code and output can be had."""
    child = host.spawn([machine.program(code=code, output="said"), "x"])

    wait_until(lambda: child.poll() is not None, within=10, host=host, what="its end")

    assert (code, "said", None) == (child.poll(), child.output(), host.find(child.pid))
    child.kill_group()
    child.close()


def test_spawn_goes_on(machine, host):
    """While it runs it has no code, and killed it has that of the signal."""
    child = host.spawn([machine.program(endless=True)])
    process = host.find(child.pid)
    before = child.poll()

    child.kill_group()

    assert (None, -signal.SIGKILL) == (before, child.poll())
    assert host.find(process.pid) != process
    child.close()


def test_kill_group(machine, host):
    """What a program has started goes with it."""
    child = host.spawn([machine.program(endless=True, children=1)])
    process = host.find(child.pid)
    wait_until(lambda: host.children(process), within=10, host=host, what="its child")
    (more,) = host.children(process)

    end_group(child, host)

    assert host.find(more.pid) != more
    child.close()


def test_kill_group_after_its_end(machine, host):
    """When it returns, all that a program has left in its group when it ended is gone.

    A process takes KILL when it runs next: some of so many after us.
    """
    child = host.spawn([machine.program(children=100)])
    wait_until(lambda: child.poll() is not None, within=10, host=host, what="its end")
    seen = [facts for pid in host.pids() if (facts := host.look(pid))]
    left = [facts.process for facts in seen if facts.session == child.pid]

    end_group(child, host)

    alive = [one for one in reversed(left) if host.find(one.pid) == one]
    child.close()
    assert (100, []) == (len(left), alive)


@pytest.mark.parametrize(("name", "why"), [("none", "No such file"), ("y", "Permission denied")])
def test_not_spawned(machine, host, name, why):
    """What is missing or not executable is told as execve(2) tells it."""
    machine.file("y", "#!/bin/sh\n")

    with pytest.raises(Refused, match=why):
        host.spawn([machine.path(name)])


# Daemons


def end_all(child, host):
    """End what was launched, and all that it has left."""
    for process in descendants(child.launcher, host)[1:]:
        host.kill(process, signal.SIGKILL)
    wait_until(lambda: not host.children(child.launcher), within=10, host=host, what="their end")
    child.close()


def test_launch(machine, host):
    """What a daemon leaves behind descends from its launcher, though its parent has ended."""
    child = host.launch([machine.background()])
    wait_until(lambda: child.poll() is not None, within=10, host=host, what="its end")

    (left,) = host.children(child.launcher)

    assert 0 == child.poll()
    assert child.launcher.pid == host.look(left.pid).ppid
    assert left.pid != child.pid
    end_all(child, host)
    assert not host.alive(left)


def test_code_of_what_fails_later(machine, host):
    """The launcher tells with which code a descendant has failed, also one that lost its parent."""
    child = host.launch([machine.failing_later()])

    wait_until(lambda: child.poll() is not None, within=10, host=host, what="its end")
    wait_until(child.is_gone, within=10, host=host, what="the end of all")

    assert 7 == child.last_code
    child.close()


def test_is_gone(machine, host):
    """The launcher tells when nothing is left of what it has started."""
    child = host.launch([machine.background()])
    wait_until(lambda: child.poll() is not None, within=10, host=host, what="its end")
    (left,) = host.children(child.launcher)

    there = child.is_gone()
    host.kill(left, signal.SIGKILL)

    assert not there
    wait_until(child.is_gone, within=10, host=host, what="its end")
    assert 0 == child.poll()
    child.close()


def test_sealed_output(machine, host):
    """What a daemon says is kept until it serves; from then on nothing is added."""
    child = host.launch([machine.program(output="said")])
    wait_until(lambda: child.poll() is not None, within=10, host=host, what="its end")

    child.seal_output()

    assert "said" == child.output()
    child.close()


def test_no_refusal(machine, host):
    """Here signals are sent through pidfds."""
    assert machine.host is host
    assert "" == host.why_unsafe()


def test_release(machine, host):
    """When the launcher is gone, init has adopted what was started, and it goes on."""
    child = host.launch([machine.program(endless=True)])
    process, launcher = host.find(child.pid), child.launcher

    child.release()

    assert (None, False) == (child.launcher, host.alive(launcher))
    assert host.reaper() == host.look(process.pid).ppid
    assert host.alive(process)
    child.release()
    child.close()
    host.kill(process, signal.SIGKILL)
    wait_until(lambda: not host.alive(process), within=10, host=host, what="its end")


@pytest.mark.parametrize("code", [0, 3])
def test_launch_reports(machine, host, code):
    """The daemon's own end is told with its code, and what it has said."""
    child = host.launch([machine.program(code=code, output="said"), "x"])

    wait_until(lambda: child.poll() is not None, within=10, host=host, what="its end")

    assert (code, "said", None) == (child.poll(), child.output(), host.find(child.pid))
    assert host.alive(child.launcher)
    child.close()
    assert code == child.poll()


def test_launched_daemon_is_killed(machine, host):
    """While it runs it has no code, and killed it has that of the signal."""
    child = host.launch([machine.program(endless=True)])
    before = child.poll()

    host.kill(host.find(child.pid), signal.SIGKILL)
    wait_until(lambda: child.poll() is not None, within=10, host=host, what="its end")

    assert (None, -signal.SIGKILL) == (before, child.poll())
    child.close()


def surroundings_of(child, host):
    """Return those of a program that was launched: its environment is there after execve(2)."""

    def known():
        found = host.surroundings(host.find(child.pid))
        return found if found.environment is not None else None

    return wait_until(known, within=10, host=host, what="its environment")


def test_surroundings(machine, host):
    """A daemon has those that it is given, and what is set for it besides."""
    found = host.surroundings(machine.process())
    wanted = found.replace(
        environment={"A": "b", "EMPTY": ""},
        limits={**found.limits, "RLIMIT_CORE": (0, 0)},
        affinity=frozenset({min(found.affinity)}),
        oom_score_adj=found.oom_score_adj + 7,
        umask=0o027,
        nice=3,
    )

    child = host.launch(
        [machine.program(endless=True)],
        surroundings=wanted,
        environment={"TOLD": "4"},
        limits={"RLIMIT_NOFILE": (99, 100)},
        nice=2,
    )

    given = surroundings_of(child, host)
    assert {"A": "b", "EMPTY": "", "TOLD": "4"}.items() <= given.environment.items()
    assert {**wanted.limits, "RLIMIT_NOFILE": (99, 100)} == given.limits
    assert 5 == given.nice
    same = {"environment": None, "limits": None, "nice": None}
    assert wanted.replace(**same) == given.replace(**same)
    assert [] == child.withheld
    end_all(child, host)


def test_surroundings_of_a_start(machine, host):
    """They can be given to a daemon; what only init has is not among them."""
    wanted = host.start_surroundings()

    child = host.launch([machine.program(endless=True)], surroundings=wanted)

    given = surroundings_of(child, host)
    assert (0, (0, 0), wanted.affinity, 0o022) == (
        given.nice,
        given.scheduler,
        given.affinity,
        given.umask,
    )
    assert wanted.environment.items() <= given.environment.items()
    assert wanted.limits.keys() == given.limits.keys()
    end_all(child, host)


def test_surroundings_of_an_ended_process(machine, host):
    """Nothing is known of them."""
    process = machine.process()
    machine.end(process)

    found = host.surroundings(process)

    assert (None, {}, None, None) == (found.environment, found.limits, found.nice, found.umask)
    assert (None, {}) == (found.login_uid, found.cgroups)


def test_no_surroundings(machine, host):
    """Where they cannot be read, a daemon has the environment of a start."""
    found = host.surroundings(machine.process())

    child = host.launch(
        [machine.program(endless=True)], surroundings=found.replace(environment=None)
    )

    given = surroundings_of(child, host).environment
    assert ("C", None) == (given["LANG"], given.get("HOME"))
    assert ["environment, which cannot be read"] == child.withheld
    end_all(child, host)


def test_descriptor_limit(machine, host):
    """It is raised to the hard one and restored, and a daemon may be given the former one."""
    former = host.raise_descriptor_limit()
    child = host.launch(
        [machine.program(endless=True)], limits={"RLIMIT_NOFILE": (former[0] - 1, former[1])}
    )
    raised = host.raise_descriptor_limit()
    host.restore_descriptor_limit(former)
    restored = host.raise_descriptor_limit()
    host.restore_descriptor_limit(restored)

    limits = host.surroundings(host.find(child.pid)).limits["RLIMIT_NOFILE"]
    end_all(child, host)
    assert (former[0] - 1, former[1]) == limits
    assert ((former[1], former[1]), former) == (raised, restored)


@pytest.mark.parametrize(("name", "why"), [("none", "No such file"), ("y", "Permission denied")])
def test_not_launched(machine, host, name, why):
    """What cannot be executed is told as execve(2) tells it, and no launcher is left."""
    machine.file("y", "#!/bin/sh\n")

    def ours():
        looks = [facts for pid in host.pids() if (facts := host.look(pid))]
        return {facts.process for facts in looks if facts.ppid == host.getpid()}

    before = ours()

    with pytest.raises(Refused, match=why):
        host.launch([machine.path(name)])

    assert before == ours()


def test_launcher_holds_no_lock(machine, host):
    """The lock is free when the action that has started a daemon is over, or was killed."""
    lock = host.lock(machine.path("lock"))
    child = host.launch([machine.program(endless=True)])

    host.unlock(lock)

    again = host.lock(machine.path("lock"))
    assert again is not None
    host.unlock(again)
    end_all(child, host)


def test_script_is_killed(machine, host):
    """The daemon goes on, adopted by init, when its launcher is gone, which is soon."""
    process, launcher = machine.launch_and_die(machine.program(endless=True))
    assert host.alive(launcher)

    wait_until(lambda: not host.alive(launcher), within=10, host=host, what="its launcher's end")

    assert host.reaper() == host.look(process.pid).ppid
    host.kill(process, signal.SIGKILL)


# Sockets


def appended(host, process):
    """Return what a process appends to, by its descriptors."""
    return {one.fd: one for one in host.descriptors(process).appended if one.fd > 2}


def test_descriptors(machine, host):
    """The files to which a process appends are told, wherever they are by now; others are not."""
    paths = [machine.file(name) for name in "abc"]
    ids = [host.file_id(path) for path in paths]
    process = machine.writer(*paths)
    machine.rename(paths[1], machine.path("d"))
    host.remove(paths[2])

    found = appended(host, process)

    places = [paths[0], machine.path("d"), f"{paths[2]} (deleted)"]
    assert dict(zip((7, 8, 9), zip(ids, places, (False, False, True)))) == {
        fd: (one.file, one.path, one.removed) for fd, one in found.items()
    }
    assert Descriptors() == host.descriptors(process.replace(started=process.started - 1))


def test_descriptors_through_a_link(machine, host):
    """A file that was opened through a link is itself."""
    path = machine.file("a")

    found = appended(host, machine.writer(machine.link("b", path)))

    assert [(host.file_id(path), path)] == [(one.file, one.path) for one in found.values()]


def test_nameless_files(machine, host):
    """A file that was removed while a process has it open is told, with its mode."""
    paths = [machine.file("a"), machine.file("b", mode=0o640)]
    process = machine.writer(*paths)
    host.remove(paths[1])

    found = host.nameless_files(process)

    assert (paths[1], 0o640) in [(one.path, one.mode) for one in found]
    assert paths[0] not in [one.path for one in found]
    assert () == host.nameless_files(process.replace(started=process.started - 1))


def test_sockets_of_descriptors(machine, host):
    """Its sockets are told with them."""
    process, _ = machine.listener()

    assert host.socket_inodes(process) == host.descriptors(process).sockets != set()


def test_listener(machine, host):
    """Where a process listens can be seen, and copied; a copy is ours to close."""
    process, place = machine.listener()

    copies = host.copy_listeners(process)

    (copy,) = [copy for copy in copies if place == copy.place]
    assert (False, True) == (copy.unix, copy.inode in host.socket_inodes(process))
    for one in copies:
        host.close(one.fd)


# Pipes


def test_pipe_is_read_on(machine, host):
    """What is written to a pipe whose reader was killed comes to the reader's log."""
    log = machine.file("log", "before\n")
    reader, writer = machine.piped(log)
    (pipe,) = host.pipes_between(reader, [writer])
    machine.rename(log, machine.path("log.1"))

    host.relay(reader, [pipe], lambda pipe, said, _now: b"%d: %s\n" % (pipe.stream, said))
    host.kill(reader, signal.SIGKILL)
    wait_until(lambda: not host.alive(reader), within=10, host=host, what="the reader's end")
    machine.write_lines(writer, "one", "two")

    text = lambda: host.read_from(machine.path("log.1"), 0)  # noqa: E731
    whole = "before\n1: one\n1: two\n"
    wait_until(lambda: whole == text(), within=10, host=host, what=lambda: f"not {text()}")
    assert (writer, 1) == (pipe.writer, pipe.stream)


def test_no_pipes(machine, host):
    """A pipe between others is not one's own, and a process that is gone has none."""
    reader, writer = machine.piped(machine.file("log"))
    former = reader.replace(started=reader.started - 1)
    other = machine.process()

    assert [] == host.pipes_between(other, [writer])
    assert [] == host.pipes_between(writer, [reader])
    assert [] == host.pipes_between(reader, [other])
    assert [] == host.pipes_between(former, [writer])


def test_pipe_of_an_unseen_writer(machine, host):
    """A pipe is known, too, if only its reader can be seen, and waits for it."""
    reader, writer = machine.awaiting(machine.file("log"))

    (pipe,) = host.pipes_between(reader, [writer])

    assert (None, 0) == (pipe.writer, pipe.stream)


def test_pipe_of_the_gone(machine, host):
    """Pipes whose reader has ended are not read, and it is said."""
    reader, writer = machine.piped(machine.file("log"))
    pipes = host.pipes_between(reader, [writer])
    host.kill(reader, signal.SIGKILL)
    wait_until(lambda: not host.alive(reader), within=10, host=host, what="the reader's end")

    with pytest.raises(InitError):
        host.relay(reader, pipes, lambda _pipe, _said, _now: b"")


def test_reaper(host):
    """Somebody adopts orphans, and is there; init's processes are shown to us."""
    assert host.reaper() in (1, *host.pids())
    assert host.sees_all()


def test_addresses_of(host):
    """A name that stands nowhere has no address, and that is known at once."""
    assert set() == host.addresses_of("no-such-name.invalid")


def test_addresses_of_a_star(host):
    """A host called * is this one, as getaddrinfo(3) of glibc has it."""
    assert {"127.0.0.1", "::1"} == host.addresses_of("*")


# Unix sockets


def test_socket_is_removed(machine, host):
    """A unix socket is removed if it is the very file that was seen."""
    path = machine.deaf_socket("x.sock")

    assert host.remove_socket(path, host.version(path))
    assert not host.exists(path)
    assert not host.remove_socket(path, (1, 1))


def test_other_file_is_not_removed(machine, host):
    """A socket that was made meanwhile stays, and what is not one, and where a link leads."""
    path = machine.deaf_socket("x.sock")
    before = host.version(path)
    machine.rename(path, machine.path("elsewhere"))
    other = machine.deaf_socket("x.sock")
    file = machine.file("file")
    link = machine.link("link", other)

    assert not host.remove_socket(path, before)
    assert not host.remove_socket(file, host.version(file))
    assert not host.remove_socket(link, host.version(other))
    assert not host.remove_socket(machine.path("no/x.sock"), before)
    assert all(map(host.exists, (other, file, link)))


def test_access(machine, host):
    """Who may connect to a socket is told; of what is not there, nothing."""
    path = machine.deaf_socket("x.sock")

    told = host.socket_access(path)

    assert (host.geteuid(), 0o660) == (told.uid, told.mode)
    assert ({}, {}, False) == (told.users, told.groups, told.imposed)
    assert host.socket_access(machine.path("no.sock")) is None


def test_users_and_groups(host):
    """Names and numbers of users and groups lead to one another."""
    assert ((0, 0), 0) == (host.user_id("root"), host.group_id("root"))
    assert ("root", "root") == (host.name_of(0), host.name_of(0, group=True))
    assert host.user_id("nobody of that name") is host.group_id("nobody of that name") is None
    assert ("uid 54321", "gid 54321") == (host.name_of(54321), host.name_of(54321, group=True))


def test_nothing_holds_a_socket_that_is_not_there(machine, host):
    """A number that no socket has is held by no process."""
    machine.listener()

    assert [] == host.socket_holders(1 << 60)


@pytest.mark.real
def test_notices(machine, host):
    """What the daemon's processes send is received, and nothing else; then the path is gone."""
    heard = host.notice_socket()
    ours = machine.tell(heard.path, "READY=1\nSTATUS=x")
    machine.tell(heard.path, "READY=1")
    asked = []

    def accepts(process):
        asked.append(process)
        return process == ours

    said = [heard.receive(accepts), heard.receive(accepts)]
    heard.close()

    assert [["READY=1\nSTATUS=x"], []] == said
    assert 2 == len(set(asked))
    assert not host.exists(heard.path)
    again = host.notice_socket(heard.path)
    assert heard.path == again.path
    again.close()


def test_account(host):
    """A user has a number, a group, and perhaps another group instead; or there is none."""
    root, other = host.account("root"), host.account("root:www-data")

    assert ("root", 0, 0) == (root.name, root.uid, root.gid)
    assert (0, host.group_id("www-data")) == (other.uid, other.gid)
    assert other.gid in other.groups
    with pytest.raises(SettingsError, match="the user redix does not exist"):
        host.account("redix:root")
    with pytest.raises(SettingsError, match="the group redix does not exist"):
        host.account("root:redix")


def test_inodes_beside(machine, host):
    """A file is found in its directory by its inode, whatever its name; or nothing is."""
    path = machine.file("x")

    assert host.file_id(path)[1] in host.inodes_beside(machine.path("y"))
    assert set() == host.inodes_beside("/nowhere/x")


def test_account_with_capabilities(host):
    """What a user is let do besides is told by names, and done by numbers."""
    assert (10, 13) == host.account("root", ("CAP_NET_BIND_SERVICE", "CAP_NET_RAW")).capabilities
    with pytest.raises(SettingsError, match="CAP_FLY is not a capability"):
        host.account("root", ("CAP_FLY",))


def owned(host, path):
    """Return the owner of a directory, by name, and its mode."""
    facts = host.examine(host.realpath(path), 0)
    return host.name_of(facts.uid), facts.mode


def test_directory_of_a_user(machine, host):
    """It is made with its owner and mode, and mended if it is root's or that user's."""
    path = machine.path("a/b")
    above, below = machine.path("a"), machine.path("a/b/c")

    made = host.own_directory(path, 0o2770, 33, 33)
    before = owned(host, path)
    inside = host.own_directory(below, 0o700, 33, 33)
    mended = host.own_directory(path, 0o750, 33, 33)
    others = host.own_directory(path, 0o700, 0, 0)

    assert ["", "", ""] == [made, inside, mended]
    assert ("www-data", 0o2770) == before
    assert ("root", 0o755) == owned(host, above)
    assert ("www-data", 0o700) == owned(host, below)
    assert f"{path} belongs to www-data, and stays as it is" == others
    assert ("www-data", 0o750) == owned(host, path)


def test_directory_behind_a_link(machine, host):
    """A link of root's in root's folder is followed; a file is not a directory."""
    folder, link = machine.folder("d"), machine.link("l", machine.path("d"))

    assert "" == host.own_directory(f"{link}/x", 0o755, 33, 33)
    assert ("www-data", 0o755) == owned(host, f"{folder}/x")
    with pytest.raises(InitError, match="f cannot be made: Not a directory"):
        host.own_directory(machine.file("f"), 0o755, 33, 33)


def test_greatest_backlog(host):
    """The kernel grants some."""
    assert host.most_backlog() > 0


def test_trial_of_an_address(machine, host):
    """An address that another socket has cannot be bound; one that is free can, again and again."""
    _, place = machine.listener()
    address, _, port = place.rpartition(":")

    assert "Address already in use" == host.why_not_bound(address, int(port))
    assert ["", ""] == [host.why_not_bound("127.0.0.77", int(port)) for _ in range(2)]
    assert "" == host.why_not_bound(address, int(port), datagram=True)


def test_resolve(host):
    """A literal address is itself; a name without an address is an error."""
    assert [["127.0.0.1"], ["::1"]] == [host.resolve("127.0.0.1"), host.resolve("::1")]
    with pytest.raises(InitError, match=r"no-such-name.invalid cannot be resolved: \w+"):
        host.resolve("no-such-name.invalid")


def test_spot(machine, host):
    """What stands at a path, and whether something may be made there, as a process sees it."""
    process = machine.process()
    file, folder = machine.file("f"), machine.folder("d")
    link = machine.link("l", folder)

    assert Spot() == host.spot(process, f"{folder}/new")
    assert Spot() == host.spot(process, f"{link}/new")
    assert Spot(kind="file") == host.spot(process, file)
    assert Spot(kind="directory") == host.spot(process, folder)
    assert Spot(kind="file") == host.spot(process, link)  # it is replaced, not what it leads to
    gone = Spot(folder="No such file or directory", missing=True)
    assert gone == host.spot(process, f"{folder}/gone/new")
    assert Spot(folder="Not a directory", missing=True) == host.spot(process, f"{file}/new")
    dangling = machine.link("dangling", f"{folder}/gone")
    assert Spot(kind="file") == host.spot(process, dangling)
    machine.end(process)
    assert gone == host.spot(process, file)
    assert not host.answers(process, file)


def test_spot_in_a_file_system_of_the_kernels_own(machine, host):
    """Root seems to be allowed to write to its folder, and can make nothing there."""
    why = "its folder is in a file system (proc) in which nothing can be made"

    assert Spot(folder=why) == host.spot(machine.process(), "/proc/x.sock")


@pytest.mark.parametrize("listens", [True, False])
def test_spot_of_a_unix_socket(machine, host, listens):
    """It is known by its inode, and whether it answers."""
    process = machine.process()
    path = machine.unix_socket("s", listens=listens)

    spot = host.spot(process, path)

    assert Spot(kind="socket", socket=host.file_id(path)) == spot
    assert listens == host.answers(process, path)
    assert not host.answers(process, machine.path("d/s"))


def test_file_limits(machine, host):
    """A process may have some descriptors, and may perhaps have more."""
    process = machine.process()

    soft, most = host.file_limits(process)
    machine.end(process)

    assert 0 < soft <= most
    assert (soft, most) == host.file_limits()
    assert (0, 0) == host.file_limits(process)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_stream_that_nobody_reads(machine, host, kind):
    """It takes what it has room for, then nothing, and nobody waits; without a reader it fails."""
    fd, read, close = machine.stream(kind)
    taken = host.offer(fd, b"x" * 10000)
    while host.offer(fd, b"x" * 10000):
        pass

    assert 4096 == taken
    assert 0 == host.offer(fd, b"x")
    while not host.offer(fd, b"x"):
        read()
    close()
    with pytest.raises(InitError, match="Broken pipe") as caught:
        while True:
            host.offer(fd, b"x")
    assert isinstance(caught.value, OSError)
