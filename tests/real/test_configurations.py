"""Configurations as initpy reads them, and what the daemons make of them.

Each daemon runs in a network namespace of its own, where every port is free.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess

import pytest
from real_daemons import FPM_BINARY, NGINX_BINARY, disagreement, wait_until, wishless

from initpy.control.ask import ask_configuration
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.host import Host
from initpy.state.configuration import read_configuration

pytestmark = pytest.mark.real

CONFIGURATIONS = int(os.environ.get("INITPY_TEST_CONFIGURATIONS", "24"))
SEEDS = range(CONFIGURATIONS)
MODULES = "/etc/nginx/modules-enabled/*.conf"
ALONE = ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]


class Running:
    """A daemon in the foreground, by its own process: it listens, or has refused."""

    def __init__(self, argv, pidfile, said):
        self.host = Host()
        self.said = said
        with open(said, "wb") as output:
            self.child = subprocess.Popen([*ALONE, *argv], stdout=output, stderr=output, cwd="/")
        self.process = self.host.find(self.child.pid)
        wait_until(
            lambda: self.child.poll() is not None or self._named(pidfile),
            f"{argv} to write {pidfile} or to end: {self.output()}",
        )
        self.up = self.child.poll() is None

    def _named(self, pidfile):
        try:
            with open(pidfile) as file:
                return file.read().strip() == str(self.child.pid)
        except FileNotFoundError:
            return False

    def output(self):
        """Return what it has said."""
        with open(self.said, errors="replace") as file:
            return file.read()

    def wait_for_workers(self):
        """Wait until it has started workers, after all that it does by itself."""
        wait_until(lambda: self.host.children(self.process), f"workers: {self.output()}")

    def logs(self):
        """Return the files that it has open to append to them."""
        found = set()
        base = f"/proc/{self.child.pid}/fd"
        for fd in os.listdir(base):
            with open(f"/proc/{self.child.pid}/fdinfo/{fd}") as file:
                flags = int(file.read().split("flags:")[1].split()[0], 8)
            path = os.readlink(f"{base}/{fd}")
            if flags & os.O_APPEND and os.path.isfile(path):
                found.add(path)
        return found

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.child.poll() is None:  # with its workers, which KILL would leave behind
            self.child.send_signal(signal.SIGTERM)
        self.child.wait()


class Writer:
    """Writes an nginx.conf by chance, with all that may stand in one."""

    def __init__(self, root, chance):
        self.root, self.chance = root, chance
        self.ports = iter(range(8000, 9999))
        self.files = 0

    def file(self, name, text):
        """Write a file, and return its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def word(self, text):
        """Write a word in one of the ways that mean the same."""
        ways = [text, f'"{text}"', f"'{text}'"]
        return self.chance.choice(ways)

    def blank(self):
        """Return what separates words."""
        return self.chance.choice([" ", "\n", "\t", "  # } ; { ' \" pid x;\n ", " \r\n"])

    def statement(self, *words):
        """Return a directive with its arguments."""
        return self.blank() + self.blank().join(words) + self.chance.choice(["", " ", "\n"]) + ";"

    def log(self, name):
        """Return the path of a log."""
        relative = self.chance.random() < 0.5
        path = f"logs/{name}" if relative else f"{self.root}/logs/{name}"
        return self.word(self.chance.choice([path, path.replace("logs/", "logs//./")]))

    def listen(self):
        """Return a listen on ports that no other has."""
        port = next(self.ports)
        values = [
            f"{port}",
            f"*:{port}",
            f"127.0.0.1:{port}",
            f"127.0.0.2:{port}",
            f"[::1]:{port}",
            f"[0:0:0::1]:{port}",
            f"[::]:{port} ipv6only=on",
            f"localhost:{port}",
            f"127.0.0.1:{port}-{port + 3}",
            f"{port}-{port + 2}",
            f"unix:{self.root}/run/{port}.sock",
            f"UNIX:{self.root}//run/./{port}.sock",
            f"127.0.0.1:{port} default_server backlog=5",
        ]
        for _ in range(3):
            next(self.ports)
        first, *options = self.chance.choice(values).split(" ")
        return self.statement("listen", self.word(first), *options)

    def noise(self):
        """Return what looks like directives and is none, or what does not matter."""
        some = self.chance.sample(
            [
                'set $a "pid /x; } listen 81; {";',
                "set $b '${host}b; \\' }';",
                "set $c ${host}b;",
                "set $d a#b}c;",
                "set $e \\};",
                "set $g a\\;b;",
                'if ($host = "x;{") { set $f 1; }',
                'location ~ "^/a{1,2};$" { return 200 "listen 82; }"; }',
                "location = /pid { return 200 'server { listen 83; }'; }",
                "location /l { access_log off; }",
            ],
            self.chance.randint(0, 3),
        )
        return [self.blank() + text for text in some]

    def server(self):
        """Return a server block, or what includes its inside."""
        listens = [self.listen() for _ in range(self.chance.choice([0, 1, 1, 2, 3]))]
        parts = [*listens, *self.noise()]
        if self.chance.random() < 0.3:
            parts.append(self.statement("access_log", self.log(f"a{len(listens)}.log")))
        if self.chance.random() < 0.3:
            log = self.log(f"e{len(listens)}.log")
            parts.append(f"location /e{len(parts)} {{ {self.statement('error_log', log)} }}")
        if self.chance.random() < 0.2:
            parts.append(self.statement("access_log", f"{self.root}/logs/$host.log"))
        self.chance.shuffle(parts)
        if self.chance.random() < 0.3:
            parts = [self.included("snippets", "".join(parts))]
        return f"{self.blank()}server{self.blank()}{{{''.join(parts)}\n}}"

    def included(self, folder, text):
        """Put text in a file of its own, and return what includes it."""
        self.files += 1
        name = f"{folder}/{self.files}.conf"
        self.file(name, text)
        pattern = self.chance.choice([name, f"{self.root}/{name}", f"{folder}/{self.files}.c*"])
        return self.statement("include", self.word(pattern))

    def data(self):
        """Return a block whose lines are no directives, or a format."""
        return self.chance.choice(
            [
                "map $host $pid1 { default 1; pid 2; listen 81; error_log /x; 'a;{' '}'; }",
                "geo $geo1 { default 0; 127.0.0.1 1; }",
                "split_clients $host $part1 { 50% pid; * listen; }",
                "types { text/html html; pid pid; server server; }",
                "upstream up1 { server 127.0.0.1:1; server unix:/x; }",
                "log_format main1 '{ \"pid\": \"$pid\"; listen 80; ' '}';",
            ]
        )

    def write(self):
        """Write it all; return the path of the main file."""
        blocks = [self.server() for _ in range(self.chance.randint(0, 4))]
        if self.chance.random() < 0.5:
            blocks.append(self.data())
        if self.chance.random() < 0.4:
            blocks.append(self.included("conf.d", self.server() + self.server()))
        self.chance.shuffle(blocks)
        access = self.statement("access_log", self.log("access.log"))
        top = [
            self.statement("pid", self.word(self.chance.choice(["x.pid", f"{self.root}/x.pid"]))),
            self.statement("error_log", self.log("error.log"), "info"),
            "events { }",
            f"http {{ {self.temporary()} {access} {''.join(blocks)}\n}}",
        ]
        if self.chance.random() < 0.4:
            listen = self.listen().replace("default_server", "")
            stream = f"server {{ {listen} return x; }}"
            top.append(f"stream {{ {stream} }}")
        self.chance.shuffle(top)
        if self.chance.random() < 0.3:
            top = [self.included("top", part) for part in top]
        return self.file("nginx.conf", f"include {MODULES};\n" + "".join(top) + "\n")

    def temporary(self):
        """Return where nginx writes what it keeps for a moment."""
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        return "".join(f"{kind}_temp_path tmp/{kind};" for kind in kinds)


