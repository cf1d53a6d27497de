from __future__ import annotations

import pytest

from initpy.errors import StatusCode
from initpy.state.programs.pidof import pidofproc

PROGRAM, PIDFILE = "/usr/sbin/foo", "/run/foo.pid"


INTERPRETER = "/usr/bin/python3.11"


@pytest.fixture(autouse=True)
def same_views(host):
    """Have every process in our namespaces and root; return who is not, by pid."""
    others = {}
    host.namespace = lambda pid, kind: others.get((pid, kind), "ours")
    host.root_file = lambda pid: others.get((pid, "root"), host.file_id("/"))
    host.working_directory = lambda _pid: "/usr/sbin"
    return others


@pytest.fixture
def foo(host):
    """Return a running foo."""
    return host.add(42, exe=PROGRAM, argv=(PROGRAM, "-x"))


@pytest.mark.parametrize("program", [PROGRAM, "foo"])
def test_by_its_pidfile(host, foo, program):
    """A pidfile that names it is believed."""
    host.put(PIDFILE, "42\n")

    found = pidofproc(program, host=host)

    assert ((foo.id,), StatusCode.RUNNING) == (found.processes, found.code)


@pytest.mark.parametrize("program", [PROGRAM, "foo"])
@pytest.mark.parametrize("text", [None, "99", "1", "x"])
def test_without_a_good_pidfile(host, foo, program, text):
    """Otherwise all processes are looked at, and strangers left out."""
    host.add(1, exe="/sbin/init", argv=("init",))
    if text is not None:
        host.put(PIDFILE, text)

    assert (foo.id,) == pidofproc(program, host=host).processes


@pytest.mark.parametrize(
    "facts",
    [
        {"uid": 1000},
        {"nested": True},
        {"ppid": 42},
        {"exe": "/opt/foobar", "argv": ("foobar",)},
        {"state": "Z"},
    ],
)
def test_who_is_left_out(host, foo, facts):
    """Users' processes, containers', its own children and zombies are not it."""
    host.add(**{"exe": PROGRAM, "argv": (PROGRAM,), **facts})

    assert (foo.id,) == pidofproc("foo", host=host).processes


@pytest.fixture
def python(host):
    """Have an interpreter, with its link, and a PATH to find it by."""
    host.put(INTERPRETER, mode=0o755)
    host.put("/usr/bin/python3", "python3.11", kind="link")
    host.put("/bin/busybox", mode=0o755)
    host.put("/bin/sh", "busybox", kind="link")
    host.put("/proc/50/environ", "HOME=/\0PATH=/usr/local/bin:/usr/bin\0")


@pytest.mark.parametrize("program", [PROGRAM, "foo"])
@pytest.mark.parametrize(
    ("line", "argv"),
    [
        ("#!/usr/bin/python3", ("/usr/bin/python3", PROGRAM, "-x")),
        ("#! /usr/bin/python3\t", ("/usr/bin/python3", PROGRAM)),
        ("#!/usr/bin/python3", ("python3.11", "foo")),
        ("#!/usr/bin/python3 -I -u", ("/usr/bin/python3", "-I -u", PROGRAM)),
        ("#!/usr/bin/python3 -I", ("python3", PROGRAM)),
        ("#!/usr/bin/env python3", ("python3", PROGRAM)),
        ("#!/usr/bin/env -S python3 -I -u", ("python3", "-I", "-u", PROGRAM)),
        ("#!/usr/bin/env -S -i A=b python3", ("python3", PROGRAM)),
    ],
)
def test_script(host, python, line, argv, program):
    """A script is executed by the interpreter that its first line names."""
    host.put(PROGRAM, f"{line}\nfoo()\n")
    script = host.add(50, exe=INTERPRETER, argv=argv)

    assert (script.id,) == pidofproc(program, host=host).processes


