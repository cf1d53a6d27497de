"""Who acts on the daemons: each as it is shipped."""

from __future__ import annotations

import os
import select
import subprocess
import time

import floor
import looking
from namespace import WRAPPERS
from sites import write

NGINX = (
    "start",
    "status",
    "configtest",
    "reload",
    "failed reload",
    "upgrade",
    "failed upgrade",
    "restart",
    "stop",
)
FPM = ("start", "status", "configtest", "reload", "failed reload", "upgrade", "restart", "stop")
ACTIONS = {"nginx": NGINX, "php-fpm": FPM}  # in the order of a cycle
WITHIN = 90  # seconds for one action
AFTERMATH = 0.2  # seconds after which a php-fpm that fails in its reload is dead

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

SUPERVISED = """
[program:nginx]
command=/usr/sbin/nginx -g "daemon off;"
autostart=false
[program:php-fpm]
command={fpm} --nodaemonize
autostart=false
"""


class Run:
    """How one action went."""

    def __init__(self, seconds, code, seen):
        self.seconds, self.code, self.seen = seconds, code, seen


class Peer:
    """A program that does actions; *says* gives the words for each, or None.

    supervises: it starts again what ends without it.
    slow:       it takes seconds, which differ little from round to round.
    """

    def __init__(self, name, says, *, supervises=False, slow=False):
        self.name, self._says, self._supervises, self.slow = name, says, supervises, slow

    def words(self, site, action):
        """Return the command for an action on a site, or None."""
        return self._says(site, "start" if action == "recover" else action)

    def can(self, site, action):
        """Tell whether it has that action."""
        return self.words(site, action) is not None

    def run(self, site, action):
        """Do it; return its exit code."""
        return run(self.words(site, action))

    def forget(self, site):
        """See that it does nothing more to a site."""
        if self._supervises and self.can(site, "stop"):
            self.run(site, "stop")

    def act(self, site, action):
        """Do it, and see whether it was done when it returned."""
        before = Seen(site)
        began = time.perf_counter()
        code = self.run(site, action)
        seconds = time.perf_counter() - began
        return Run(seconds, code, before.done(action))


class Floor(Peer):
    """No program: kill, and look."""

    def __init__(self):
        super().__init__("floor", None)

    def can(self, site, action):
        """Tell whether there is a way by hand.

        php-fpm dies of a reload that fails, and a pidfile that is not there tells nothing.
        """
        return action != "stopped status" and (site.kind, action) != ("php-fpm", "failed reload")

    def run(self, site, action):
        """Do it here."""
        return getattr(floor, action.replace(" ", "_"))(site)


class Seen:
    """What was seen of a site before an action, to tell afterwards what it has done."""

    def __init__(self, site):
        self.site = site
        self.master = site.master
        self.crew = site.crew(self.master) if self.master else set()

    def done(self, action):
        """Tell whether what the action is for has happened by now."""
        site, master = self.site, self.site.master
        if action in ("stop", "stopped status"):
            return not site.processes()
        if action.startswith("failed"):
            if site.kind == "php-fpm":
                time.sleep(AFTERMATH)
                master = site.master
            return master == self.master and bool(site.crew(master))
        if action in ("status", "configtest"):
            return True
        old = {pid for pid in self.crew if looking.title(pid) == site.worker_title}
        new = bool(master and site.crew(master) - self.crew) and not any(map(looking.alive, old))
        if action == "reload":
            return new
        return new and master != self.master and not looking.alive(self.master)


def run(words):
    """Run a command to its end; return its exit code, 124 if it takes too long."""
    child = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
        cwd="/",
    )
    end = os.pidfd_open(child.pid)  # Popen.wait(timeout) looks every 50 ms only
    try:
        if not select.select([end], [], [], WITHIN)[0]:
            child.kill()
            child.wait()
            return 124
    finally:
        os.close(end)
    return child.wait()


def verb(action):
    """Return what a script calls an action: a failed reload is a reload to it."""
    return action.rpartition(" ")[2]


def initpy_words(site, action):
    """Return the command for an action by the site's own wrapper."""
    return [f"{WRAPPERS}/{site.name}", verb(action)]


INITPY = Peer("initpy", initpy_words)


def _debian(site, action):
    if site.kind == "php-fpm" and verb(action) in ("upgrade", "configtest"):
        return None
    return [f"/etc/init.d/{site.name}", verb(action)]


def _start_stop_daemon(site, action):
    tool = "/sbin/start-stop-daemon"
    one = ["--quiet", "--pidfile", site.pidfile, "--exec", site.binary]
    return {
        "start": [tool, "--start", *one, "--", *site.command()[1:]],
        "status": [tool, "--status", *one],
        "reload": [tool, "--stop", "--signal", site.reload_signal.name[3:], *one],
        "stop": [tool, "--stop", "--retry", "QUIT/30/TERM/5/KILL/5", *one],
    }.get(verb(action))


def _systemctl(path):
    def words(site, action):
        known = verb(action) in ("start", "status", "reload", "restart", "stop")
        return [path, verb(action), site.name] if known else None

    return words


def _supervisor(site, action):
    if action not in ("start", "status", "restart", "stop"):
        return None
    return ["/usr/bin/supervisorctl", action, site.kind]


def _script(path):
    def words(site, action):
        return [path, verb(action)] if site.kind == "nginx" else None

    return words


def all_peers(fpm, systemctl, scripts=()):
    """Return everybody; supervisord is started for it.

    systemctl: path of docker-systemctl-replacement.
    scripts:   paths of further init scripts of an nginx on Debian's paths.
    """
    write("/etc/supervisor/conf.d/bench.conf", SUPERVISED.format(fpm=fpm))
    supervisord = ["/usr/bin/supervisord", "-c", "/etc/supervisor/supervisord.conf"]
    subprocess.run(supervisord, check=True, env=ENVIRONMENT, cwd="/")
    looking.until(lambda: os.path.exists("/run/supervisor.sock"), "supervisord")
    return [
        Floor(),
        INITPY,
        Peer("Debian", _debian),
        Peer("s-s-d", _start_stop_daemon),
        Peer("systemctl", _systemctl(systemctl), slow=True),
        Peer("supervisor", _supervisor, supervises=True, slow=True),
        *(Peer(path, _script(os.path.abspath(path))) for path in scripts),
    ]
