"""Private daemons for the tests: each in a directory of its own, on ports of its own.

A ``Place`` holds its own copy of every executable, so that whatever runs from
it can be told by /proc/PID/exe, and nothing else can be taken for it.
"""

from __future__ import annotations

import glob
import io
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress

from initpy import cli
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.host import Host
from initpy.host.wait import wait_until as _wait_until
from initpy.state.configuration import listens_at
from initpy.state.record import DIRECTORY as LOCKS
from initpy.state.snapshot import take_snapshot, workers_of
from initpy.tools import command
from initpy.tools.detect import choose, detect_service

HERE = os.path.dirname(os.path.abspath(__file__))
NOBODY = 65534
SUBSYS = "/var/lock/subsys"
ROUNDS = int(os.environ.get("INITPY_TEST_ROUNDS", "5"))  # of what must hold every time
PATIENCE = 20.0  # seconds; for what takes milliseconds on an idle machine
AT_ONCE = NGINX.timeout / 2  # seconds; who waits for what does not come takes twice as long

NGINX_BINARY = "/usr/sbin/nginx"
# The newest php-fpm of this host, whatever its version.
PACKAGED_FPM = choose(PHP_FPM, {}, "", Host())[-1]
FPM_BINARY = PACKAGED_FPM.daemon
ANYWHERE = ("0.0.0.0", "::")

# Below the range from which the kernel takes the ports of clients: one of
# those could take a port between our look and the daemon's bind.
PORTS = range(15000, 32000)
# Until a daemon has bound its port, nobody sees that it is taken: each is given out once, and
# by one process of pytest-xdist alone.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").lstrip("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_OURS = PORTS[_WORKER::_WORKERS]
_LEFT = random.sample(_OURS, len(_OURS))


def wait_until(probe, what, within=PATIENCE):
    """Return what *probe* returns once it is true; fail if that takes too long."""
    return _wait_until(probe, within=within, host=Host(), what=what)


def extension(name):
    """Return the path of an extension of the packaged PHP."""
    told = subprocess.run([FPM_BINARY, "-n", "-i"], capture_output=True, text=True, check=True)
    (folder,) = re.findall(r"^extension_dir => (\S+)", told.stdout, re.MULTILINE)
    return f"{folder}/{name}.so"


def free_port():
    """Return a loopback port that nobody uses, another one each time."""
    while _LEFT:
        port = _LEFT.pop()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no free port left in {_OURS}")


def can_bind(port):
    """Tell whether a daemon could listen on *port* now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@contextmanager
def listener(port=0):
    """Hold a loopback port, as somebody else would; yield its number."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port or free_port()))
        held.listen()
        yield held.getsockname()[1]


class Result:
    """How an action ended."""

    def __init__(self, code, out, err, seconds):
        self.code = code
        self.out = out
        self.err = err
        self.seconds = seconds

    def __repr__(self):
        return f"exit {self.code} after {self.seconds:.2f} s\n{self.out}{self.err}"

    @property
    def json(self):
        """Return what it said to a machine."""
        return json.loads(self.out)