@pytest.mark.parametrize("program", [PROGRAM, "foo"])
@pytest.mark.parametrize(
    ("exe", "argv"),
    [
        ("/usr/bin/vi", ("vi", PROGRAM)),
        ("/usr/bin/tail", ("tail", "-f", PROGRAM)),
        ("/bin/busybox", ("vi", PROGRAM)),
        ("/bin/busybox", ("busybox", "vi", PROGRAM)),
        ("/bin/busybox", ("sh", "-c", PROGRAM)),
        ("/bin/busybox", ("sh", "/etc/cron.daily/x", PROGRAM)),
        ("/bin/busybox", ("sh",)),
        (INTERPRETER, ("python3", PROGRAM)),
    ],
)
def test_name_among_the_arguments(host, python, exe, argv, program):
    """A process that only has the script among its arguments did not execute it."""
    host.put(PROGRAM, "#!/bin/sh\n")
    host.add(50, exe=exe, argv=argv)

    assert () == pidofproc(program, host=host).processes


@pytest.mark.parametrize("program", [PROGRAM, "foo"])
@pytest.mark.parametrize("line", ["", "#!", "#!/usr/bin/env", "text"])
def test_file_that_names_no_interpreter(host, python, program, line):
    """What is not a script was not executed by the process that reads it."""
    host.put(PROGRAM, line)
    host.add(50, exe=INTERPRETER, argv=("python3", PROGRAM))

    assert () == pidofproc(program, host=host).processes


def test_device_among_the_arguments(host, python):
    """Only regular files are opened to see whether they are scripts."""
    host.put("/dev/foo", kind="device")
    host.examine = lambda path, _most: pytest.fail(path) if path == "/dev/foo" else None
    host.add(50, exe=INTERPRETER, argv=("python3", "/dev/foo"))

    assert () == pidofproc("foo", host=host).processes


def test_unreadable_script(host, python):
    """A script that we may not read proves nothing."""
    host.euid = 33
    host.put(PROGRAM, "#!/usr/bin/python3\n", mode=0o711)
    host.files[PROGRAM].mode = 0o300
    host.add(50, exe=INTERPRETER, argv=("python3", PROGRAM))

    assert () == pidofproc(PROGRAM, host=host).processes


def with_comm(host, names):
    """Have the kernel's names for processes, by pid."""
    own = host.look
    host.look = lambda pid: (seen := own(pid)) and seen.replace(comm=names.get(pid, ""))


@pytest.mark.parametrize("program", [PROGRAM, "foo"])
def test_script_that_was_removed(host, program):
    """Without its file, a script is known by the name that the kernel executed it by."""
    script = host.add(50, exe=INTERPRETER, argv=("/usr/bin/python3", PROGRAM))
    host.add(51, exe="/usr/bin/vi", argv=("vi", PROGRAM))
    with_comm(host, {50: "foo", 51: "vi"})

    assert (script.id,) == pidofproc(program, host=host).processes


def test_executable_that_is_not_ours_to_see(host):
    """Without the right to see it, the kernel's name for the process has to do."""
    process = host.add(50, exe=None, argv=("foo: master",))
    host.add(51, exe=None, argv=("foo",))
    with_comm(host, {50: "foo", 51: "bar"})

    assert (process.id,) == pidofproc("foo", host=host).processes


def test_named_process_that_is_not_ours_to_see(host):
    """What cannot be seen is not said to be dead."""
    host.euid = 1000
    host.put(PIDFILE, "42\n")
    host.add(42, exe=None, argv=("python3", PROGRAM))

    found = pidofproc(PROGRAM, PIDFILE, host)

    assert ((), StatusCode.UNKNOWN) == (found.processes, found.code)
    assert f"{PIDFILE} names pid 42: what it runs cannot be seen" == found.reason


@pytest.mark.parametrize("pidfile", [None, PIDFILE])
def test_hidden_processes(host, pidfile):
    """Where /proc hides processes, one that is not seen may live."""
    host.all_seen = False
    host.put(PIDFILE, "42\n")

    found = pidofproc(PROGRAM, pidfile, host)

    assert StatusCode.UNKNOWN == found.code
    assert "/proc hides processes" in found.reason


