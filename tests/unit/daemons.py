"""How nginx and php-fpm behave on a ``FakeHost``, with the delays that were measured.

``test_daemon_contract`` holds them to the real ones.
"""

from __future__ import annotations

import signal

from fakes import ALL_SIGNALS, Run

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import Refused

FOREVER = float("inf")
REQUESTS = {
    f"SIG{name}": 1 << (getattr(signal, f"SIG{name}") - 1)
    for name in ("HUP", "USR1", "USR2", "WINCH", "QUIT", "TERM", "INT")
}
# In what order nginx does what it was told by signals, and what a reload tells that fails.
TURN = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH")
REFUSED = "refused"
BIND = "bind() to 0.0.0.0:80 failed (98: Address already in use)"

# What a binary can be like, beside good: the text of its file.
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


class FakeDaemon:
    """What both have in common: a master, workers, a pidfile, a start and a test.

    drain:   seconds for which a worker goes on with its requests.
    generation: the number of its configuration on disk; a process has that which it loaded.
    bad:     whether the configuration is.
    reloads: whether a reload can have its port.
    silent:  whether it does nothing but be there: no pidfile, no worker, no request heeded.
    logs:    the paths of the logs that its masters open.
    shares:  whether another instance has its address, too.
    tested:  how the test of the configuration runs, if it is to be said.
    started: how the command that starts it runs, if it is to be said; it does not come
             up if the code is not 0.
    """

    def __init__(self, host, service, *, workers=2):
        self.host, self.service, self.count = host, service, workers
        self.drain, self.booting, self.generation = 0.0, 0.005, 0
        self.bad, self.reloads, self.silent, self.shares = False, True, False, False
        self.tested = self.started = None
        self.masters = []  # every one there ever was
        self.logs = [self.error_log, self.access_log]
        self.path = None  # the socket that clients reach: its inode
        host.put(service.config)
        host.put("/run/initpy", kind="dir")
        others = host.programs.get(service.daemon)  # of another instance
        host.programs[service.daemon] = lambda argv: (
            others(argv) if others and service.config not in argv else self.program(argv)
        )
        self.replace()

    # The binary.

    def replace(self, kind="good"):
        """Put another binary on disk, as a package upgrade does."""
        mode = 0o644 if kind == "forbidden" else 0o755
        return self.host.put(self.service.daemon, kind, mode=mode)

    @property
    def on_disk(self):
        """What the binary on disk is like: of a kind of BROKEN, good or missing."""
        file = self.host.files.get(self.service.daemon)
        if file is None:
            return "missing"
        return file.text if file.text in BROKEN else "good"

    def program(self, argv, kind=""):
        """Run as its command line says: the binary on disk, or another one."""
        kind = kind or self.on_disk
        if kind == "forbidden":
            raise Refused(argv[0], PermissionError(13, "Permission denied"))
        if kind == "no program":
            raise Refused(argv[0], OSError(8, "Exec format error"))
        if kind == "exits":
            return Run(code=1, output="no library")
        if kind == "hangs":
            return Run(seconds=FOREVER)
        if argv[1] in ("-t", "--test"):
            bad = Run(code=1, output=self.complaint, seconds=0.003)
            return self.tested or (bad if self.bad else Run(seconds=0.003))
        if argv[1] == "-V":
            return Run(output=f"nginx version: nginx/1.22.1\nconfigure arguments: {self.compiled}")
        if argv[1] == "-tt":
            return Run()  # it does not print its configuration: the file is read
        return self._start(kind)

    def _start(self, kind):
        if kind == "freezes":
            return Run(seconds=FOREVER)
        if self.bad or kind in ("fails", "late"):
            return Run(code=1, output="it failed", seconds=0.5 if kind == "late" else 0.01)
        run = Run(**vars(self.started or Run(seconds=0.01)))

        def begin(child):
            if not child.start["sockets"] and self.taken():
                run.code, run.output = 1, BIND
            elif not run.code and not run.then:
                self.launch(run, child, kind)

        run.begin = begin
        return run

    def launch(self, run, child, kind):
        """Have a master come up when the command that starts it has ended."""
        run.then = lambda: self.boot(child.start["sockets"], kind, ppid=child.parent)

    def taken(self):
        """Tell whether somebody listens where it would."""
        everybody = (p for p in self.host.processes.values() if not self.shared_with(p))
        return self.place in {place for one in everybody for place in one.sockets.values()}

    def shared_with(self, process):
        """Tell whether another instance lets this one have its address, too: reuseport."""
        return self.shares and process.owner not in (None, self)

    # Its processes.

    def boot(self, sockets=None, kind="good", **facts):
        """Come up as after a start: master, then pidfile, then workers.

        Without *sockets* it makes its own, and if another has them there is no
        coming up.
        """
        if not sockets and self.taken():
            return None
        master = self.new_master(sockets=sockets, kind=kind, **facts)
        self.host.at(self.booting, lambda: self.come_up(master), by=master)
        return master

    def come_up(self, master):
        """Be a master: write the pidfile, then start workers."""
        if self.silent:
            return
        master.blocked, master.title = 0, self.title
        self.host.put(self.service.pidfile)
        self.host.at(0.0002, lambda: self.write_pid(master), by=master)
        if master.kind != "workerless":
            self.host.at(0.002, lambda: self.new_workers(master), by=master)
        if master.kind == "dies":
            self.host.at(0.05, lambda: self.host.end(master))

    def run(self, pid=None):
        """Be up already, and for an hour; return the master."""
        master = self.new_master(pid=pid, age=3600)
        self.write_pid(master)
        self.new_workers(master, infancy=0)
        return master

    def new_master(self, pid=None, ppid=1, sockets=None, kind="", **facts):
        """Start a master, and nothing else, on sockets that it inherits or makes."""
        facts = {"title": self.title, "exe": self.service.daemon, "forked": True, **facts}
        master = self.host.add(pid, ppid=ppid, **facts)
        master.sockets = dict(sockets or self.listen(master))
        master.owner, master.kind = self, kind or self.on_disk
        master.program = lambda argv: self.program(argv, master.kind)
        master.ends = None  # how, once it was told to
        master.loaded = self.generation
        master.up = lambda: None
        handlers = {name: getattr(self, name[3:].lower(), None) for name in REQUESTS}
        master.on.update({name: handler for name, handler in handlers.items() if handler})
        master.caught = sum(bit for name, bit in REQUESTS.items() if handlers[name])
        self.host.put(f"/proc/{master.pid}/fd/2")
        for path in self.logs:
            self.host.open_log(master, path)
        self.masters.append(master)
        return master

    def listen(self, master):
        """Make the socket of a master; return it."""
        self.path = 7000 + master.pid
        return {self.path: self.place}

    def write_pid(self, master):
        """Have a master write its pidfile."""
        self.host.put(self.service.pidfile, f"{master.pid}\n")

    def new_workers(self, master, infancy=0.002, count=None):
        """Start workers, which bear their master's title for a moment."""
        for _ in range(self.count if count is None else count):
            self._new_worker(master, infancy)

    def _new_worker(self, master, infancy):
        more = {"ppid": master.pid, "session": master.session, "exe": master.exe, "forked": True}
        more["sockets"] = dict(master.sockets)
        worker = self.host.add(title=master.title, exe_id=master.exe_id, uid=33, **more)
        worker.owner, worker.loaded = self, master.loaded
        self.inherit_logs(worker, master)
        worker.on["SIGQUIT"] = self.finish
        worker.on["SIGTERM"] = self.host.end
        worker.at_end.append(lambda: self._lost(worker, master))
        if infancy:
            self.host.at(infancy, lambda: setattr(worker, "title", self.worker), by=worker)
        else:
            worker.title = self.worker

    def inherit_logs(self, worker, master):
        """Have a worker hold what its master has open."""
        worker.appends, worker.names = dict(master.appends), dict(master.names)

    def _lost(self, worker, master):
        """Have a master end when its last worker has, or replace one that it has not dismissed."""
        if not self.alive(master):
            return
        if master.ends and not self.workers(master):
            self.host.at(0.003, lambda: master.ends(master), by=master)
        elif not master.ends and not worker.dismissed:
            self.replace_worker(master)

    def replace_worker(self, master):
        """Have a master start a worker in place of one that has ended."""
        self.host.at(0.001, lambda: self.new_workers(master, count=1), by=master)

    def finish(self, worker):
        """Have a worker finish what it has begun, and end."""
        worker.retired, worker.title = True, self.draining
        worker.sockets = {}
        self.host.at(self.drain, lambda: self.host.end(worker), by=worker)

    def retire(self, workers):
        """Have their master dismiss workers."""
        for worker in workers:
            worker.dismissed = True
            self.finish(worker)

    def leave(self, master, ends):
        """Have a master dismiss its workers, and do ``ends(master)`` when they are gone."""
        master.ends = ends
        workers = self.workers(master)
        self.retire(workers)
        if not workers:
            self.host.at(0.003, lambda: ends(master), by=master)

    def quit(self, master):
        """End when the requests are answered."""
        self.leave(master, self.term)

    def term(self, master):
        """End at once, workers first."""
        master.ends = self.host.end
        for worker in self.workers(master):
            self.host.end(worker)
        self.clean_up(master)
        self.host.end(master)

    int = term

    # What is seen.

    def alive(self, process):
        """Tell whether that process has not ended."""
        return self.host.processes.get(process.pid) is process

    def workers(self, master):
        """Return the workers of a master."""
        everybody = self.host.processes.values()
        return [p for p in everybody if p.ppid == master.pid and p not in self.masters]

    def named(self):
        """Return the number in the pidfile, or None."""
        file = self.host.files.get(self.service.pidfile)
        return file and int(file.text)

    def serving(self):
        """Return the masters that have a worker which takes requests."""
        looks = {m.pid: [w.title for w in self.workers(m)] for m in self.masters if self.alive(m)}
        return [pid for pid, titles in looks.items() if self.worker in titles]

    def log(self, process, line):
        """Have a master, or a worker, write a line to the error log."""
        master = process if process in self.masters else self.host.processes[process.ppid]
        self.host.files[f"/proc/{master.pid}/fd/2"].text += f"2026/11/23 19:19:50 {line}\n"


