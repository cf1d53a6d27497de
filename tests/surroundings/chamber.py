"""A private copy of this machine to install into: its /etc, /run and /var are its own.

Mount and pid namespaces of their own; whatever runs in it ends with it, and
nothing that is written there is seen outside. The network is ours, so that a
client outside can ask what serves inside; or, on an island, loopback alone, and
a host name of its own.
With systemd it is the real one, as process 1, in a cgroup of its own, with
none of this machine's units.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

from real_daemons import PATIENCE, Result, wait_until

BIN = os.path.dirname(sys.executable)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# $1 is a directory of the caller's, on which a tmpfs is mounted that nobody else sees.
MOUNTS = """
set -eu
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs "$1"
for name in etc var; do
    mkdir "$1/$name" "$1/$name.work"
    mount -t overlay -o "lowerdir=/$name,upperdir=$1/$name,workdir=$1/$name.work" overlay "/$name"
done
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /etc/init.d
mkdir /run/lock
"""

# Process 1 is to adopt orphans, and to reap them at once: a shell that waits does.
PLAIN = MOUNTS + "ip link set lo up; touch /run/ready; while :; do sleep 3600 & wait; done"

# Of this machine's units and generators nothing but the one for init scripts.
SYSTEMD = (
    MOUNTS
    + """
mount -o bind,ro /proc/sys /proc/sys  # it is the machine's
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /etc/systemd/system
mkdir /run/generators /run/units
ln -s /lib/systemd/system-generators/systemd-sysv-generator /run/generators
for target in default sysinit basic shutdown multi-user network-online remote-fs nss-lookup; do
    printf '[Unit]\\nDescription=%s\\nDefaultDependencies=no\\n' "$target" \
        >"/run/units/$target.target"
done
exec env -i container=initpy SYSTEMD_LOG_TARGET=console SYSTEMD_GENERATOR_PATH=/run/generators \
    SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/units:/run/systemd/generator.late \
    /lib/systemd/systemd --system --unit=default.target
"""
)

# systemd moves processes about in the cgroup that it finds as the root of all.
IN_A_CGROUP = """
set -eu
mount --make-rprivate /
mount -t cgroup2 cgroup2 "$1"
mkdir "$1/$2"
echo 0 >"$1/$2/cgroup.procs"
unshare --mount --pid --kill-child --cgroup --ipc --uts sh -c "$3" sh "$4" || :
echo 0 >"$1/cgroup.procs"
find "$1/$2" -depth -type d -exec rmdir {} +
"""


class Chamber:
    """A running one; ``close`` ends it."""

    def __init__(self, place, *, systemd=False, island=False):
        self._host, self.init = place.host, None
        self._inner, self._outer = place.path("chamber"), place.path("cgroup")
        os.mkdir(self._inner)
        os.mkdir(self._outer)
        if systemd:
            group = f"{place.name}.slice"
            argv = ["sh", "-c", IN_A_CGROUP, "sh", self._outer, group, SYSTEMD, self._inner]
        else:
            network = ["--net", "--uts"] if island else []
            unshare = ["unshare", "--pid", *network, "--kill-child"]
            argv = [*unshare, "sh", "-c", PLAIN, "sh", self._inner]
        self._log = open(place.path("chamber.log"), "w+")  # noqa: SIM115 - closed in close()
        self._child = subprocess.Popen(
            ["unshare", "--mount", *argv],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        ready = "/run/systemd/private" if systemd else "/run/ready"
        try:
            first = wait_until(lambda: self._first(ready), "process 1 to be ready")
            self.init = self._host.find(first)
        except BaseException:
            self.close()
            raise

    def _first(self, ready):
        """Return process 1 as we see it, once *ready* stands in its root."""
        assert self._child.poll() is None, self.said()
        pid = self._child.pid
        try:
            while True:
                with open(f"/proc/{pid}/task/{pid}/children") as file:
                    pid = int(file.read().split()[0])
                with open(f"/proc/{pid}/status") as file:
                    (numbers,) = (line for line in file if line.startswith("NSpid:"))
                if "1" == numbers.split()[-1]:
                    return pid if os.path.exists(f"/proc/{pid}/root{ready}") else None
        except (IndexError, FileNotFoundError, ProcessLookupError):
            return None  # not yet; or what a shell has run meanwhile has ended

    def said(self):
        """Return what process 1 has written."""
        self._log.seek(0)
        return self._log.read()

    def __call__(self, *argv, **options):
        """Run a program inside, as a person would, and wait for its end."""
        kinds = ["--mount", "--pid", "--net", "--uts", "--cgroup"]
        command = ["nsenter", "--target", str(self.init), *kinds]
        environment = {"PATH": f"{BIN}:{PATH}", "LANG": "C", **options.pop("env", {})}
        began = time.monotonic()
        done = subprocess.run(
            [*command, *argv],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=options.pop("timeout", 120),
            env=environment,
            **options,
        )
        return Result(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def path(self, path):
        """Return where a file inside can be had from outside."""
        return f"/proc/{self.init}/root{path}"

    def write(self, path, text, mode=0o644):
        """Write a file inside."""
        with open(self.path(path), "w") as file:
            file.write(text)
        os.chmod(self.path(path), mode)

    def close(self):
        """End all that runs inside, and wait until it is gone."""
        if self.init is not None:
            self._host.kill(self.init, signal.SIGKILL)
        else:  # it never came up
            os.killpg(self._child.pid, signal.SIGKILL)
        try:
            self._child.wait(PATIENCE)
        finally:
            self._log.close()
            for directory in (self._inner, self._outer):
                shutil.rmtree(directory)


def install(chamber, site):
    """Install a daemon under the name of its kind; return its script."""
    script = f"/etc/init.d/{site.kind}"
    facts = ("--daemon", site.daemon, "--config", site.config, "--pidfile", site.pidfile)
    made = chamber("initpy", "generate", site.kind, *facts, "-o", script)
    assert 0 == made.code, made
    return script