class Place:
    """A directory with everything that a test runs and writes.

    Users other than root may pass through: php-fpm's workers have to.
    """

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="initpy-")
        self.name = os.path.basename(self.root)
        os.chmod(self.root, 0o755)
        self.host = Host()
        self._settings = []

    def path(self, *names):
        """Return a path in this place."""
        return os.path.join(self.root, *names)

    def write(self, name, text, mode=0o644):
        """Write a file whole, by rename: one that runs cannot be written to."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)
        return path

    def copy(self, source, name):
        """Put a fresh copy of an executable there, by rename."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(source, path + ".new")
        os.rename(path + ".new", path)
        return path

    def tool(self, name):
        """Return the path of a copy of a program of the system: its processes are ours."""
        path = self.path("tools", name)
        return path if os.path.exists(path) else self.copy(shutil.which(name), f"tools/{name}")

    def script(self, name, body):
        """Put a shell script there, by rename, that is run by a shell of our own."""
        return self.write(name, f"#!{self.tool('dash')}\n{body}\n", 0o755)

    def settings(self, name, text, mode=0o644):
        """Write /etc/default/NAME; it is removed at the end."""
        path = f"/etc/default/{name}"
        if path not in self._settings:
            assert not os.path.exists(path), f"{path} is somebody's"
            self._settings.append(path)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def processes(self):
        """Return every live process whose executable is, or was, in this place."""
        return {
            process: title
            for pid in self.host.pids()
            if (process := self.host.find(pid)) and self._owns(pid)
            for title in [self.host.title(pid)]
        }

    def _owns(self, pid):
        try:
            return os.readlink(f"/proc/{pid}/exe").startswith(self.root + "/")
        except OSError:
            return False

    def tree(self):
        """Return every path in this place, with its size."""
        return {
            path: os.lstat(path).st_size if os.path.isfile(path) else None
            for folder, folders, files in os.walk(self.root)
            for path in (os.path.join(folder, name) for name in (*folders, *files))
        }

    def close(self):
        """End whatever still runs here, and remove everything."""
        try:
            wait_until(self._killed, f"the processes of {self.root} to end")
        finally:
            for path in self._settings:
                os.unlink(path)
            locks = f"{LOCKS}/{self.root.lstrip('/').replace('/', '%')}%*"
            for path in (*glob.glob(locks), *glob.glob(f"{SUBSYS}/{self.name}-*")):
                os.unlink(path)
            shutil.rmtree(self.root)

    def _killed(self):
        for process in self.processes():
            self.host.kill(process, signal.SIGKILL)
        return not self.processes()


