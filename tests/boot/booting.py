"""A Debian machine that boots: its init is process 1 of namespaces of its own.

The user namespace is for the host's sake. Whoever boots and halts sets the clock, mounts the root
read-only, turns off swap; root of that namespace has no right to do so to anything outside.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager

import psutil
from real_daemons import HERE, PATIENCE, Client, wait_until
from real_load import run

UP = "The machine is up."
INITPY = "/opt/initpy/bin/initpy"  # the command, where no package of ours is installed
ENVIRONMENT = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=linux")
NODES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
}

# Debian's default site with its lines for PHP; and a script that is as slow as is asked for.
SITE = """
server {
    listen 80 default_server;
    listen [::]:80 default_server;
    root /var/www/html;
    location / { return 200 "nginx"; }
    location ~ \\.php$ {
        include snippets/fastcgi-php.conf;
        fastcgi_pass unix:/run/php/php8.2-fpm.sock;
    }
}
"""
SCRIPT = """<?php
if (isset($_GET['until'])) {
    touch('/tmp/asked');
    for ($i = 0; $i < 6000 && !file_exists($_GET['until']); $i++) {
        usleep(10000);
        clearstatcache();
    }
}
usleep(1000 * (int) ($_GET['ms'] ?? 0));
$answer = 'php ' . ini_get('precision');
header('Content-Length: ' . strlen($answer));
echo $answer;
"""

_OVERWRITTEN = re.compile(r"[^\n]*\r\x1b\[K|\x1b\[[0-9;]*[A-Za-z]")  # and colours

# What boot loader and initramfs do, before /sbin/init takes over. Of what belongs to the
# kernel, and so to the host, nothing can be written.
IN_A_CGROUP = 'echo 0 >"$1/cgroup.procs"; shift; exec "$@"'
INITRAMFS = f"""
echo unshared
read -r mapped
console=$(tty) disk=$1 below=$2 cgroup=$3
shift 3
mount -t overlay -o "userxattr,lowerdir=$below,upperdir=$disk/written,workdir=$disk/work" \\
    overlay "$disk/root"
cd "$disk/root"
mount --bind "$disk/dev" dev
mount --bind "$console" dev/console
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
[ -z "$cgroup" ] || mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
exec {shlex.join(ENVIRONMENT)} chroot . "$@"
"""


class Disk:
    """A root file system in layers: what is written goes to a layer of its own.

    folder: one that is not there yet.
    below:  the layers that are only read, the topmost first.
    """

    def __init__(self, folder, *below):
        self.folder, self.below = folder, below
        self.written = folder / "written"
        for name in ("written", "work", "root", "dev/pts", "dev/shm"):
            (folder / name).mkdir(parents=True)
        for name, numbers in NODES.items():
            os.mknod(folder / "dev" / name, stat.S_IFCHR, os.makedev(*numbers))
            (folder / "dev" / name).chmod(0o666)
        (folder / "dev/ptmx").symlink_to("pts/ptmx")
        (folder / "dev/fd").symlink_to("/proc/self/fd")
        (folder / "dev/console").touch()

    @property
    def layers(self):
        """All its layers, for another disk to be above."""
        return (self.written, *self.below)

    def write(self, path, text, mode=0o644):
        """Write a file, while nothing runs from it."""
        file = self.written / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def run(self, *argv):
        """Run a program from it, with nothing else, and see it succeed."""
        with powered(self, *argv) as machine:
            machine.see_down()
            assert 0 == machine.power.returncode, machine.console


def write_site(disk, fpm="php8.2-fpm"):
    """Write nginx's site, which asks php-fpm, and have init say when all has been started."""
    disk.write("/etc/nginx/sites-available/default", SITE.replace("php8.2-fpm", fpm))
    disk.write("/var/www/html/index.php", SCRIPT)
    lines = (disk.below[-1] / "etc/inittab").read_text().splitlines(keepends=True)
    kept = [line for line in lines if "getty" not in line]
    assert kept != lines
    # Instead of the terminals, whose turn is when the runlevel's scripts have ended.
    disk.write("/etc/inittab", "".join(kept) + f"1:2345:once:/bin/echo {UP}\n")


