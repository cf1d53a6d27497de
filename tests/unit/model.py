"""A service, all that can happen to it, and what is true of it: for ``test_model``.

The daemons of ``daemons``, with a binary on disk that can be of any kind, on a
machine where the script can be killed between any two of its system calls.
"""

# ruff: noqa: D102 - what is overridden is documented in FakeHost and in daemons

from __future__ import annotations

from daemons import BIND, FakeFpm, FakeNginx
from fakes import ALL_SIGNALS, FakeChild, FakeHost, Run

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import InitError
from initpy.schedule import parse_schedule

FOREVER = float("inf")
MOST_CALLS = 20_000  # of the system in one action: more is a loop that does not end
QUICK = {
    "timeout": 4.0,  # longer than nginx tries a port, and than PATIENCE
    "upgrade_timeout": 3.0,
    "drain_timeout": 2.0,
    "stop": parse_schedule("QUIT/2/TERM/1/KILL/1"),
    "force_quit": parse_schedule("TERM/1/KILL/1"),
}

# What the binary on disk can be like, beside good: the text of its file.
BROKEN = {
    "exits": "whatever it is asked, its own test included",
    "hangs": "whatever it is asked",
    "forbidden": "it has no x",
    "no program": "it cannot be executed",
    "fails": "it passes the test, and then ends at once",
    "late": "it passes the test, and ends after a while",
    "freezes": "it passes the test, and then hangs",
    "workerless": "its master comes up, its workers do not",
    "dies": "its master ends soon after it is up",
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
        self.wrongs = []  # signals to strangers
        self.strangers = set()
        self.asked = None  # how a running binary, /proc/PID/exe, runs
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
        """Do what the kernel does for the dead, and let another script begin."""
        self.killed = False
        self.locks = {path: fd for path, fd in self.locks.items() if fd == "another"}
        self.copies.clear()
        for process in self.processes.values():
            if process.ppid == self.getpid():
                process.ppid = 1
        for child in self.children_started:
            FakeChild.release(child)

    def forget(self):
        """Let nothing be due any more before a look."""
        self._before.clear()
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
        process.owner, process.retired, process.kind = None, False, "good"
        return process

    def kill(self, process, sig):
        self.act()
        target = self.processes.get(process.pid)
        if self._alive(process) and target in self.strangers:
            self.wrongs.append(f"{sig.name} to {target.title!r}")
        return super().kill(process, sig)

    def write(self, path, text, mode=0o644):
        self.act()
        if path in self.full:
            raise InitError(f"{path} cannot be written: No space left on device")
        super().write(path, text, mode)

    def lock(self, path):
        if path in self.full and path not in self.files:
            raise InitError(f"the lock {path} cannot be created: No space left on device")
        return super().lock(path)

    def remove(self, path):
        self.act()
        super().remove(path)

    def remove_trace(self, path):
        self.act()
        super().remove_trace(path)

    def make_directory(self, path, mode=0o755):
        self.act()
        super().make_directory(path, mode)

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
        if running := self._running(argv[0]):
            self.programs[argv[0]] = lambda argv: self.asked(argv, running.kind)
        child = super().spawn(argv, **start)
        child.__class__ = ModelChild
        return child


class ModelChild(FakeChild):
    """A program that the script started, and can do nothing about once it is killed."""

    def kill_group(self):
        if not self._host.killed:
            super().kill_group()

    def release(self):
        if not self._host.killed:
            super().release()


class Modelled:
    """What is modelled of both daemons, beyond what ``daemons`` has."""

    def __init__(self, host, service):
        super().__init__(host, service.replace(**QUICK))
        self.bad = False  # the configuration
        self.path = None  # the socket that clients reach: its inode
        self.replace("good")
        host.asked = self.program

    @property
    def on_disk(self):
        """What the binary on disk is like."""
        file = self.host.files.get(self.service.daemon)
        return "missing" if file is None else file.text

    def replace(self, kind):
        """Put another binary on disk."""
        mode = 0o644 if kind == "forbidden" else 0o755
        self.host.put(self.service.daemon, kind, mode=mode)

    # How its command line runs.

    def program(self, argv, kind=None):
        kind = kind or self.on_disk
        if kind == "forbidden":
            raise PermissionError(13, "Permission denied", argv[0])
        if kind == "no program":
            raise OSError(8, "Exec format error", argv[0])
        if kind in ("exits", "hangs"):
            return Run(seconds=FOREVER) if kind == "hangs" else Run(code=1, output="no library")
        if argv[1] in ("-t", "--test"):
            bad = Run(code=1, output="[emerg] 1#1: unknown directive", seconds=0.003)
            return bad if self.bad else Run(seconds=0.003)
        if argv[1] == "-V":
            return Run(output="nginx version: nginx/1.22.1\n" + self.compiled)
        if self.bad or kind in ("fails", "late"):
            return Run(code=1, output="it failed", seconds=0.5 if kind == "late" else 0.01)
        if kind == "freezes":
            return Run(seconds=FOREVER)
        run = Run(seconds=0.01)

        def begin(child):
            if not child.start["sockets"] and self.taken():
                run.code, run.output = 1, BIND
            else:
                run.then = lambda: self.boot(child.start["sockets"], kind)

        run.begin = begin
        return run

    def taken(self):
        """Tell whether somebody listens where it would."""
        everybody = self.host.processes.values()
        held = {
            inode for p in everybody for inode, place in p.sockets.items() if place == self.place
        }
        return bool(held)

    def boot(self, sockets=None, kind="good", **facts):
        if not sockets and self.taken():
            return None
        master = self.new_master(sockets=sockets, **facts)
        master.kind = kind
        self.host.at(self.booting, lambda: self.come_up(master))
        return master

    def come_up(self, master):
        """Write the pidfile, then start workers."""
        if not self.alive(master):
            return
        master.blocked, master.title = 0, self.title
        self.host.put(self.service.pidfile)
        self.host.at(0.0002, lambda: self.write_pid(master))
        if master.kind != "workerless":
            self.host.at(0.002, lambda: self.new_workers(master))
        if master.kind == "dies":
            self.host.at(0.05, lambda: self.host.end(master))

    def new_master(self, pid=None, ppid=1, sockets=None, **facts):
        master = super().new_master(pid, ppid, sockets, **facts)
        master.owner, master.quitting, master.kind = self, False, self.on_disk
        master.deaf = False  # to USR2, for ever
        if not sockets:
            self.path = master.pid + 7000  # an inode of its own
            master.sockets = {self.path: self.place}
        return master

    def new_workers(self, master, infancy=0.002, count=None):
        if master.state == "T":
            return
        self.count = 2 if count is None else count
        super().new_workers(master, infancy)
        for worker in self.workers(master):
            worker.owner = self

    def retire(self, workers):
        for worker in workers:
            worker.retired = True
        super().retire(workers)

    def quit(self, master):
        master.quitting = True
        super().quit(master)

    def lose_worker(self):
        """Have a worker crash, and its master start another."""
        workers = self.alive_workers()
        if not workers:
            return
        master = self.host.processes.get(workers[0].ppid)

        def restarted():
            if master in self.masters and not master.quitting:
                self.new_workers(master, count=1)

        self.host.end(workers[0])
        self.host.at(0.001, restarted)

    # What is true.

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
        return [m for m in self.alive_masters() if m.quitting or m.kind in BROKEN or m.deaf]

    def orphans(self):
        """Return workers without a master."""
        return [w for w in self.alive_workers() if w.ppid not in self.host.processes]

    def takers(self):
        """Return the workers that take requests, of clients who can reach them."""
        return [w for w in self.alive_workers() if not w.retired and self.path in w.sockets]


class ModelNginx(Modelled, FakeNginx):
    """An nginx: see PEERS.md B13 for what is known of it."""

    def fostered(self, argv):
        def begin(child):
            run = self.program(argv[4:])
            starting = self.host.add(ppid=child.pid, argv=tuple(argv[4:]), exe=self.service.daemon)
            shell = self.host.processes[child.pid]

            def reap():
                self.host.end(starting)

            def ended():
                # Nobody waits for it while the shell reads. Else it goes on as the master.
                starting.state = "Z"
                if not run.code or not self.alive(shell):
                    reap()

            shell.at_end.append(lambda: starting.state == "Z" and reap())
            self.host.at(run.seconds, ended)
            if not run.code and run.seconds < FOREVER:
                kind = self.on_disk

                def boot():
                    parent = child.pid if self.alive(shell) else 1
                    master = self.boot(child.start["sockets"], kind, ppid=parent)
                    master.deaf = parent == 1

                self.host.at(run.seconds, boot)

        return Run(seconds=FOREVER, begin=begin)

    def usr2(self, master):
        adopted = master.ppid == 1 and not master.deaf
        if adopted and not master.quitting:
            super().usr2(master)

    def hand_over(self, master):
        if master.successor or not self.alive(master):
            return
        if self.service.pidfile not in self.host.files:
            self.log(master, f"[alert] {master.pid}#0: rename() failed (2: No such file)")
            return
        self.host.rename(self.service.pidfile, self.service.oldbin)
        more = {"ppid": master.pid, "session": master.session, "sockets": master.sockets}
        new = self.new_master(**more)
        new.blocked = ALL_SIGNALS
        new.argv = (self.service.daemon, "-c", self.service.config)
        master.successor, new.predecessor = new, master
        new.at_end.append(lambda: self.take_back(master))
        if new.kind in ("late", "freezes", "hangs"):
            self.host.at(0.5 if new.kind == "late" else FOREVER, lambda: self.host.end(new))
        elif self.bad or new.kind in ("exits", "fails", "missing", "forbidden", "no program"):
            self.log(master, f"[emerg] {new.pid}#0: it cannot go on")
            self.host.at(0.003, lambda: self.host.end(new))
        else:
            self.host.at(self.booting, lambda: self.come_up(new))

    def hup(self, master):
        if master.quitting:
            return
        if master.successor:
            master.winched = False
            self.new_workers(master)
        elif self.bad:
            self.log(master, f"[emerg] {master.pid}#0: unknown directive")
        else:
            master.winched = False
            super().hup(master)

    def term(self, master):
        """End, workers first; the pidfile goes whatever it holds (ngx_delete_pidfile)."""
        for worker in self.workers(master):
            self.host.end(worker)
        mine = self.service.oldbin if master.successor else self.service.pidfile
        self.host.files.pop(mine, None)
        self.host.end(master)

    int = term


class ModelFpm(Modelled, FakeFpm):
    """A php-fpm: see PEERS.md B4 for what is known of it."""

    def new_master(self, pid=None, ppid=1, sockets=None, **facts):
        if not sockets:
            self.host.put(self.place, kind="socket")
        return super().new_master(pid, ppid, sockets, **facts)

    def taken(self):
        # A path at which nobody answers is no obstacle: it is unlinked.
        return any(self.path in p.sockets for p in self.host.processes.values())

    def term(self, master):
        """End, workers first; pidfile and socket go whoever needs them (fpm_cleanups)."""
        for worker in self.workers(master):
            self.host.end(worker)
        self.host.files.pop(self.service.pidfile, None)
        self.host.files.pop(self.place, None)
        self.path = None
        self.host.end(master)

    int = term

    def quit(self, master):
        # Its process_control_timeout is 0: nobody is waited for.
        master.quitting = True
        self.retire(self.workers(master))
        self.host.at(min(self.drain, 0.01), lambda: self.alive(master) and self.term(master))

    def usr2(self, master):
        if master.quitting:
            return
        master.quitting = True
        self.retire(self.workers(master))
        self.host.at(min(self.drain, 0.01), lambda: self.execute(master))

    def execute(self, master):
        """Execute what is on disk, on the same sockets, in another process."""
        if not self.alive(master):
            return
        for worker in self.workers(master):
            self.host.end(worker)
        self.host.end(master)
        well = self.on_disk in ("good", "workerless", "dies")
        if well and self.reloads and not self.bad:
            kind = self.on_disk
            self.host.at(0.002, lambda: self.boot(master.sockets, kind))


MODELS = {"nginx": (ModelNginx, NGINX), "php-fpm": (ModelFpm, PHP_FPM)}
