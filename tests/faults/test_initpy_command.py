"""The initpy command, called in odd ways and interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
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