class Machine:
    """What runs from a disk, beginning with *argv* as process 1.

    cgroup: a folder for all of its processes, which is the root of what they see: systemd
            does not run without.
    power:  the process that waits for process 1, and whose end is the end of all.
    """

    def __init__(self, disk, *argv, cgroup=None):
        self._said = b""
        self._master, self._slave = os.openpty()
        alone = ("--user", "--pid", "--mount", "--net", "--uts", "--ipc")
        below = ":".join(map(str, disk.below))
        entering = ()
        if cgroup:
            alone += ("--cgroup",)
            entering = ("sh", "-euc", IN_A_CGROUP, "sh", cgroup)
        self.power = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", *entering),
                *("unshare", *alone, "--fork", "--kill-child", "--keep-caps"),
                *("sh", "-euc", INITRAMFS, "initramfs", disk.folder, below, cgroup or ""),
                *argv,
            ],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        """Keep what is written to the console, until nobody has it open any more."""
        while True:
            try:
                self._said += os.read(self._master, 65536)
            except OSError:  # EIO: so a terminal tells that
                return

    def give_rights(self):
        """Make root and all users those of its namespace, too; until then it is nobody."""
        self.see("unshared")
        for kind in ("uid", "gid"):
            with open(f"/proc/{self.power.pid}/{kind}_map", "w") as file:
                file.write("0 0 65536")
        os.write(self._master, b"\n")

    def cut_power(self):
        """End everything that runs, and see it gone."""
        if not self.down:
            # Process 1 itself: the one that waits for it is to see the last of them end.
            for process in psutil.Process(self.power.pid).children() or [self.power]:
                process.kill()
        self.power.wait()
        os.close(self._slave)
        self._reader.join()
        os.close(self._master)

    # What it says, and when.

    @property
    def console(self):
        """What is to be read on its console so far."""
        written = self._said.decode(errors="replace").replace("\r\n", "\n")
        return _OVERWRITTEN.sub("", written)

    @property
    def down(self):
        """Whether nothing of it runs any more."""
        return self.power.poll() is not None

    def wait_until(self, probe, what):
        """Return what *probe* returns once it is true; fail if that takes too long."""
        return wait_until(probe, what, within=3 * PATIENCE)

    def see(self, words):
        """Wait until those words are on the console."""
        self.wait_until(lambda: words in self.console or self.down, f"{words!r} on the console")
        assert words in self.console

    def see_down(self):
        """Wait until it is down; return the signal that says why, see reboot(2)."""
        self.wait_until(lambda: self.down, "the machine to be down")
        return -self.power.returncode

    # What is done in it.

    @property
    def one(self):
        """The number that its process 1 has on the host."""
        (child,) = psutil.Process(self.power.pid).children()
        return child.pid

    def path(self, path):
        """Return where one of its files is on the host."""
        return f"/proc/{self.one}/root{path}"

    def read(self, path):
        """Return the text of one of its files."""
        with open(self.path(path)) as file:
            return file.read()

    def run(self, *argv):
        """Run a program in it, as its root does; return how it ended."""
        entered = ("nsenter", "--target", str(self.one), "--all", "--root", "--wd")
        return run([*entered, *ENVIRONMENT, *argv])

    def service(self, *argv):
        """Run service; return how it ended."""
        return self.run("service", *argv)

    def status(self, name):
        """Return what a service says of itself to a machine."""
        return self.service(name, "status", "--json").json

    def done(self, what):
        """Return of which services the console says that they were *what*, in that order."""
        return re.findall(rf"^{what} (\S+): +\[  OK  \]$", self.console, re.MULTILINE)

    def client(self, *paths, asking):
        """Start so many clients in its network, though not among its processes."""
        entered = ("nsenter", "--target", str(self.power.pid), "--net")
        asks = (sys.executable, os.path.join(HERE, "asking.py"), "80", str(asking))
        return subprocess.Popen(
            [*entered, *asks, *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


class Load(Client):
    """Asks nginx, and php-fpm through it, from several clients without a pause."""

    def __init__(self, machine):
        self._child = machine.client("/", "/index.php?ms=300", asking=4)
        self._told = None
        assert "asking\n" == self._child.stdout.readline()


class Request(Client):
    """Asks a machine once."""

    def __init__(self, machine, path):
        self._child = machine.client(path, asking=0)
        self._told = None

    def stop(self):
        """Return what it has seen, when it has its answer."""
        if self._told is None:
            said, _ = self._child.communicate(timeout=PATIENCE)
            self._told = json.loads(said.removeprefix("asking\n"))
        return self._told


@contextmanager
def powered(disk, *argv, cgroup=None):
    """Run *argv* as process 1 from a disk; the console is shown if the test fails."""
    machine = Machine(disk, *argv, cgroup=cgroup)
    try:
        machine.give_rights()
        yield machine
    finally:
        machine.cut_power()
        sys.stdout.write(machine.console)


@contextmanager
def booted(disk, *init, up=UP, cgroup=None):
    """Boot from a disk, by default with its /sbin/init; yield the machine that is up.

    up: what is on the console by then.
    """
    with powered(disk, *(init or ["/sbin/init"]), cgroup=cgroup) as machine:
        machine.see(up)
        yield machine
