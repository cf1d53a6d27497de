"""Debian with sysvinit in a folder: made once, kept in a cache, copied for each use.

As a command, ``tests/debian_root.py FOLDER`` makes such a copy of Debian 12 with the daemons.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cache import cached
from commands import completed

SUITE = "bookworm"  # where nothing else is said
# Without a program for tmpfiles.d, php-fpm would bring in all of systemd.
INIT = ("sysvinit-core", "systemd-standalone-tmpfiles", "ifupdown")
OLD_INIT = {"bullseye": ("sysvinit-core", "ifupdown")}  # which has no other than systemd's
DAEMONS = ("nginx", "php-fpm", "python3-psutil", "python3-daemon")
BUILDING = ("build-essential", "debhelper", "dh-python", "python3-setuptools", "python3-venv")
APT = (
    *("apt-get", "-y", "-qq", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0"),
    *("-o", "Dpkg::Options::=--force-unsafe-io"),  # it does not wait for the disk
)
POLICY = "/usr/sbin/policy-rc.d"
WITHIN = 900  # seconds for any one command: a download may be slow

# New pid, network, host name; what is started in it ends with it. The mounts too
# are this command's alone.
_ALONE = ("unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child")
_ENTER = """
set -e
root=$1
layers=$2
shift 2
if [ "$layers" ]; then
    mount -t overlay overlay \\
        -o "lowerdir=$root,upperdir=$layers/upper,workdir=$layers/work" "$layers/root"
    root=$layers/root
    mount --bind "$layers/mnt" "$root/mnt"
fi
mount -t proc proc "$root/proc"
exec chroot "$root" "$@"
"""


class Root:
    """A Debian in a folder. What is run in it sees nothing of the host's processes."""

    def __init__(self, path: Path, layers: Path | None = None) -> None:
        """Take the folder as it is. With *layers*, changes are kept there instead.

        That is a folder with the folders upper and work, for the overlay; root,
        where it is mounted; and mnt, which is seen as /mnt.
        """
        self.path = path
        self._layers = layers

    def copy(self, to: Path) -> Root:
        """Return a copy in a folder that is not there yet."""
        subprocess.run(["cp", "-a", self.path, to], check=True, timeout=WITHIN)
        return Root(to)

    def run(self, *argv: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in it, alone and without a network; return what it said.

        Raises CalledProcessError, having shown what it said, unless *check* is
        false.
        """
        finished = completed(
            [*_ALONE, "sh", "-c", _ENTER, "sh", self.path, self._layers or "", *argv],
            within=WITHIN,
            DEBIAN_FRONTEND="noninteractive",
        )
        if check and finished.returncode:
            sys.stdout.write(finished.stdout)
            finished.check_returncode()
        return finished

    def forbid_starts(self) -> None:
        """Let no package start or stop a service, as images are made."""
        self.run("sh", "-c", f"printf '#!/bin/sh\\nexit 101\\n' >{POLICY}; chmod 755 {POLICY}")

    def allow_starts(self) -> None:
        """Let packages start services again."""
        self.run("rm", POLICY)


def bare_root(suite: str = SUITE) -> Root:
    """Return the cached root with sysvinit, and the daemons' packages to install."""
    init = OLD_INIT.get(suite, INIT)

    def make(new: Path) -> None:
        _host("debootstrap", "--variant=minbase", suite, new)
        root = Root(new)
        root.forbid_starts()
        # A mirror may be a snapshot of some weeks ago.
        _host("chroot", new, *APT, "-o", "Acquire::Check-Valid-Until=false", "update")
        # By apt, which knows what excludes what; debootstrap does not.
        _host("chroot", new, *APT, "install", *init)
        _host("chroot", new, *APT, "--download-only", "install", *DAEMONS)
        root.allow_starts()

    return Root(cached(f"{suite}-bare", (init, DAEMONS), make))


def daemons_root(suite: str = SUITE) -> Root:
    """Return the cached root in which nginx, php-fpm and what initpy needs are installed."""
    bare = bare_root(suite)

    def make(new: Path) -> None:
        new.rmdir()
        root = bare.copy(new)
        root.forbid_starts()
        root.run(*APT, "install", *DAEMONS)
        root.allow_starts()

    return Root(cached(f"{suite}-daemons", (OLD_INIT.get(suite, INIT), DAEMONS), make))


def building_root(suite: str) -> Root:
    """Return the cached root that has what builds packages and virtual environments, too."""
    daemons = daemons_root(suite)

    def make(new: Path) -> None:
        new.rmdir()
        root = daemons.copy(new)
        _host("chroot", new, *APT, "--download-only", "install", *BUILDING)
        root.run(*APT, "install", *BUILDING)

    recipe = (OLD_INIT.get(suite, INIT), DAEMONS, BUILDING)
    return Root(cached(f"{suite}-building", recipe, make))


def _host(*argv: str | Path) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, check=True, timeout=WITHIN)


if __name__ == "__main__":
    daemons_root().copy(Path(sys.argv[1]))
