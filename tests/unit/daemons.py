"""How nginx and php-fpm behave on a ``FakeHost``, with the delays that were measured."""

from __future__ import annotations

from fakes import ALL_SIGNALS, Run

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM

BIND = "bind() to 0.0.0.0:80 failed (98: Address already in use)"


class FakeDaemon:
    """What both have in common: a master, workers, a pidfile, a start and a test.

    drain:   seconds for which a worker goes on with its requests.
    tested:  how the test of the configuration runs.
    started: how the command that starts it runs; it does not start if its code is not 0.
    """

    def __init__(self, host, service, *, workers=2):
        self.host, self.service, self.count = host, service, workers
        self.drain, self.booting, self.silent = 0.0, 0.005, False
        self.tested, self.started = Run(), Run(seconds=0.01)
        self.masters = []  # every one there ever was
        host.put(service.daemon, "binary", mode=0o755)
        host.put(service.config)
        host.put("/run/initpy", kind="dir")
        host.programs[service.daemon] = self.program

    def program(self, argv):
        """Run as its command line says."""
        if argv[1] in ("-t", "--test"):
            return self.tested
        if argv[1] == "-V":
            return Run(output="nginx version: nginx/1.22.1\n" + self.compiled)
        run = Run(**vars(self.started))

        def begin(child):
            if not run.code and not run.then:
                run.then = lambda: self.boot(child.start["sockets"])

        run.begin = begin
        return run

    def boot(self, sockets=None, **facts):
        """Come up as after a start: master, then pidfile, then workers.

        Without *sockets* it makes its own, and if another has them there is no
        coming up.
        """
        if not sockets and self.place in [
            place for process in self.host.processes.values() for place in process.sockets.values()
        ]:
            return
        master = self.new_master(sockets=sockets, **facts)
        if not self.silent:
            self.host.at(self.booting, lambda: self.write_pid(master))
            self.host.at(self.booting + 0.002, lambda: self.new_workers(master))

    def run(self, pid=None):
        """Be up already, and for an hour; return the master."""
        master = self.new_master(pid=pid, age=3600)
        self.write_pid(master)
        self.new_workers(master, infancy=0)
        return master

    def new_master(self, pid=None, ppid=1, sockets=None, **facts):
        """Start a master, and nothing else, on sockets that it inherits or makes."""
        inode = 7000 + len(self.masters)
        facts["sockets"] = dict(sockets or {inode: self.place})
        facts = {"title": self.title, "exe": self.service.daemon, **facts}
        master = self.host.add(pid, ppid=ppid, **facts)
        master.winched, master.successor, master.predecessor = False, None, None
        for sig in ("QUIT", "TERM", "INT", "HUP", "USR1", "USR2", "WINCH"):
            if handler := getattr(self, sig.lower(), None):
                self.host.on(f"SIG{sig}", handler, master)
        self.host.put(f"/proc/{master.pid}/fd/2")
        if self.place.startswith("/"):
            self.host.put(self.place)
        self.masters.append(master)
        return master

    def write_pid(self, master):
        """Have a master write its pidfile."""
        if self.alive(master):
            self.host.put(self.service.pidfile, f"{master.pid}\n")

    def new_workers(self, master, infancy=0.002):
        """Start workers, which bear their master's title for a moment."""
        if master.state == "T":
            self.host.at(0.01, lambda: self.new_workers(master, infancy))
            return
        for _ in range(self.count if self.alive(master) else 0):
            more = {"ppid": master.pid, "session": master.session, "exe": master.exe}
            more["sockets"] = dict(master.sockets)
            worker = self.host.add(title=master.title, exe_id=master.exe_id, uid=33, **more)
            worker.on["SIGQUIT"] = lambda worker: self.retire([worker])
            worker.on["SIGTERM"] = self.host.end
            if infancy:
                self.host.at(infancy, lambda worker=worker: setattr(worker, "title", self.worker))
            else:
                worker.title = self.worker

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

    def log(self, master, line):
        """Have a master write a line to its error log."""
        self.host.files[f"/proc/{master.pid}/fd/2"].text += f"2026/11/23 19:19:50 {line}\n"

    def term(self, master):
        """End at once, workers first, without leaving a pidfile."""
        for worker in self.workers(master):
            self.host.end(worker)
        for path in (self.service.pidfile, self.service.oldbin):
            if path in self.host.files and self.host.files[path].text == f"{master.pid}\n":
                del self.host.files[path]
        self.host.end(master)

    int = term

    def retire(self, workers):
        """Have workers finish what they have begun, and end."""
        for worker in workers:
            worker.title = self.draining
            self.host.at(self.drain, lambda worker=worker: self.host.end(worker))

    def quit(self, master):
        """End when the requests are answered."""
        self.retire(self.workers(master))
        self.host.at(self.drain + 0.003, lambda: self.alive(master) and self.term(master))