class FakeNginx(FakeDaemon):
    """An nginx: USR2 renames its pidfile and starts the binary on disk.

    renaming: seconds for which rename(2) of its pidfile goes on, with the new ctime already.
    """

    title = f"nginx: master process {NGINX.daemon} -c {NGINX.config}"
    worker, draining = "nginx: worker process", "nginx: worker process is shutting down"
    place = "0.0.0.0:80"
    complaint = "[emerg] 1#1: unknown directive"
    error_log, access_log = "/var/log/nginx/error.log", "/var/log/nginx/access.log"
    compiled = (
        "--prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf "
        "--pid-path=/run/nginx.pid --error-log-path=/var/log/nginx/error.log "
        "--http-client-body-temp-path=/var/lib/nginx/body"
    )

    def __init__(self, host, service=NGINX, **facts):
        super().__init__(host, service, **facts)
        self.renaming = 0.0
        self.configure([self.place])

    def configure(self, places):
        """Write a configuration that has it listen at these places."""
        servers = " ".join(f"server {{ listen {place}; }}" for place in places)
        text = f"pid {self.service.pidfile}; http {{ {servers} }}"
        self.host.files[self.service.config].text = text

    def new_master(self, *args, **facts):
        """Start a master, and nothing else."""
        master = super().new_master(*args, **facts)
        master.winched, master.successor = False, None
        master.flags, master.busy_until, master.lost = set(), 0.0, 0
        master.together = lambda names: self.take(master, names)
        for name in (*TURN, "SIGCHLD"):
            master.on[name] = lambda master, name=name: self.take(master, {name})
        return master

    # Its loop (ngx_master_process_cycle): signals are blocked but while it waits for one.

    def take(self, master, names):
        """Note signals, and do a turn of the loop: first it replaces workers that have ended."""
        master.flags |= names
        lost, master.lost = master.lost, 0
        self.new_workers(master, count=lost)
        for name in TURN:
            if name in master.flags:
                master.flags.discard(name)
                # A configuration that cannot be loaded ends the turn: the rest is done
                # at the next signal.
                if getattr(self, name[3:].lower())(master) is REFUSED:
                    return

    def occupy(self, master, seconds):
        """Be busy, signals blocked; then take those that have come meanwhile."""
        master.blocked = ALL_SIGNALS
        master.busy_until = max(master.busy_until, self.host.now + seconds)

        def rest():
            if self.host.now < master.busy_until:
                return
            names = {name for name in (*TURN, "SIGCHLD") if self.host.is_pending(master, name)}
            master.blocked = master.pending = 0
            if names or master.lost:
                self.take(master, names)

        self.host.at(seconds, rest, by=master)

    def come_up(self, master):
        """Be a master; it is busy until its workers are started."""
        super().come_up(master)
        if not self.silent:
            self.occupy(master, 0.003)

    def replace_worker(self, master):
        """Start another worker, as soon as there is time: SIGCHLD is a signal as others are."""
        master.lost += 1
        if not master.blocked:
            self.occupy(master, 0.001)

    def launch(self, run, child, kind):
        """Have a master come up; told of inherited sockets, it stays in the foreground."""
        sockets, seconds = child.start["sockets"], run.seconds
        if not sockets:
            super().launch(run, child, kind)
            return
        run.seconds, command = FOREVER, self.host.processes[child.pid]

        def go_on():
            parent = child.parent
            self.host.end_silently(command)
            session = self.host.processes[parent].session if parent > 1 else 0
            more = {"forked": False, "session": session or command.session}
            self.boot(sockets, kind, ppid=parent, born_of=parent, **more)

        self.host.at(seconds, go_on, by=command)

    def usr2(self, master):
        """Begin an upgrade, unless one is under way or the parent lives (ngx_parent)."""
        if not (self.silent or master.ends or master.successor or master.ppid == master.born_of):
            self.occupy(master, 0.002 + self.renaming)
            if self.renaming:
                self.host.at(0.001, lambda: self.host.touch(self.service.pidfile), by=master)
            self.host.at(0.001 + self.renaming, lambda: self.hand_over(master), by=master)

    def hand_over(self, master):
        """Rename the pidfile and start the new binary, signals blocked."""
        if master.successor or not self.alive(master):
            return
        if self.service.pidfile not in self.host.files:
            self.log(master, f"[alert] {master.pid}#0: rename() failed (2: No such file)")
            return
        self.host.rename(self.service.pidfile, self.service.oldbin)
        more = {"ppid": master.pid, "session": master.session, "sockets": master.sockets}
        new = self.new_master(born_of=master.pid, forked=False, **more)
        new.blocked, new.argv = ALL_SIGNALS, (self.service.daemon, "-c", self.service.config)
        master.successor = new
        new.at_end.append(lambda: self.take_back(master))
        if new.kind == "late":
            self.host.at(0.5, lambda: self.host.end(new))
        elif self.bad or new.kind in ("exits", "fails", "missing", "forbidden", "no program"):
            self.log(master, f"[emerg] {new.pid}#0: it cannot go on")
            self.host.at(0.003, lambda: self.host.end(new))
        elif new.kind not in ("freezes", "hangs"):
            self.host.at(self.booting, lambda: self.come_up(new), by=new)

    def take_back(self, master):
        """Be the old master again: the new one has ended."""
        master.successor = None

        def back():
            if self.service.oldbin in self.host.files:
                self.host.rename(self.service.oldbin, self.service.pidfile)
                if master.winched:
                    self.start_again(master)

        self.host.at(0.001, back, by=master)

    def winch(self, master):
        """Let the workers go, and stay."""
        master.winched = True
        self.retire(self.workers(master))

    def start_again(self, master):
        """Start workers after WINCH."""
        master.winched = False
        self.new_workers(master)

    def hup(self, master):
        """Start a new generation of workers, and let the old one go."""
        if master.ends:
            return None
        if master.successor:  # whatever the configuration is by now
            self.start_again(master)
            return None
        said = f"[emerg] {master.pid}#0: "
        if self.bad:
            self.occupy(master, 0.002)
            self.log(master, said + "unknown directive")
            return REFUSED
        if not self.reloads:
            self.occupy(master, 2.5)
            self.host.at(0.01, lambda: self.log(master, said + BIND), by=master)
            gave_up = said + "still could not bind()"
            self.host.at(2.5, lambda: self.log(master, gave_up), by=master)
            return REFUSED
        old, loaded = self.workers(master), self.generation

        def renew():
            master.loaded = loaded
            self.start_again(master)

        self.occupy(master, 0.104)
        self.host.at(0.004, renew, by=master)
        # It tells them before it is idle, and they say so in their titles later.
        self.host.at(0.105, lambda: self.retire(old), by=master)
        return None

    def usr1(self, master):
        """Open the logs anew; the workers do so when they have been told, and run."""

        def tell():
            self.open_anew(master)
            for worker in self.workers(master):
                self.host.at(0.005, lambda worker=worker: self.open_anew(worker), by=worker)

        if not self.silent:
            self.occupy(master, 0.006)
            self.host.at(0.005, tell, by=master)

    def open_anew(self, process):
        """Open each log before the old descriptor is closed (ngx_reopen_files)."""
        for fd, path in list(process.names.items()):
            if process.cannot_open:
                why = f'open() "{path}" failed ({process.cannot_open})'
                self.log(process, f"[emerg] {process.pid}#{process.pid}: {why}")
            else:
                self.host.open_log(process, path)
                self.host.close_log(process, fd)

    def clean_up(self, master):
        """Remove its pidfile, whatever that holds (ngx_delete_pidfile)."""
        mine = self.service.oldbin if master.successor else self.service.pidfile
        self.host.files.pop(mine, None)