@pytest.mark.parametrize("program", [PROGRAM, "foo"])
def test_caller(host, python, foo, program):
    """A script that is named like the program is not it when it calls us, nor are its forks."""
    for path in (PROGRAM, "/etc/init.d/foo"):
        host.put(path, "#!/bin/sh\n")
    host.add(50, exe="/bin/busybox", argv=("/bin/sh", PROGRAM), ppid=1)
    host.add(51, exe="/bin/busybox", argv=("/bin/sh", "/etc/init.d/foo"), ppid=50)
    host.add(52, exe="/bin/busybox", argv=("/bin/sh", "/etc/init.d/foo"), ppid=51)
    host.add(4242, exe=INTERPRETER, argv=("python3", "/usr/bin/initpy"), ppid=51)

    assert (foo.id,) == pidofproc(program, host=host).processes


def test_program_that_the_caller_started(host, python):
    """A program that the script of its name has started itself is found."""
    host.put("/etc/init.d/foo", "#!/bin/sh\n")
    host.add(51, exe="/bin/busybox", argv=("/bin/sh", "/etc/init.d/foo"))
    foo = host.add(52, exe=PROGRAM, argv=(PROGRAM,), ppid=51)
    host.add(4242, exe=INTERPRETER, argv=("python3",), ppid=51)

    assert (foo.id,) == pidofproc("foo", host=host).processes


@pytest.mark.parametrize("pidfile", [None, PIDFILE])
def test_pidfile_names_an_ancestor(host, foo, pidfile):
    """An ancestor is not it, but runs: that is said, and no other one is taken for it."""
    host.put(PIDFILE, "42\n")
    host.add(43, exe=PROGRAM, argv=(PROGRAM, "-p", "2222"))
    host.add(4242, exe=INTERPRETER, argv=("python3",), ppid=42)

    found = pidofproc(PROGRAM, pidfile, host)

    assert ((), StatusCode.UNKNOWN) == (found.processes, found.code)
    assert "it is an ancestor of this command" in found.reason


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ((42, "net"), "it is in another network namespace"),
        ((42, "root"), "its root directory is another one"),
    ],
)
def test_elsewhere(host, foo, same_views, key, reason):
    """A process in a chroot or another network is not it; a pidfile that names it is not stale."""
    same_views[key] = "another"
    searched = pidofproc(PROGRAM, host=host)
    host.put(PIDFILE, "42\n")
    named = pidofproc(PROGRAM, PIDFILE, host)

    assert ((), StatusCode.STOPPED) == (searched.processes, searched.code)
    assert ((), StatusCode.UNKNOWN) == (named.processes, named.code)
    assert f"{PIDFILE} names pid 42: it runs {PROGRAM}, but {reason}" == named.reason


@pytest.mark.parametrize("text", ["42\n", "43\n", "99\n", "1\n", "", "x"])
def test_pidfile_of_others_among_several(host, foo, text):
    """A pidfile that others can write does not tell which of several is meant."""
    host.add(1, exe="/sbin/init", argv=("init",))
    host.add(43, exe=PROGRAM, argv=(PROGRAM,))
    host.put(PIDFILE, text)
    host.distrusted["/run"] = "/run belongs to www-data"

    found = pidofproc(PROGRAM, PIDFILE, host)

    assert ((), StatusCode.UNKNOWN) == (found.processes, found.code)
    assert (
        f"{PIDFILE} is not believed: /run belongs to www-data; {PROGRAM} runs as pid 42, 43"
        == found.reason
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("42\n", StatusCode.RUNNING),
        ("50\n", StatusCode.UNKNOWN),  # its child
        ("99\n", StatusCode.UNKNOWN),
        ("", StatusCode.UNKNOWN),
    ],
)
def test_pidfile_of_others_and_one_instance(host, foo, text, code):
    """The only one there is may be named by a pidfile that others can write."""
    host.add(50, exe=PROGRAM, argv=(PROGRAM,), ppid=42)
    host.put(PIDFILE, text, uid=33)

    found = pidofproc(PROGRAM, PIDFILE, host)

    assert code == found.code
    assert ((foo.id,) if code == StatusCode.RUNNING else ()) == found.processes


