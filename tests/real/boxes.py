"""Containers: a daemon in namespaces of its own, confined as a container runtime does."""

from __future__ import annotations

import ctypes
import os
import pty
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

from confined import ALL, PROFILES, UNKNOWN
from real_daemons import HERE, wait_until
from real_load import run

CONFINED = [sys.executable, os.path.join(HERE, "confined.py")]
NAMESPACES = ("mount", "net", "ipc", "uts", "pid")
FREEZER = "/sys/fs/cgroup/freezer"
_CLONE_NEWNET = 0x40000000

SETUP = """
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 1777 /run/lock
"""
# What is written to is in memory: /run, /tmp, and /var/log. The place itself is read only.
READ_ONLY = """
mkdir /run/place
mount --bind {place} /run/place
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir {place}
mount --move /run/place {place}
mount -o remount,bind,ro {place}
mount -t tmpfs -o mode=755 tmpfs /var/log
mount -o remount,bind,ro /
"""
# Process 1. The first two have the script start the daemon; $1 is the script.
STARTED = "echo $? >/run/code.new; mv /run/code.new /run/code; exec tail -f /dev/null"
FIRST = {
    "script": ["sh", "-c", f'"$1" start --timeout 10 2>/run/said; {STARTED}', "sh"],
    "tini, script": [
        *("tini", "--", "sh", "-c", f'"$1" start --timeout 10 2>/run/said; {STARTED}', "sh")
    ],
    "daemon": [],
    "tini": ["tini", "--"],
    "shell": ["sh", "-c", 'while :; do "$@"; done', "sh"],
}


class Box:
    """A container with a site; ``close`` ends it.

    first:   process 1, see FIRST.
    profile: what is refused inside, see ``confined``.
    acting:  what is refused to the script, if that is something else.
    users:   how many users its user namespace has; 0 for none of its own.
    output:  where its standard output leads: "pipe", "file", "tty" or "null".
    """

    def __init__(self, site, first, profile, *, acting="", users=0, read_only=False, output="null"):
        self.site, self._profile, self._users = site, acting or profile, users
        self.init = None  # process 1
        self._closing, stream = _output(site.place, output)
        more = READ_ONLY.format(place=site.place.root) if read_only else ""
        script = f'set -eu\n{SETUP}{more}\nexec "$@"'
        user = [*CONFINED, f"users={users}"] if users else []
        kinds = [f"--{kind}" for kind in NAMESPACES]
        inner = site.wrapper if "script" in first else None
        argv = [inner] if inner else foreground(site, as_root=users == 1)
        self._child = subprocess.Popen(
            [
                *user,
                *("unshare", *kinds, "--fork", "--kill-child", "--mount-proc"),
                *("sh", "-c", script, "sh", *CONFINED, profile, *FIRST[first], *argv),
            ],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        os.close(stream)
        try:
            self.init = wait_until(self._first, "process 1")
            if inner:
                self.started = wait_until(lambda: self._read("/run/code"), "the script to end")
            else:
                wait_until(self.is_up, lambda: f"it to be up, {site.place.processes()}")
        except BaseException:
            self.close()
            raise

    def _first(self):
        assert self._child.poll() is None, f"the container has ended: {self._child.returncode}"
        with suppress(OSError, IndexError, ValueError):
            with open(f"/proc/{self._child.pid}/task/{self._child.pid}/children") as file:
                first = file.read().split()[0]
            with open(f"/proc/{first}/status") as file:
                (numbers,) = (line.split() for line in file if line.startswith("NSpid:"))
            return self.site.host.find(int(first)) if numbers[-1] == "1" else None
        return None

    def _read(self, path):
        with suppress(OSError), open(f"/proc/{self.init}/root{path}") as file:
            return file.read()
        return ""

    def act(self, *argv):
        """Do an action of the script inside, as confined as all that runs there."""
        kinds = [f"--{kind}" for kind in NAMESPACES]
        if self._users:
            kinds += ["--user", "--preserve-credentials"]
        command = ["nsenter", "--target", f"{self.init}", *kinds, *CONFINED, self._profile]
        if PROFILES[self._profile][1] == ALL:
            return run([*command, *self.site.nobodys_command(*argv)], cwd="/")
        return run([*command, self.site.wrapper, *argv])

    def family(self):
        """Return the masters and the workers inside."""
        found = self.site.place.processes()
        masters = {one for one, title in found.items() if "master" in title}
        return masters, found.keys() - masters

    def is_up(self):
        """Tell whether there is one master with all its workers, which answer."""
        masters, workers = self.family()
        return (len(masters), len(workers)) == (1, self.site.crew) and self.answers()

    def answers(self):
        """Tell whether the daemon answers, asked from inside its network."""
        told = []

        def ask():
            with open(f"/proc/{self.init}/ns/net") as net:
                assert 0 == ctypes.CDLL(None).setns(net.fileno(), _CLONE_NEWNET)
            with suppress(OSError, AssertionError):
                told.append(self.site.ask())

        asking = threading.Thread(target=ask)  # a network namespace is a thread's own
        asking.start()
        asking.join()
        return bool(told)

    @property
    def refuses_pidfds(self):
        """Whether no signal can be sent through a pidfd inside."""
        return UNKNOWN["pidfd_open"] in PROFILES[self._profile][0]

    @property
    def has_ended(self):
        """Whether process 1 has ended, and all with it."""
        return self._child.poll() is not None

    @contextmanager
    def paused(self):
        """Have every process inside frozen meanwhile, as by ``docker pause``."""
        group = f"{FREEZER}/{self.site.place.name}"
        os.mkdir(group)
        try:
            for process in (self.init, *self.site.place.processes()):
                _write(f"{group}/cgroup.procs", f"{process}")
            _write(f"{group}/freezer.state", "FROZEN")
            yield
        finally:
            _write(f"{group}/freezer.state", "THAWED")
            for process in (self.init, *self.site.place.processes()):
                _write(f"{FREEZER}/cgroup.procs", f"{process}")
            os.rmdir(group)

    def close(self):
        """End all that runs inside, and wait until it is gone."""
        if self.init:
            self.site.host.kill(self.init, signal.SIGKILL)
        self._child.kill()
        self._child.wait()
        wait_until(lambda: not self.site.place.processes(), "the container to end")
        self._closing()


def log_to_standard_output(site):
    """Have its logs lead to its standard output and error, as in the official images."""
    os.symlink("/dev/stderr", site.log)
    access = site.path("access.log")
    os.symlink("/dev/stdout", access)
    if site.kind == "php-fpm":
        site.configure(pool=f"access.log = {access}")


def foreground(site, *, as_root=False):
    """Return what runs the daemon of a site in the foreground; as_root: its workers, too."""
    if site.kind == "nginx":
        return [site.daemon, "-g", "daemon off;", "-c", site.config]
    option = ["--allow-to-run-as-root"] if as_root else []
    return [site.daemon, "--nodaemonize", *option, "--fpm-config", site.config]


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)


def _output(place, kind):
    """Return what closes our end of a standard output of that kind, and the descriptor of it."""
    if kind == "null":
        return (lambda: None), os.open(os.devnull, os.O_WRONLY)
    if kind == "file":
        return (lambda: None), os.open(place.path("output"), os.O_WRONLY | os.O_CREAT)
    ours, theirs = pty.openpty() if kind == "tty" else os.pipe()

    def drain():
        with suppress(OSError):  # EIO: nobody has the terminal any more
            while os.read(ours, 65536):
                pass
        os.close(ours)

    draining = threading.Thread(target=drain)
    draining.start()
    return draining.join, theirs