class FakeFpm(FakeDaemon):
    """A php-fpm: USR2 makes it end its workers and execute itself anew, in another process.

    patience: its process_control_timeout: seconds for which it waits for its workers.
    catches:  its catch_workers_output: it reads what its workers write.
    logs:     its error log, and the access.log of a pool if that has one.
    """

    title = f"php-fpm: master process ({PHP_FPM.config})"
    worker = draining = "php-fpm: pool www"
    place = "/run/php/php8.2-fpm.sock"
    error_log, access_log = "/var/log/php-fpm.log", "/var/log/www.access.log"
    complaint = "ERROR: unknown entry"
    patience = 0.0
    catches = False

    def __init__(self, host, service=PHP_FPM, **facts):
        super().__init__(host, service, **facts)
        self.logs = [self.error_log]
        self.places = [self.place]
        self.configure(self.places)

    def inherit_logs(self, worker, master):
        """Have a worker hold the access.log; it closes the error log (fpm_stdio_init_child)."""
        super().inherit_logs(worker, master)
        for fd in [fd for fd, path in worker.names.items() if path == self.error_log]:
            self.host.close_log(worker, fd)
        worker.dumpable = False
        if self.catches:
            self.host.open_log(master, self.error_log, 2)
            worker.pipes = {1: master, 2: master}

    def configure(self, places):
        """Write a configuration that has it listen at these places.

        A pool at each; all but the first start their workers on demand.
        """
        pools = "".join(
            f"[www{n or ''}]\nlisten = {at}\npm = {'ondemand' if n else 'static'}\n"
            for n, at in enumerate(places)
        )
        text = f"[global]\npid = {self.service.pidfile}\n{pools}"
        self.host.files[self.service.config].text = text

    def listen(self, master):
        """Make its socket."""
        file = self.host.put(self.place, kind="socket")
        sockets = super().listen(master)
        self.host.bound[self.path] = file.inode
        return sockets

    def new_master(self, pid=None, ppid=1, sockets=None, kind="", **facts):
        """Start a master, which makes its sockets if it does not inherit them."""
        master = super().new_master(pid, ppid, sockets, kind, **facts)
        inherited = set(master.sockets.values())
        if {place for place in self.places if place.startswith("/")} - inherited:
            made = self.listen(master).items()
            master.sockets.update((i, place) for i, place in made if place not in inherited)
        return master

    def taken(self):
        """Tell whether somebody listens there. A path at which nobody does is unlinked."""
        file = self.host.files.get(self.place)
        if self.host.bound.get(self.path) not in (None, file and file.inode):
            return False  # its path is lost
        return any(self.path in one.sockets for one in self.host.processes.values())

    def launch(self, run, child, kind):
        """Have a master come up; then the command that starts it ends, too."""
        launcher = self.host.processes[child.pid]
        sockets, seconds, run.seconds = child.start["sockets"], run.seconds, FOREVER
        boot = lambda: self.put_in_background(launcher, sockets, kind, child.finish)  # noqa: E731
        self.host.at(seconds, boot, by=launcher)

    def put_in_background(self, launcher, sockets, kind, ends):
        """Have a process start a master, see it up, and end."""
        master = self.boot(sockets, kind, ppid=launcher.pid)
        if master is None:
            ends(78)
            return

        def leave():
            launcher.exe, launcher.argv = None, ()  # it exits: its memory goes first
            self.host.at(0.002, lambda: ends(0), by=launcher)

        master.up = leave
        master.at_end.append(lambda: ends(70))

    def come_up(self, master):
        """Be a master, and tell who has started it."""
        super().come_up(master)
        if not self.silent:
            self.host.at(0.0003, master.up, by=master)

    def leave(self, master, ends):
        """Have a master dismiss its workers, and end those that it loses patience with."""

        def lose_patience():
            for worker in self.workers(master):
                self.host.end(worker)

        super().leave(master, ends)
        self.host.at(self.patience + 0.007, lose_patience, by=master)

    def usr2(self, master):
        """Do a reload."""
        if not (self.silent or master.ends):
            self.leave(master, self.execute)

    def execute(self, master):
        """Execute what is on disk, on the same sockets; that puts itself in the background."""
        kind = self.on_disk
        if self.bad or not self.reloads or kind not in ("good", "workerless", "dies"):
            self.host.end(master)
            return
        master.argv, master.caught = tuple(self.service.command(self.service.start_args)), 0
        master.forked = False
        master.on.clear()
        ends = lambda _code: self.host.end(master)  # noqa: E731
        boot = lambda: self.put_in_background(master, master.sockets, kind, ends)  # noqa: E731
        self.host.at(0.002, boot, by=master)

    def usr1(self, master):
        """Open the logs anew, on the same descriptors; replace workers that hold one."""
        for fd, path in list(master.names.items()):
            if master.cannot_open:
                self.log(master, f"ERROR: failed to open access log ({path})")
            else:
                self.host.open_log(master, path, fd)
        if self.access_log in self.logs:  # fpm_log_open
            for worker in self.workers(master):
                self.host.at(0.001, lambda worker=worker: self.finish(worker), by=worker)

    def clean_up(self, _master):
        """Remove pidfile and socket, whoever needs them (fpm_cleanups)."""
        self.host.files.pop(self.service.pidfile, None)
        self.host.files.pop(self.place, None)
        self.path = None