@pytest.fixture
def tree(tmp_path):
    """Return a folder as a prefix, with the folders that a configuration needs."""
    for folder in ("logs", "run", "tmp", "pools"):
        (tmp_path / folder).mkdir()
    (tmp_path / "modules").symlink_to("/usr/lib/nginx/modules")
    return tmp_path


@pytest.mark.parametrize("seed", SEEDS)
def test_nginx(tree, seed):
    """Listens, pidfile and logs are what nginx has when it runs with that configuration."""
    config = Writer(tree, random.Random(seed)).write()
    first = f"{tree}/logs/first.log"  # until it has read its configuration
    options = ("-p", str(tree), "-e", first)
    service = NGINX.replace(config=str(config), options=options)
    told = read_configuration(service, Host())
    argv = [NGINX_BINARY, "-c", str(config), *options, "-g", "daemon off;"]

    with Running(argv, f"{tree}/x.pid", f"{tree}/said") as running:
        assert running.up, running.output()
        assert (set(), set()) == disagreement(told, running.process, running.host)
        assert f"{tree}/x.pid" == told.pidfile
        running.wait_for_workers()  # nginx closes its first log after it has written its pidfile
        assert running.logs() == set(told.logs) - {first}


class PoolWriter:
    """Writes a php-fpm.conf by chance."""

    def __init__(self, root, chance):
        self.root, self.chance = root, chance
        self.ports = iter(range(8000, 9999))

    def spelled(self, key):
        """Return a key in some capitals."""
        return self.chance.choice([key, key, key.upper(), key.title()])

    def line(self, key, value):
        """Return a line with that value."""
        value = self.chance.choice([value, f'"{value}"', f"'{value}'", f"{value} ; x = y"])
        return self.chance.choice(["", " ", ";pid = /no\n"]) + f"{self.spelled(key)} = {value}\n"

    def place(self, kind):
        """Return where a pool may listen."""
        port = next(self.ports)
        return self.chance.choice(
            [
                f"{port}",
                f"127.0.0.1:{port}",
                f"[::1]:{port}",
                f"localhost:{port}",
                f"{self.root}/run/{port}.sock",
                f"{self.root}//run/./{port}.sock",
                f"run/$pool.{kind}",
                f"$pool.{kind}",
            ]
        )

    def pool(self, number):
        """Return the section of a pool."""
        name = f"p{number}"
        pm = self.chance.choice(["static", "ondemand", "OnDemand", "dynamic", "STATIC"])
        parts = [
            self.line("user", "www-data"),
            self.line("listen", self.place("sock")),
            self.line("pm", pm),
            self.line("pm.max_children", "1"),
            self.line("pm.start_servers", "1"),
            self.line("pm.min_spare_servers", "1"),
            self.line("pm.max_spare_servers", "1"),
        ]
        if self.chance.random() < 0.4:
            parts.append(self.line("pm.status_listen", self.place("status")))
            parts.append(self.line("pm.status_path", "/status"))
        if self.chance.random() < 0.4:
            prefix = self.chance.choice(["pools/$pool", f"{self.root}/pools/$pool"])
            parts.append(self.line("prefix", prefix))
            (self.root / "pools" / name / "run").mkdir(parents=True)
        if self.chance.random() < 0.5:
            log = self.chance.choice(["$pool.access", f"{self.root}/logs/$pool.access"])
            parts.append(self.line("access.log", log))
        self.chance.shuffle(parts)
        if self.chance.random() < 0.3:  # a section may go on later, in other capitals
            half = self.chance.randint(1, len(parts) - 1)
            parts.insert(half, f"[global]\n[{name.upper()}] ; again\n")
        return f"[{name}]{self.chance.choice(['', ' ; a comment'])}\n" + "".join(parts)

    def write(self):
        """Write it all; return the path of the main file."""
        top = [
            self.line("pid", self.chance.choice(["x.pid", f"{self.root}/x.pid"])),
            self.line("error_log", self.chance.choice(["logs/e.log", f"{self.root}/logs/e.log"])),
            self.line("process_control_timeout", self.chance.choice(["0", "5", "10s", "2m"])),
        ]
        self.chance.shuffle(top)
        pools = [self.pool(number) for number in range(self.chance.randint(1, 4))]
        for number, pool in enumerate(pools):
            if self.chance.random() < 0.5:
                (self.root / "pools" / f"{number}.conf").write_text(pool)
                pattern = self.chance.choice(["", f"{self.root}/"]) + f"pools/{number}.c*"
                pools[number] = f"[global]\ninclude = {pattern}\n"
        path = self.root / "fpm.conf"
        path.write_text("".join([self.chance.choice(["[global]\n", "[GLOBAL]\n"]), *top, *pools]))
        return path


@pytest.mark.parametrize("seed", SEEDS)
def test_php_fpm(tree, seed):
    """Listens, pidfile and pools are what php-fpm has, by its own words and by its file."""
    config = PoolWriter(tree, random.Random(seed)).write()
    options = ("-p", str(tree))
    service = PHP_FPM.replace(daemon=FPM_BINARY, config=str(config), options=options)
    read = read_configuration(service, Host())
    told = ask_configuration(service, Host())
    argv = [FPM_BINARY, "--nodaemonize", "--fpm-config", str(config), *options]

    with Running(argv, f"{tree}/x.pid", f"{tree}/said") as running:
        assert running.up, running.output()
        unread, unbound = disagreement(told, running.process, running.host)
        assert (set(), set()) == (unread, unbound)
    assert wishless(read) == wishless(told)
    assert f"{tree}/x.pid" == told.pidfile
    assert f"{tree}/logs/e.log" in told.logs
