from __future__ import annotations

import os
import signal
import subprocess
import sys

from initpy.host import Host
from initpy.host.wait import wait_until
from initpy.state.pidfile import read_pidfile
from initpy.tools.register import trusted_python

# What the wrapper of such a service comes to.
PROGRAM = """
import sys
sys.path += sys.argv[3:]
import os
from initpy.control.starting.background import background_command
command = background_command(sys.argv[1], [sys.argv[2], "600"])
os.execv(command[0], command)
"""
WITHIN = 20  # seconds, for what takes milliseconds


def test_library_of_the_wrapper(host, tmp_path):
    """Without site, python-daemon is found where the wrapper finds it."""
    _, folders = trusted_python(host)
    pidfile = str(tmp_path / "x.pid")
    command = [sys.executable, "-IS", "-c", PROGRAM, pidfile, "/bin/sleep", *folders]
    here = Host()

    began = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (0, "", "") == (began.returncode, began.stdout, began.stderr)
    hint = lambda: read_pidfile(pidfile, here).pid  # noqa: E731
    pid = wait_until(hint, within=WITHIN, host=here, what="the pidfile")
    try:
        sleep = os.path.realpath("/bin/sleep")
        wait_until(lambda: sleep == here.exe(pid), within=WITHIN, host=here, what="sleep to run")
    finally:
        os.kill(pid, signal.SIGKILL)
