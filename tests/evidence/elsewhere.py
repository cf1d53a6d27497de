"""Instances of a daemon at home and elsewhere, whose configuration has the same path.

Elsewhere is a chroot, or a network or mount namespace of its own.
"""

from __future__ import annotations

import itertools
import os

from real_daemons import FPM_BINARY, NGINX_BINARY, PACKAGED_FPM, wait_until

FREE_PORTS = itertools.count(8001)  # its network is the chamber's own
BINARIES = {"nginx": NGINX_BINARY, "php-fpm": FPM_BINARY}
CONFIGS = {"nginx": "/etc/nginx/nginx.conf", "php-fpm": PACKAGED_FPM.config}
OPTIONS = {"nginx": "-c", "php-fpm": "-y"}
STOCK = {
    "nginx": "user www-data;\nworker_processes 1;\npid {pidfile};\nerror_log {log};\n"
    "events {{}}\nhttp {{ access_log off; server {{ listen 127.0.0.1:{port}; }} }}\n",
    "php-fpm": "[global]\npid = {pidfile}\nerror_log = {log}\n"
    "[www]\nuser = www-data\nlisten = 127.0.0.1:{port}\npm = static\npm.max_children = 1\n",
}

# $1 is a path of its own, $2 a configuration, $3 the path that it is to have there.
CHROOT = """
mkdir "$1"
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/run"
cp -a /etc "$1/etc"
for folder in /*/; do
    [ ! -e "$1$folder" ] || continue
    mkdir "$1$folder"
    mount --rbind "$folder" "$1$folder"
done
cp "$2" "$1$3"
"""
# Its root directory has the same device and inode as ours.
BOUND_ROOT = """
mkdir "$1"
mount --rbind / "$1"
mount --bind "$2" "$1$3"
mount -t tmpfs tmpfs "$1/run"
"""
NETNS = """
package=$(echo "$3" | cut -d / -f 3)
mkdir -p /etc/netns/blue
cp -a "/etc/$package" /etc/netns/blue/
cp "$2" "/etc/netns/blue/${3#/etc/}"
ip netns add blue
ip -n blue link set lo up
"""
# A process in the background keeps the namespace; its number stands in the file.
FILE = """
unshare --mount sh -c 'mount --bind "$1" "$2" && exec sleep 1000' sh "$2" "$3" >/dev/null 2>&1 &
echo $! >"$1"
"""
FOLDER = """
cp -a "${3%/*}" "$1.folder"
cp "$2" "$1.folder/${3##*/}"
unshare --mount sh -c 'mount --bind "$1" "$2" && exec sleep 1000' sh "$1.folder" "${3%/*}" \
    >/dev/null 2>&1 &
echo $! >"$1"
"""
WAYS = {
    "chroot": (CHROOT, ["chroot", "{at}"]),
    "bound-root": (BOUND_ROOT, ["chroot", "{at}"]),
    "netns": (NETNS, ["ip", "netns", "exec", "blue"]),
    "bound-file": (FILE, ["nsenter", "--mount", "--target", "{number}"]),
    "bound-folder": (FOLDER, ["nsenter", "--mount", "--target", "{number}"]),
}

# What an action is to return while nothing of the service runs, and while it does.
STOPPED = {
    "status": 3,
    "configtest": 0,
    "reload": 7,
    "force-reload": 7,
    "reopen": 7,
    "upgrade": 7,
    "try-restart": 0,
    "force-quit": 0,
    "stop": 0,
}
RUNNING = {
    "start": 0,
    "status": 0,
    "configtest": 0,
    "reload": 0,
    "force-reload": 0,
    "reopen": 0,
    "upgrade": 0,
    "try-restart": 0,
    "restart": 0,
    "stop": 0,
}


class Instance:
    """A daemon, and how to get to where it runs."""

    def __init__(self, chamber, place, kind, name):
        self._chamber, self._place, self.name = chamber, place, name
        self.kind, self.entry = kind, []
        self.config = CONFIGS[kind]
        self.pidfile = f"/run/{name}.pid"
        self.log = place.path(f"{name}.log")
        self.text = STOCK[kind].format(pidfile=self.pidfile, log=self.log, port=next(FREE_PORTS))
        self.source = place.write(f"{name}.conf", self.text)
        self.wrapper = place.path(f"{name}.init")

    def __repr__(self):
        return f"the {self.kind} at {self.name}"

    def __call__(self, *argv):
        """Run a program where it is."""
        return self._chamber(*self.entry, *argv)

    def move(self):
        """Make the place elsewhere that it is named after."""
        script, entry = WAYS[self.name]
        at = self._place.path(self.name)
        made = self._chamber("sh", "-euc", script, "sh", at, self.source, self.config)
        assert 0 == made.code, made
        number = ""
        if "{number}" in entry:
            with open(at) as file:
                number = file.read().strip()
        self.entry = [word.format(at=at, number=number) for word in entry]
        arrived = lambda: 0 == self("cmp", self.source, self.config).code  # noqa: E731
        wait_until(arrived, f"{self} to have its configuration")

    def generate(self, name=""):
        """Make its wrapper, which is called where it is; it has the name of the daemon."""
        facts = {"name": name or self.kind, "config": self.config, "pidfile": self.pidfile}
        facts["daemon"] = BINARIES[self.kind]
        options = [word for key, value in facts.items() for word in (f"--{key}", value)]
        made = self("initpy", "generate", self.kind, *options, "-o", self.wrapper)
        assert 0 == made.code, made

    def act(self, *argv):
        """Do an action by its wrapper."""
        return self(self.wrapper, *argv)

    def start_by_hand(self, *options):
        """Start it without its wrapper; return its family, see ``family``."""
        done = self(BINARIES[self.kind], *(options or (OPTIONS[self.kind], self.config)))
        assert 0 == done.code, done
        return wait_until(self.family, f"{self} to be up")

    def family(self):
        """Return master and worker as ps(1) shows them, or "" if they are not up."""
        named = self("cat", self.pidfile).out.strip()
        if not named:
            return ""
        columns = ("-o", "pid,lstart,user,args")
        listed = self._chamber("ps", "--no-headers", *columns, "-p", named, "--ppid", named)
        workers = [line for line in listed.out.splitlines() if "www-data" in line]
        # A worker has its user, and for a moment still its master's title.
        return "" if any("master" in line for line in workers) or not workers else listed.out


def see_untouched(acting, *others):
    """Do every action of one instance: the others are not seen, and told nothing."""
    families = {other: other.family() for other in others}
    for other in others:  # it makes a new one if it is told to open its logs again
        os.rename(other.log, other.log + ".moved")
    for codes in (STOPPED, RUNNING):
        for action, code in codes.items():
            result = acting.act(action)

            assert code == result.code, (action, result)
            assert families == {other: other.family() for other in others}, (action, result)
    assert [] == [other for other in others if os.path.exists(other.log)]
    assert not acting.family()