class FakeNginx(FakeDaemon):
    """An nginx: USR2 renames its pidfile and starts the binary on disk.

    new: what that binary is like: good, exits, late, hangs, workerless, dies, loses a
         worker, or other (the wrong binary).
    """

    title = f"nginx: master process {NGINX.daemon} -c {NGINX.config}"
    worker, draining = "nginx: worker process", "nginx: worker process is shutting down"
    place = "0.0.0.0:80"
    compiled = (
        "configure arguments: --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf "
        "--pid-path=/run/nginx.pid --error-log-path=/var/log/nginx/error.log "
        "--http-client-body-temp-path=/var/lib/nginx/body"
    )

    def __init__(self, host, service=NGINX, **facts):
        super().__init__(host, service, **facts)
        self.new = "good"
        self.reloads = True
        host.put("/bin/sh", mode=0o755)
        host.programs["/bin/sh"] = self.fostered

    def fostered(self, argv):
        """Run the shell that is nginx's parent until it serves."""

        def begin(child):
            run = self.program(argv[4:])
            starting = self.host.add(ppid=child.pid, argv=tuple(argv[4:]))
            self.host.at(run.seconds, lambda: self.host.end(starting))
            if not run.code:
                self.host.at(0, lambda: self.boot(child.start["sockets"], ppid=child.pid))

        return Run(seconds=float("inf"), begin=begin)

    def usr2(self, master):
        """Begin an upgrade, unless one is under way."""
        if not master.successor and not self.silent:
            self.host.at(0.001, lambda: self.hand_over(master))

    def hand_over(self, master):
        """Rename the pidfile and start the new binary, signals blocked."""
        if master.successor or not self.alive(master):
            return
        self.host.rename(self.service.pidfile, self.service.oldbin)
        more = {"ppid": master.pid, "session": master.session, "sockets": master.sockets}
        new = self.new_master(**more)
        new.blocked, new.exe = ALL_SIGNALS, self.service.daemon
        master.successor, new.predecessor = new, master
        new.at_end.append(lambda: self.take_back(master))
        if self.new in ("exits", "late"):
            self.log(master, f"[emerg] {new.pid}#0: it cannot go on")
            self.host.at(0.003 if self.new == "exits" else 0.5, lambda: self.host.end(new))
        elif self.new != "hangs":
            self.host.at(self.booting, lambda: self.come_up(new))

    def come_up(self, new):
        """Be a new master: write the pidfile, then start workers."""
        if not self.alive(new):
            return
        if new.state == "T":
            self.host.at(0.01, lambda: self.come_up(new))
            return
        new.blocked = 0
        if self.new == "other":
            new.exe_id = (1, -1)
        self.write_pid(new)
        if self.new != "workerless":
            self.host.at(0.002, lambda: self.new_workers(new))
        if self.new == "dies":
            self.host.at(0.05, lambda: self.host.end(new))
        if self.new == "loses a worker":
            self.host.at(0.05, lambda: self.host.end(self.workers(new)[0]))

    def take_back(self, master):
        """Be the old master again: the new one has ended."""
        master.successor = None
        if self.alive(master):
            self.host.at(0.001, lambda: self._back(master))

    def _back(self, master):
        if self.service.oldbin in self.host.files and self.alive(master):
            self.host.rename(self.service.oldbin, self.service.pidfile)
            if master.winched:
                self.new_workers(master)

    def winch(self, master):
        """Let the workers go, and stay."""
        master.winched = True
        self.retire(self.workers(master))

    def hup(self, master):
        """Start a new generation of workers, and let the old one go."""
        if not self.reloads:
            self.host.at(0.01, lambda: self.log(master, f"[emerg] {master.pid}#0: {BIND}"))
            gave_up = f"[emerg] {master.pid}#0: still could not bind()"
            self.host.at(2.5, lambda: self.log(master, gave_up))
            return
        old = self.workers(master)
        self.host.at(0.004, lambda: self.alive(master) and self.new_workers(master))
        self.host.at(0.1, lambda: self.alive(master) and self.retire(old))

    def usr1(self, master):
        """Open the logs anew."""

        def opened():
            for process in (master, *self.workers(master)):
                process.open_files = ["/var/log/nginx/access.log"]

        if not self.silent:
            self.host.at(0.005, opened)


class FakeFpm(FakeDaemon):
    """A php-fpm: USR2 makes it end its workers and execute itself anew, in another process.

    reloads: whether it survives that.
    """

    title = f"php-fpm: master process ({PHP_FPM.config})"
    worker = draining = "php-fpm: pool www"
    place = "/run/php/php8.2-fpm.sock"

    def __init__(self, host, service=PHP_FPM, **facts):
        super().__init__(host, service, **facts)
        self.reloads = True
        host.files[
            service.config
        ].text = f"[global]\npid = {service.pidfile}\n[www]\nlisten = {self.place}\n"

    def usr2(self, master):
        """Do a reload."""
        self.retire(self.workers(master))
        if not self.silent:
            self.host.at(self.drain + 0.01, lambda: self.host.end(master))
            if self.reloads:
                self.host.at(self.drain + 0.012, self.boot)
