"""The initpy command, called in odd ways and interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from real_daemons import wait_until
from real_load import run

pytestmark = pytest.mark.fault

INITPY = os.path.join(os.path.dirname(sys.executable), "initpy")


def test_sigchld_ignored(site):
    """The caller of initpy ignores SIGCHLD: the daemon is asked all the same."""
    script = site.path("script")
    command = [INITPY, "generate", site.kind, "--daemon", site.daemon, "-o", script]

    result = run(["env", "--ignore-signal=CHLD", *command])

    assert 0 == result.code, result
    assert os.access(script, os.X_OK)


def test_bare_name_of_a_link(place):
    """A pidfile names a program that was called by a link, as python3 is: killproc ends it."""
    pidfile = place.path("x.pid")
    argv = ["/usr/bin/python3", "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(argv) as program:
        with open(pidfile, "w") as file:
            file.write(f"{program.pid}\n")

        found = run([INITPY, "pidofproc", "-p", pidfile, "python3"])
        ended = run([INITPY, "killproc", "-p", pidfile, "python3"])

        assert (0, f"{program.pid}\n") == (found.code, found.out), found
        assert 0 == ended.code, ended
        assert -signal.SIGTERM == program.wait(timeout=20)
    assert not os.path.exists(pidfile)


def test_interrupted(place):
    """Ctrl-C while initpy asks a daemon: it dies of the signal, and leaves no file."""
    started, script = place.path("started"), place.path("script")
    daemon = place.script("daemon", f"echo > {started}; exec {place.tool('sleep')} 60")
    command = [INITPY, "generate", "nginx", "--daemon", daemon, "-o", script]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as generate:
        wait_until(lambda: os.path.exists(started), "the daemon to be asked")
        generate.send_signal(signal.SIGINT)
        _, said = generate.communicate(timeout=20)

    assert (-signal.SIGINT, "initpy: interrupted\n") == (generate.returncode, said)
    assert {} == place.processes()
    assert not os.path.exists(script)


def test_working_directory_that_was_removed(place):
    """Initpy runs in a directory that was removed: it says so, and a whole path works."""
    where = place.path("gone")
    leave = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"'
    base = [
        "sh",
        "-c",
        leave,
        "sh",
        where,
        INITPY,
        "generate",
        "nginx",
        "--daemon",
        "/usr/sbin/nginx",
    ]

    relative = run([*base, "-o", "x"])
    whole = run([*base, "-o", place.path("x")])

    why = "the working directory was removed, so give an absolute path"
    assert (1, f"initpy: 'x' leads nowhere: {why}\n") == (relative.code, relative.err)
    assert 0 == whole.code, whole


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_that_cannot_be_written(option):
    """The help of initpy goes to a full disk or a closed pipe: 1, and one sentence."""
    for shell in (">/dev/full", "| true", ">&-"):
        lines = f'set -o pipefail; "$@" {shell}; exit $?'
        result = run(["bash", "-c", lines, "bash", INITPY, option])

        assert result.code in ((0, 1) if shell == "| true" else (1,)), result
        assert result.err in ("", "initpy: standard output cannot be written\n"), result


def test_install_by_nobody(place):
    """Initpy install without the rights: 4, and nothing is written."""
    code = "import sys; from initpy.tools.command import main; sys.exit(main(sys.argv[1:]))"
    before = os.listdir("/etc/init.d")
    given = [
        "--name",
        place.name,
        "--daemon",
        "/usr/sbin/nginx",
        "--config",
        "/x",
        "--pidfile",
        "/y",
    ]
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable]

    result = run([*command, "-c", code, "install", "nginx", *given])

    assert 4 == result.code, result
    assert before == os.listdir("/etc/init.d")