class Site:
    """One private daemon: its wrapper, its service, and what can be seen of it."""

    kind = ""
    declared = None
    binary = ""
    crew = 2  # workers that its configuration asks for

    def __init__(self, place, name="", *, wrapped=True):
        self.place = place
        self.host = place.host
        self.name = f"{place.name}-{name or self.kind}"
        self.folder = name or self.kind
        if not os.path.exists(self.binary):
            raise AssertionError(f"{self.binary} is not installed: these tests need it")
        self.daemon = place.path("sbin", self.kind)
        if not os.path.exists(self.daemon):
            place.copy(self.binary, f"sbin/{self.kind}")
        self.port = free_port()
        self.pidfile = self.path("daemon.pid")
        self.log = self.path("error.log")
        self.config = self.path("daemon.conf")
        os.mkdir(place.path(self.folder))
        self.configure()
        if wrapped:
            self.generate()

    def generate(self):
        """Make its wrapper, and the service that the wrapper declares."""
        self.wrapper = self.place.path(f"{self.folder}.init")
        given = {
            "name": self.name,
            "daemon": self.daemon,
            "config": self.config,
            "pidfile": self.pidfile,
        }
        options = [word for key, value in given.items() for word in (f"--{key}", value)]
        assert 0 == command.main(["generate", self.kind, *options, "-o", self.wrapper])
        self.service = detect_service(self.declared, given, self.host)

    def path(self, *names):
        """Return a path in the folder of this daemon."""
        return self.place.path(self.folder, *names)

    def configure(self):
        """Write its configuration."""
        raise NotImplementedError

    # What is done to it.

    def act(self, *argv, **changes):
        """Do an action in this process, with some facts of the service changed."""
        out, err = io.StringIO(), io.StringIO()
        heeded = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        handlers = {sig: signal.getsignal(sig) for sig in heeded}
        began = time.monotonic()
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = cli.main(self.service.replace(**changes), list(argv))
        finally:
            for sig, handler in handlers.items():
                signal.signal(sig, handler)
        return Result(code, out.getvalue(), err.getvalue(), time.monotonic() - began)

    def script(self, *argv, **options):
        """Run the wrapper as a person would, and wait for its end."""
        began = time.monotonic()
        done = subprocess.run(
            [self.wrapper, *argv],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            **options,
        )
        return Result(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    @contextmanager
    def running_script(self, *argv):
        """Run the wrapper beside the test; yield the process, which is ended at the end."""
        child = subprocess.Popen(
            [self.wrapper, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()
            child.communicate()

    def as_nobody(self, *argv):
        """Run the wrapper as a user without rights."""
        began = time.monotonic()
        done = subprocess.run(
            self.nobodys_command(*argv),
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
            timeout=60,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
        )
        return Result(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def nobodys_command(self, *argv):
        """Return what runs the wrapper with a copy of the library.

        The checkout may stand where only root may look.
        """
        library = self.place.path("library")
        if not os.path.exists(library):
            package = os.path.dirname(os.path.abspath(cli.__file__))
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(package, f"{library}/initpy", ignore=ignored)
        interpreter = os.path.realpath(sys.executable)
        program = (
            "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); del sys.argv[0]; "
            "runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        return [interpreter, "-I", "-B", "-c", program, library, self.wrapper, *argv]

    def start(self, **changes):
        """Start it, and return its master."""
        result = self.act("start", **changes)
        assert 0 == result.code, result
        # One worker that serves is enough for start; for comparisons we want all.
        wait_until(lambda: len(self.workers) == self.crew, f"{self.crew} workers")
        return self.master

    # What can be seen of it.

    @property
    def master(self):
        """The master as the library sees it."""
        return take_snapshot(self.service, self.host).master

    @property
    def workers(self):
        """The workers of that master."""
        master = self.master
        return set(workers_of(self.service, master, self.host)) if master else set()

    @property
    def named(self):
        """The number in its pidfile, or None."""
        try:
            # It may be renamed at any moment; a FIFO, which a test puts there, is not waited for.
            with open(os.open(self.pidfile, os.O_RDONLY | os.O_NONBLOCK), errors="replace") as file:
                text = file.read(32)
        except OSError:
            return None
        return int(text) if text.strip().isdigit() else None

    def logged(self):
        """Return its error log."""
        try:
            with open(self.log) as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def alive(self, process):
        """Tell whether that very process lives."""
        return self.host.find(process.pid) == process

    def held(self, *processes):
        """Return the paths of whatever those processes have open.

        One that has ended has nothing: a worker may finish while it is looked at.
        """
        paths = set()
        for folder in (f"/proc/{process.pid}/fd" for process in processes):
            # Of a process that ends in the middle of it, readlink(2) says EACCES.
            with suppress(FileNotFoundError, PermissionError):
                for fd in os.listdir(folder):
                    with suppress(FileNotFoundError):  # it has been closed meanwhile
                        paths.add(os.readlink(f"{folder}/{fd}"))
        return paths

    def kill(self, process, sig=signal.SIGKILL):
        """Send a signal by hand, as another script or a person would."""
        assert self.host.kill(process, sig), f"{process} is gone"

    def see_gone(self, *processes):
        """Wait until those processes are gone."""
        gone = lambda: not any(map(self.alive, processes))  # noqa: E731
        wait_until(gone, f"{processes} to end")

    def see_only(self, master):
        """Wait until nothing is there but that master and its workers.

        A worker that was just born bears its master's title for a moment.
        """

        def only():
            return {master, *self.workers} == set(self.place.processes())

        wait_until(only, f"nothing but master {master} and its workers")


class Nginx(Site):
    """A private nginx."""

    kind = "nginx"
    declared = NGINX
    binary = NGINX_BINARY

    def configure(
        self, answer="one", *, listens=(), main="", http="", server="", workers=2, user="root"
    ):
        """Write its configuration; every worker answers *answer*."""
        self.crew = workers
        scratch = self.path("tmp")
        os.makedirs(scratch, exist_ok=True)
        paths = "".join(
            f"  {kind}_temp_path {scratch}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        ports = "".join(f" listen 127.0.0.1:{port};" for port in (self.port, *listens))
        self.place.write(
            f"{self.folder}/daemon.conf",
            f"user {user};\nworker_processes {workers};\npid {self.pidfile};\n"
            f"error_log {self.log} notice;\n{main}\n"
            "events { worker_connections 64; }\n"
            f"http {{\n  access_log {self.path('access.log')};\n{paths}{http}\n"
            f"  server {{\n   {ports}\n    {server}\n"
            f'    location / {{ return 200 "{answer}"; }}\n'
            f"    location /files/ {{ alias {self.place.root}/; }}\n  }}\n}}\n",
        )

    def replace_binary(self):
        """Put another copy of the binary in the place of the one that may run."""
        return self.place.copy(self.binary, f"sbin/{self.kind}")

    @property
    def genuine(self):
        """A copy of the binary that stays whole."""
        path = self.place.path("sbin", "genuine")
        return path if os.path.exists(path) else self.place.copy(self.binary, "sbin/genuine")

    def fake_binary(self, body, *, passes_test=True):
        """Put a shell script in the place of the binary.

        passes_test: it lets the real one answer -t and -V, so that only the upgrade fails.
        """
        answer = f'case "$1" in -t|-V) exec {self.genuine} "$@";; esac\n' if passes_test else ""
        return self.place.script(f"sbin/{self.kind}", answer + body)

    @property
    def oldbin(self):
        """The old master's pidfile during an upgrade."""
        return self.pidfile + ".oldbin"

    def ask(self, path="/", within=5.0):
        """Ask once, and return the body of the answer. Raises OSError or AssertionError."""
        with socket.create_connection(("127.0.0.1", self.port), within) as connection:
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode()
            )
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), answer
        return body.decode()

    def half_upgrade(self):
        """Do what a killed script leaves behind: both masters live. Return old and new."""
        old = self.master
        self.replace_binary()
        self.kill(old, signal.SIGUSR2)
        wait_until(lambda: os.path.exists(self.oldbin), "the old pidfile")
        new = self.host.find(wait_until(lambda: self.named, "the new pidfile"))
        wait_until(lambda: len(workers_of(self.service, new, self.host)) == 2, "new workers")
        return old, new

    @contextmanager
    def download(self):
        """Hold a download that reads nothing more than its head, and so never ends."""
        path = self.place.path("big")
        with open(path, "wb") as file:
            file.truncate(64 << 20)
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", self.port))
            connection.sendall(b"GET /files/big HTTP/1.1\r\nHost: test\r\n\r\n")
            assert b"200" in connection.recv(64)
            yield connection


class Fpm(Site):
    """A private php-fpm."""

    kind = "php-fpm"
    declared = PHP_FPM
    binary = FPM_BINARY
    listen = ""  # a unix socket, if it is not its port

    def configure(self, *, pool="", children=2, pm="static", daemonize="yes", settings=""):
        """Write its configuration, with one pool of *children* workers."""
        self.crew = 0 if pm == "ondemand" else children
        at = f"127.0.0.1:{self.port}"
        if not os.path.exists(self.path("php.ini")):
            self.place.write(f"{self.folder}/php.ini", "precision = 14\n")
        self.place.write(
            f"{self.folder}/index.php",
            "<?php echo ini_get('precision'), ' ', extension_loaded('sockets') ? 'sockets' : '-';",
        )
        self.place.write(
            f"{self.folder}/daemon.conf",
            f"[global]\npid = {self.pidfile}\nerror_log = {self.log}\ndaemonize = {daemonize}\n"
            f"{settings}\ninclude = {self.path('pool.d')}/*.conf\n",
        )
        self.place.write(
            f"{self.folder}/pool.d/www.conf",
            f"[www]\nuser = www-data\ngroup = www-data\nlisten = {self.listen or at}\n"
            f"pm = {pm}\npm.max_children = {children}\npm.status_path = /status\n{pool}\n",
        )

    def ask(self, script="", *, uri="", within=5.0, at=""):
        """Run a script of the place by FastCGI, and return what it says.

        at: a unix socket, if not the port is asked.
        """
        script = script or self.path("index.php")
        facts = {
            "SCRIPT_FILENAME": script,
            "SCRIPT_NAME": uri or script,
            "REQUEST_URI": uri or script,
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": "json" if uri else "",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "GATEWAY_INTERFACE": "CGI/1.1",
        }
        pairs = b"".join(
            struct.pack(">BI", len(key), len(value) | 1 << 31) + f"{key}{value}".encode()
            for key, value in facts.items()
        )
        record = lambda kind, body: struct.pack(">BBHHBx", 1, kind, 1, len(body), 0) + body  # noqa: E731
        request = record(1, struct.pack(">HB5x", 1, 0)) + record(4, pairs) + record(4, b"")
        family, address = (socket.AF_UNIX, at) if at else (socket.AF_INET, ("127.0.0.1", self.port))
        with socket.socket(family) as connection:
            connection.settimeout(within)
            connection.connect(address)
            connection.sendall(request + record(5, b""))
            stream = b"".join(iter(lambda: connection.recv(65536), b""))
        said, ended = b"", False
        while stream:
            _, kind, _, length, padding = struct.unpack(">BBHHBx", stream[:8])
            if kind == 6:
                said += stream[8 : 8 + length]
            ended = ended or kind == 3
            stream = stream[8 + length + padding :]
        assert ended, f"the answer was cut: {said!r}"
        head, _, body = said.partition(b"\r\n\r\n")
        assert b"Status:" not in head, said
        return body.decode()

    @property
    def in_the_pool(self):
        """How many workers php-fpm itself says it has."""
        return json.loads(self.ask(uri="/status"))["total processes"]


@contextmanager
def in_the_foreground(fpm):
    """Run php-fpm as a supervisor would, and yield its master."""
    argv = [fpm.daemon, "--nodaemonize", "--fpm-config", fpm.config, "--pid", fpm.pidfile]
    child = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        up = lambda: fpm.master if fpm.named and len(fpm.workers) == fpm.crew else None  # noqa: E731
        yield wait_until(up, "php-fpm to come up")
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def disagreement(config, process, host):
    """Return the places that only one of the two knows: the configuration as read, the daemon."""
    places = host.listening_places(process)
    unread = {place for place in places if not listens_at(config, place, host)}
    unbound = {at for at in config.listens if not any(covers(place, at, host) for place in places)}
    return unread, unbound


def wishless(config):
    """Return a configuration without wishes for sockets: only the daemon knows their defaults."""
    return config.replace(pools=tuple(pool.replace(wishes=()) for pool in config.pools))


def covers(place, at, host):
    """Tell whether a socket at *place* answers what is sent to *at*, as it is written."""
    if place.startswith("/") or at.startswith("/"):
        return os.path.normpath(place) == at
    address, _, port = place.rpartition(":")
    name, _, wanted = at.rpartition(":")
    return port == wanted and (
        address in ANYWHERE or address == name or address in host.addresses_of(name)
    )


class Client:
    """Asks a site without a pause, from a process of its own, until it is closed."""

    def __init__(self, site):
        self._child = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "asking.py"), str(site.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told = None
        assert "asking\n" == self._child.stdout.readline()

    def stop(self):
        """Return what it has seen; it stops asking."""
        if self._told is None:
            said, _ = self._child.communicate(timeout=PATIENCE)
            self._told = json.loads(said)
        return self._told

    @property
    def bad(self):
        """What went wrong, of all its requests."""
        return self.stop()["bad"]

    @property
    def answered(self):
        """How many of its requests were answered, by their answers."""
        return self.stop()["answered"]

    def close(self):
        """Stop asking, whatever it has seen."""
        if self._told is None:
            self._child.kill()
            self._child.communicate()