@pytest.mark.parametrize("text", ["99\n", "", "x"])
def test_pidfile_of_others_and_none(host, text):
    """Where nobody runs the program, it does not matter who wrote the pidfile."""
    host.put(PIDFILE, text, uid=33)

    found = pidofproc(PROGRAM, PIDFILE, host)

    assert ((), StatusCode.DEAD_PIDFILE) == (found.processes, found.code)


def test_pidfile_of_others_names_a_process_of_theirs(host):
    """A user's process that runs the program is neither ours nor is it nothing."""
    host.put(PIDFILE, "42\n", uid=33)
    host.add(42, exe=PROGRAM, argv=(PROGRAM,), uid=33)

    found = pidofproc(PROGRAM, PIDFILE, host)

    assert ((), StatusCode.UNKNOWN) == (found.processes, found.code)
    assert "it belongs to uid 33" in found.reason


def test_binary_by_inode(host):
    """Another name of the same file is the program."""
    host.put(PROGRAM, mode=0o755)
    process = host.add(50, exe="/opt/foo", exe_id=host.file_id(PROGRAM), argv=("foo",))

    assert (process.id,) == pidofproc(PROGRAM, host=host).processes


def test_title_is_no_name(host):
    """A bare name is that of what was executed, whatever the process calls itself."""
    host.add(50, exe="/opt/bar", argv=("foo", "/usr/sbin/foo"))

    assert () == pidofproc("foo", host=host).processes


def test_program_without_arguments(host):
    """A program that has wiped its command line is known by its executable."""
    process = host.add(50, exe=PROGRAM, argv=())

    assert (process.id,) == pidofproc(PROGRAM, host=host).processes


def test_kernel_threads_are_no_program(host, foo):
    """A process without binary and arguments is nobody's."""
    host.add(2, exe=None, argv=())

    assert (foo.id,) == pidofproc("foo", host=host).processes


def test_link_is_followed(host):
    """A program that is a link runs what it leads to."""
    host.put(PROGRAM, "/opt/foo", kind="link")
    process = host.add(exe="/opt/foo", argv=("foo",))

    assert (process.id,) == pidofproc(PROGRAM, host=host).processes


@pytest.mark.parametrize("pidfile", [None, PIDFILE])
@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"argv": ("foo",), "comm": "foo"}, StatusCode.RUNNING),
        ({"argv": ("/usr/sbin/foo3.11",), "comm": "foo3.11"}, StatusCode.RUNNING),
        ({"argv": ("foo: master process",), "comm": "foo"}, StatusCode.RUNNING),
        ({"argv": ("bar",), "comm": "bar"}, StatusCode.DEAD_PIDFILE),  # another program of it
    ],
)
def test_bare_name_of_a_link(host, pidfile, facts, code):
    """A bare name is looked for on PATH, and its links are followed: python3 is python3.11."""
    host.put("/usr/sbin/foo3.11", mode=0o755)
    host.put(PROGRAM, "foo3.11", kind="link")
    host.add(42, exe="/usr/sbin/foo3.11", **facts)
    host.put(PIDFILE, "42\n")

    assert code == pidofproc("foo", pidfile, host).code


def test_given_pidfile_is_the_only_place(host, foo):
    """With a pidfile nothing else is looked at."""
    found = pidofproc(PROGRAM, "/run/other.pid", host)

    assert ((), StatusCode.STOPPED) == (found.processes, found.code)


def test_another_binary(host):
    """The executable may be another than the program."""
    process = host.add(42, exe="/usr/bin/real", argv=("real",))
    host.put(PIDFILE, "42\n")

    assert (process.id,) == pidofproc(PROGRAM, host=host, binary="/usr/bin/real").processes


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (None, StatusCode.STOPPED),
        ({"text": "99\n"}, StatusCode.DEAD_PIDFILE),
        ({"text": "x"}, StatusCode.DEAD_PIDFILE),
        ({"kind": "dir"}, StatusCode.UNKNOWN),
    ],
)
@pytest.mark.parametrize("pidfile", [None, PIDFILE])
def test_not_running(host, facts, code, pidfile):
    """What is left of it decides the code, as for status."""
    if facts:
        host.put(PIDFILE, **facts)

    found = pidofproc(PROGRAM, pidfile, host)

    assert ((), code) == (found.processes, found.code)
