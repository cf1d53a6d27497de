"""A service, all that can happen to it, and what is true of it: for ``test_model``.

The daemons of ``daemons``, on a machine where the script can be killed between
any two of its system calls.
"""

# ruff: noqa: D102 - what is overridden is documented in FakeHost and in daemons

from __future__ import annotations

from daemons import BROKEN, FakeFpm, FakeNginx
from fakes import FakeChild, FakeHost, FakeLaunched

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import InitError
from initpy.schedule import parse_schedule
from initpy.state.record import record_path

MOST_CALLS = 20_000  # of the system in one action: more is a loop that does not end
QUICK = {
    "timeout": 4.0,  # longer than nginx tries a port, and than PATIENCE
    "upgrade_timeout": 3.0,
    "drain_timeout": 2.0,
    "stop": parse_schedule("QUIT/2/TERM/1/KILL/1"),
    "force_quit": parse_schedule("TERM/1/KILL/1"),
}


class Killed(BaseException):
    """The script was killed: from here on none of its calls has an effect."""


class Endless(BaseException):
    """An action looks and looks and does not end."""


class ModelHost(FakeHost):
    """A machine on which every call, look or act, is a moment when anything can happen."""

    def __init__(self):
        super().__init__()
        self.killed = False
        self.calls = self.acts = 0
        self.full = set()  # paths that cannot be written: no space left
        self.wrongs = []  # signals to strangers, and removals of what is not the service's
        self.strangers = set()
        self._own_files = set()
        self._last = 200
        self._dates = {}

    # The script.

    def happen(self):
        if self.killed:
            raise Killed
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise Endless
        super().happen()

    def act(self):
        """Count a call that changes something."""
        self.happen()
        self.acts += 1

    def kill_script(self):
        """Kill the script: SIGKILL, so that it has no last words."""
        self.killed = True
        raise Killed

    def bury_script(self):
        """Let another script begin. What another action has locked stays so."""
        self.killed = False
        others = {path: by for path, by in self.locks.items() if by == "another"}
        super().bury_script()
        self.locks.update(others)

    def owns(self, service):
        """Have a script of that service run from now on: what it may remove."""
        self._own_files = {service.pidfile, service.oldbin, record_path(service)}

    def forget(self):
        """Let nothing be due any more before a look."""
        self.scripts += 1
        self.forget_looks()
        self.children_started.clear()

    # What it asks of the machine.

    def add(self, pid=None, **facts):
        if pid is None:
            self._last += 1
            pid = self._last
        process = super().add(pid, **facts)
        # A number comes round again, but not within one tick of the clock.
        process.started = max(process.started, self._dates.get(pid, 0) + 1)
        self._dates[pid] = process.started
        return process

    def kill(self, process, sig):
        self.act()
        target = self.processes.get(process.pid)
        if self._alive(process) and target in self.strangers:
            self.wrongs.append(f"{sig.name} to {target.title!r}")
        return super().kill(process, sig)

    def write(self, path, text, mode=0o644, *, owner=None):
        self.act()
        if path in self.full:
            raise InitError(f"{path} cannot be written: No space left on device")
        super().write(path, text, mode, owner=owner)

    def lock(self, path):
        if path in self.full and path not in self.files:
            raise InitError(f"the lock {path} cannot be created: No space left on device")
        return super().lock(path)

    def remove(self, path):
        self.act()
        file = self.files.get(path)
        if file and path not in self._own_files and not self._is_stale_socket(path, file):
            self.wrongs.append(f"{path} removed")
        # An .oldbin is written by a recovery itself, for a master whose number may be another's.
        named = file and file.text.strip()
        if path.endswith(".pid") and named and named.isdigit() and self._is_strangers(int(named)):
            self.wrongs.append(f"{path} removed, which names a stranger")
        super().remove(path)

    def _is_strangers(self, pid):
        return self.processes.get(pid) in self.strangers

    def _is_stale_socket(self, path, file):
        held = {place for process in self.processes.values() for place in process.sockets.values()}
        return file.kind == "socket" and path not in held

    def remove_empty(self, path):
        self.act()
        super().remove_empty(path)

    def make_directory(self, path, mode=0o755):
        self.act()
        return super().make_directory(path, mode)

    def mark_started(self, path):
        self.act()
        super().mark_started(path)

    def sign_lock(self, fd, text):
        self.happen()
        super().sign_lock(fd, text)

    def unlock(self, fd):
        if not self.killed:
            super().unlock(fd)

    def close(self, fd):
        if not self.killed:
            super().close(fd)

    def sleep(self, seconds, until=None):
        if self.killed:
            raise Killed
        super().sleep(seconds, until)

    def spawn(self, argv, **start):
        self.act()
        child = super().spawn(argv, **start)
        child.__class__ = ModelChild
        return child

    def launch(self, argv, **start):
        self.act()
        child = super().launch(argv, **start)
        child.__class__ = ModelLaunched
        return child


class ModelChild(FakeChild):
    """A program that the script started, and can do nothing about once it is killed."""

    def kill_group(self):
        if not self._host.killed:
            super().kill_group()


class ModelLaunched(FakeLaunched):
    """A daemon that the script started, and can do nothing about once it is killed."""

    def release(self):
        if not self._host.killed:
            super().release()

    def bereave(self):
        self._host.at(1.0, super().release, by=self._launcher)


class Observed:
    """What the model asks about a daemon. What the daemon does is in ``daemons`` alone."""

    def own(self):
        """Return all its processes."""
        return [p for p in self.host.processes.values() if p.owner is self]

    def alive_masters(self):
        """Return its masters that are up, and whatever is on its way to be one."""
        return [p for p in self.own() if p in self.masters]

    def alive_workers(self):
        """Return its workers, whose ever they are."""
        return [p for p in self.own() if p not in self.masters]

    def starting(self):
        """Return what a script has started, and what is not up yet."""
        start = self.service.command(self.service.start_args)
        return [p for p in self.host.processes.values() if list(p.argv)[-len(start) :] == start]

    def crippled(self):
        """Return the masters that will never serve, whatever is on disk now."""
        masters = self.alive_masters()
        return [m for m in masters if m.ends or m.kind in BROKEN or m.ppid == m.born_of == 1]

    def orphans(self):
        """Return workers without a master."""
        return [w for w in self.alive_workers() if w.ppid not in self.host.processes]

    def takers(self):
        """Return the workers that take requests, of clients who can reach them."""
        return [w for w in self.alive_workers() if not w.retired and self.path in w.sockets]


class ModelNginx(Observed, FakeNginx):
    """An nginx."""


class ModelFpm(Observed, FakeFpm):
    """A php-fpm."""


MODELS = {
    "nginx": (ModelNginx, NGINX.replace(**QUICK)),
    "php-fpm": (ModelFpm, PHP_FPM.replace(**QUICK)),
}
