"""The commands killproc and pidofproc on real processes (LSB 20.8)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest
from real_daemons import wait_until

pytestmark = pytest.mark.real


COMMAND = [
    sys.executable,
    "-I",
    "-c",
    "import initpy.tools.command as c; raise SystemExit(c.main())",
]


class Program:
    """A private program that only sleeps, and how the command sees it."""

    def __init__(self, place):
        self.place = place
        self.path = place.copy(shutil.which("sleep"), "sbin/sleeper")
        self.pidfile = place.path("sleeper.pid")
        self.child = None
        self.others = []

    def start(self, path=""):
        """Run it in the background, its pidfile written."""
        self.child = subprocess.Popen([path or self.path, "600"])
        self.place.write("sleeper.pid", f"{self.child.pid}\n")
        return self.child

    def command(self, *words):
        """Run the initpy command; return its code and output."""
        done = subprocess.run([*COMMAND, *words], check=False, capture_output=True, text=True)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    def run(self, *argv, **how):
        """Run another process; it is ended like the program."""
        other = subprocess.Popen(argv, **how)
        self.others.append(other)
        return other

    def close(self):
        """End whatever still runs."""
        for child in (self.child, *self.others):
            if child is not None:
                child.kill()
                child.wait()


@pytest.fixture
def program(place):
    """Give a program that only sleeps, not running yet."""
    private = Program(place)
    try:
        yield private
    finally:
        private.close()


def test_killproc(program):
    """Killproc ends the program that its pidfile names, and removes the pidfile."""
    child = program.start()

    code, _, said = program.command("killproc", "-p", program.pidfile, program.path)

    assert 0 == code, said
    assert -signal.SIGTERM == child.wait(5)
    assert not os.path.exists(program.pidfile)


def test_killproc_without_pidfile(program):
    """Without a pidfile the program is found by its path."""
    child = program.start()
    os.unlink(program.pidfile)

    code, _, said = program.command("killproc", program.path)

    assert 0 == code, said
    assert -signal.SIGTERM == child.wait(5)


def test_killproc_of_the_stopped(program):
    """Ending a program that does not run is success."""
    codes = [
        program.command("killproc", "-p", program.pidfile, program.path)[0],
        program.command("killproc", program.path)[0],
    ]

    assert [0, 0] == codes


def test_killproc_with_a_stale_pidfile(program):
    """A stale pidfile is success to end it, and is removed."""
    program.start()
    program.child.kill()
    program.child.wait()

    code, _, said = program.command("killproc", "-p", program.pidfile, program.path)

    assert 0 == code, said
    assert not os.path.exists(program.pidfile)


def test_killproc_with_a_signal(program):
    """A signal is sent as it is, and nothing is awaited."""
    child = program.start()

    code, _, said = program.command("killproc", "-p", program.pidfile, program.path, "-INT")

    assert 0 == code, said
    assert -signal.SIGINT == child.wait(5)
    assert os.path.exists(program.pidfile)


@pytest.mark.parametrize("form", ["-QUIT", "-SIGQUIT", "-3"])
def test_forms_of_a_signal(program, form):
    """A signal may be a name, with or without SIG, or a number."""
    child = program.start()

    code, _, said = program.command("killproc", "-p", program.pidfile, program.path, form)

    assert 0 == code, said
    assert -signal.SIGQUIT == child.wait(5)


def test_killproc_refuses_a_deadly_request(program):
    """A request that the program would die of is not sent: 1, with a sentence."""
    child = program.start()

    code, _, said = program.command("killproc", "-p", program.pidfile, program.path, "-USR2")

    assert 1 == code, said
    assert "does not catch SIGUSR2" in said
    assert child.poll() is None


@pytest.mark.parametrize("sig", ["-USR2", "-HUP", "-TERM"])
def test_signal_to_the_stopped(program, sig):
    """A signal to a program that does not run is 7."""
    codes = [
        program.command("killproc", "-p", program.pidfile, program.path, sig)[0],
        program.command("killproc", program.path, sig)[0],
    ]

    assert [7, 7] == codes


def test_unknown_signal(program):
    """An unknown signal is 2, and the program goes on."""
    child = program.start()

    code, _, said = program.command("killproc", "-p", program.pidfile, program.path, "-FROB")

    assert 2 == code, said
    assert child.poll() is None


def test_delay_before_kill(program):
    """With -d 1s the deaf get KILL after one second."""
    script = program.place.script("sbin/deaf", "trap '' TERM\nwhile :; do wait; done")
    program.child = subprocess.Popen([script])
    program.place.write("sleeper.pid", f"{program.child.pid}\n")
    deaf = lambda: "SigIgn:\t0000000000004000" in status_of(program.child.pid)  # noqa: E731
    wait_until(deaf, "the script to be deaf")

    began = os.times().elapsed
    code, _, said = program.command("killproc", "-p", program.pidfile, "-d", "1s", script)
    took = os.times().elapsed - began

    assert 0 == code, said
    assert -signal.SIGKILL == program.child.wait(5)
    assert 1 <= took < 5  # which it would take without -d


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return file.read()


@pytest.mark.parametrize("words", [("-p",), (), ("-x", "program")], ids=" ".join)
def test_killproc_usage(program, words):
    """Missing and unknown arguments are 2."""
    code, _, said = program.command("killproc", *words)

    assert 2 == code, said
    assert "usage:" in said


def test_stranger_in_the_pidfile(program):
    """Whoever is not the program is not signalled, whatever the pidfile says."""
    stranger = program.start("/bin/sleep")

    ended = program.command("killproc", "-p", program.pidfile, program.path)
    program.place.write("sleeper.pid", f"{stranger.pid}\n")
    signalled = program.command("killproc", "-p", program.pidfile, program.path, "-TERM")

    assert (0, 7) == (ended[0], signalled[0])
    assert stranger.poll() is None


def test_missing_pidfile(program):
    """A pidfile that is given and missing means: not running. Nobody is signalled."""
    child = program.start()
    os.unlink(program.pidfile)

    ended = program.command("killproc", "-p", program.pidfile, program.path)
    signalled = program.command("killproc", "-p", program.pidfile, program.path, "-TERM")
    told = program.command("pidofproc", "-p", program.pidfile, program.path)

    assert (0, 7, 3) == (ended[0], signalled[0], told[0])
    assert child.poll() is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("#!{dash}", ["{script}"]),
        ("#!{dash} -u", ["{script}"]),
        ("#!{dash}", ["{dash}", "{script}"]),
        ("#!{dash}", ["./daemon"]),
        ("#!/usr/bin/env dash", ["{script}"]),
        ("#!/usr/bin/env -S dash -u -f", ["{script}"]),
    ],
)
def test_script(program, line, words):
    """A script is found by its path and its name, however it was executed."""
    dash, sleeper = program.place.tool("dash"), program.path
    body = f"{line.format(dash=dash)}\n{sleeper} 600 &\nwait\n"
    script = program.place.write("daemon", body, 0o755)
    words = [word.format(dash=dash, script=script) for word in words]
    path = f"{os.path.dirname(dash)}:{os.environ['PATH']}"
    child = program.run(*words, cwd=program.place.root, env={"PATH": path}, process_group=0)
    try:
        wait_until(lambda: processes_in(program, "sleeper"), "the script to run")
        by_path = program.command("pidofproc", script)
        by_name = program.command("pidofproc", "daemon")
        ended = program.command("killproc", script)
    finally:
        os.killpg(child.pid, signal.SIGKILL)

    assert [(0, str(child.pid), "")] * 2 == [by_path, by_name]
    assert (0, -signal.SIGTERM) == (ended[0], child.wait(5))


def processes_in(program, name):
    return [p for p, title in program.place.processes().items() if name in title]


@pytest.mark.parametrize("named", ["path", "name"])
def test_editors(program, named):
    """Processes with the script among their arguments, editors and pagers, are left alone."""
    script = program.place.script("sbin/daemon", "exit 0")
    pager = program.run("/usr/bin/tail", script, "-f", stdout=subprocess.DEVNULL)
    word = script if named == "path" else "daemon"
    shell = program.run("/bin/sh", "-c", "sleep 600; true", script, process_group=0)
    try:
        told = program.command("pidofproc", word)
        ended = program.command("killproc", word)
        signalled = program.command("killproc", word, "-TERM")
    finally:
        alive = (pager.poll(), shell.poll())
        os.killpg(shell.pid, signal.SIGKILL)

    assert (3, 0, 7) == (told[0], ended[0], signalled[0])
    assert (None, None) == alive


@pytest.mark.parametrize("named", ["path", "name"])
def test_caller(program, named):
    """A script that calls killproc with its own name lives on, and its subshells do."""
    place = program.place
    command = " ".join(f"'{word}'" for word in COMMAND)
    word = place.path("sbin/daemon") if named == "path" else "daemon"
    script = place.script(
        "sbin/daemon",
        f"{command} killproc {word}; echo $?\n"
        f"({command} killproc {word} -TERM; echo $?)\n"
        f'{command} pidofproc {word} | {{ read pid; echo "<$pid>"; }}\n'
        f"echo alive",
    )

    done = subprocess.run([script], check=False, capture_output=True, text=True)

    assert ["0", "7", "<>", "alive"] == done.stdout.split(), done.stderr


def test_another_network(program):
    """A process in another network namespace is not ours; its pidfile is not stale."""
    child = program.run("/usr/bin/unshare", "--net", program.path, "600")
    pidfile = program.place.write("sleeper.pid", f"{child.pid}\n")
    wait_until(lambda: processes_in(program, "sleeper"), "it to run")

    searched = program.command("killproc", program.path)
    named = program.command("killproc", "-p", pidfile, program.path)

    assert (0, 4) == (searched[0], named[0])
    assert "it is in another network namespace" in named[2]
    assert child.poll() is None
    assert os.path.exists(pidfile)


@pytest.mark.parametrize("whose", ["file", "directory"])
def test_pidfile_that_others_can_write(program, whose):
    """It tells which process is meant only where there is no other one."""
    first, second = program.start(), program.run(program.path, "601")
    pidfile = program.place.write("run/sleeper.pid", f"{second.pid}\n")
    os.chown(pidfile if whose == "file" else os.path.dirname(pidfile), 65534, -1)

    told = program.command("pidofproc", "-p", pidfile, program.path)
    refused = program.command("killproc", "-p", pidfile, program.path)
    first.kill()
    first.wait()
    ended = program.command("killproc", "-p", pidfile, program.path)

    assert (4, "", 4) == (*told[:2], refused[0])
    assert f"{pidfile} is not believed: " in refused[2]
    assert "belongs to nobody" in refused[2]
    assert (0, -signal.SIGTERM) == (ended[0], second.wait(5))
    assert (whose == "directory") == os.path.exists(pidfile)


def test_what_is_no_pidfile(program):
    """A file that holds no pid is left where it is."""
    file = program.place.write("notes", "not a pid\n")

    code, _, said = program.command("killproc", "-p", file, program.path)

    assert 0 == code, said
    assert os.path.exists(file)


def test_pidofproc(program):
    """Pidofproc prints the pid and is 0 while it runs, with and without a pidfile."""
    child = program.start()

    by_pidfile = program.command("pidofproc", "-p", program.pidfile, program.path)
    by_path = program.command("pidofproc", program.path)
    by_name = program.command("pidofproc", "sleeper")

    assert [(0, str(child.pid), "")] * 3 == [by_pidfile, by_path, by_name]


def test_pidofproc_of_several(program):
    """Without a pidfile all of its processes are printed."""
    first = program.start()
    second = subprocess.Popen([program.path, "600"])
    try:
        code, told, _ = program.command("pidofproc", program.path)
    finally:
        second.kill()
        second.wait()

    assert 0 == code
    assert {first.pid, second.pid} == set(map(int, told.split()))


def test_pidofproc_of_the_dead(program):
    """Pidofproc is 1 when its pidfile is left, 3 when there is none; nothing is printed."""
    program.start()
    program.child.kill()
    program.child.wait()

    left = program.command("pidofproc", "-p", program.pidfile, program.path)
    os.unlink(program.pidfile)
    none = program.command("pidofproc", "-p", program.pidfile, program.path)
    nowhere = program.command("pidofproc", program.path)

    assert [(1, ""), (3, ""), (3, "")] == [told[:2] for told in (left, none, nowhere)]


def test_pidofproc_of_a_stranger(program):
    """A stranger in the pidfile is nobody's program: 1."""
    program.start("/bin/sleep")

    code, told, _ = program.command("pidofproc", "-p", program.pidfile, program.path)

    assert (1, "") == (code, told)


def test_pidofproc_with_a_directory(program):
    """A pidfile that is none is 4: unknown."""
    os.mkdir(program.pidfile)

    code, told, _ = program.command("pidofproc", "-p", program.pidfile, program.path)

    assert (4, "") == (code, told)


def test_on_nginx(nginx, program):
    """The seed's line, killproc -p PIDFILE nginx -USR2, and the end, on a real nginx."""
    master = nginx.start()

    told = program.command("pidofproc", "-p", nginx.pidfile, nginx.daemon)
    upgrade = program.command("killproc", "-p", nginx.pidfile, nginx.daemon, "-USR2")
    wait_until(lambda: nginx.master not in (None, master), "the new master")
    end = program.command("killproc", "-p", nginx.oldbin, nginx.daemon, "-QUIT")
    nginx.see_gone(master)
    stop = program.command("killproc", "-p", nginx.pidfile, nginx.daemon)

    assert (0, str(master.pid), "") == told
    assert [0, 0, 0] == [upgrade[0], end[0], stop[0]]
    wait_until(lambda: not nginx.place.processes(), "the workers to end")
