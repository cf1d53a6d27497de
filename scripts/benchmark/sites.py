"""The daemons that are acted on: nginx and php-fpm, on the paths that Debian's scripts know.

They are private all the same, since `namespace` has put copies of /etc and
/usr/sbin, and empty folders, in the place of the machine's own.
"""

from __future__ import annotations

import glob
import os
import shutil
import signal
from abc import ABC, abstractmethod
from contextlib import suppress

import looking
from looking import alive, children, named, until

SCRATCH = "/run/bench"
PHP = "/run/bench/index.php"
SLEEP = 0.005  # seconds that the script for PHP takes

NGINX_CONF = """\
user www-data;
worker_processes {workers};
worker_rlimit_nofile 4096;
pid {pidfile};
error_log {log};
events {{ worker_connections 1024; }}
http {{
    access_log off;
    server_names_hash_max_size 131072;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "here\\n"; }}
        location /php {{
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME {php};
            fastcgi_pass unix:/run/php/bench.sock;
        }}
    }}
{more}
}}
"""
FPM_CONF = """\
[global]
pid = {pidfile}
error_log = {log}
[www]
user = www-data
group = www-data
listen = /run/php/bench.sock
listen.owner = www-data
listen.group = www-data
pm = static
pm.max_children = {workers}
"""
SCRIPT = f"<?php usleep({int(SLEEP * 1e6)}); header('Content-Length: 5'); echo \"here\\n\";\n"

# A binary that passes the test of the configuration, and fails when it is to take over.
BROKEN = '#!/bin/sh\ncase " $* " in *" -t "*|*" -V "*|*" -T "*) exec {kept} "$@";; esac\nexit 1\n'


def write(path, text, mode=0o644):
    """Write a file whole, by rename, as a package manager does."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)


class Site(ABC):
    """One daemon: where its files are, and what can be seen of it."""

    kind = ""
    binary = ""
    master_title = ""
    worker_title = ""
    reload_signal = signal.SIGHUP

    def __init__(self, config, pidfile, log, workers=2):
        self.config, self.pidfile, self.log, self.workers = config, pidfile, log, workers
        self.configure()

    @abstractmethod
    def configure(self):
        """Write its configuration."""

    def break_config(self):
        """Leave a configuration that does not pass the test."""
        write(self.config, looking.read(self.config) + "oops {\n")

    @property
    def master(self):
        """The process that the pidfile names, or 0."""
        pid = named(self.pidfile)
        return pid if pid and alive(pid) else 0

    def crew(self, master):
        """Return the workers of a master that take requests."""
        return {pid for pid, told in children(master).items() if told == self.worker_title}

    def serves(self):
        """Tell whether a master is there and has a worker."""
        master = self.master
        return bool(master and self.crew(master))

    def settled(self):
        """Tell whether nobody is there but one master and all of its workers."""
        master = self.master
        if not master:
            return False
        more = children(master)
        return (
            set(more.values()) == {self.worker_title}
            and len(more) == self.workers
            and not os.path.exists(self.pidfile + ".oldbin")
            and not self.orphans()
        )

    def orphans(self):
        """Return workers, of any site of this kind, whose master is gone."""
        return {pid for pid in looking.titled(self.worker_title) if looking.facts(pid)[1] == 1}

    def settle(self, within=30.0):
        """Wait until it is settled. Raises Late."""
        until(self.settled, f"{self.kind} to be settled", within)

    @abstractmethod
    def command(self):
        """Return what starts it by hand."""

    def processes(self):
        """Return whoever is of this kind, in whatever state."""
        return looking.titled(f"{self.kind}: ")

    def clear(self):
        """End every daemon of this kind, and leave nothing behind."""

        def cleared():
            for pid in self.processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not self.processes()

        until(cleared, f"every {self.kind} to end")
        for path in (self.pidfile, self.pidfile + ".oldbin"):
            if os.path.exists(path):
                os.unlink(path)


class Nginx(Site):
    """An nginx, on the default paths unless it has a name."""

    kind = "nginx"
    binary = "/usr/sbin/nginx"
    worker_title = "nginx: worker process"

    def __init__(self, name="", port=80, workers=2, blocks=1):
        self.name, self.port, self.blocks = name or "nginx", port, blocks
        folder = f"{SCRATCH}/{name}" if name else ""
        if name:
            os.makedirs(folder, exist_ok=True)
        super().__init__(
            config=f"{folder}/nginx.conf" if name else "/etc/nginx/nginx.conf",
            pidfile=f"{folder}/nginx.pid" if name else "/run/nginx.pid",
            log=f"{folder}/error.log" if name else "/var/log/nginx/error.log",
            workers=workers,
        )

    def configure(self):
        """Write a configuration with so many server blocks."""
        more = "\n".join(
            f"    server {{ listen 127.0.0.1:{self.port}; server_name host{number}; "
            'location / { return 200 "there\\n"; } }'
            for number in range(1, self.blocks)
        )
        facts = {"workers": self.workers, "pidfile": self.pidfile, "log": self.log}
        text = NGINX_CONF.format(port=self.port, php=PHP, more=more, **facts)
        write(self.config, text)

    def command(self):
        """Return what starts it by hand."""
        return [self.binary, "-c", self.config] if self.name != "nginx" else [self.binary]

    def break_binary(self):
        """Put a binary in its place that fails in an upgrade."""
        os.rename(self.binary, self.binary + ".kept")
        write(self.binary, BROKEN.format(kept=self.binary + ".kept"), 0o755)

    def mend_binary(self):
        """Put the old one back."""
        os.rename(self.binary + ".kept", self.binary)


class Fpm(Site):
    """The php-fpm of Debian."""

    kind = "php-fpm"
    worker_title = "php-fpm: pool www"
    reload_signal = signal.SIGUSR2

    def __init__(self, workers=4):
        (self.binary,) = glob.glob("/usr/sbin/php-fpm[0-9]*")
        self.version = self.binary.rpartition("php-fpm")[2]
        self.name = f"php{self.version}-fpm"
        super().__init__(
            config=f"/etc/php/{self.version}/fpm/php-fpm.conf",
            pidfile=f"/run/php/php{self.version}-fpm.pid",
            log=f"/var/log/php{self.version}-fpm.log",
            workers=workers,
        )

    def configure(self):
        """Write its configuration, and the script that clients ask for."""
        os.makedirs("/run/php", exist_ok=True)
        shutil.chown("/run/php", "www-data", "www-data")
        facts = {"workers": self.workers, "pidfile": self.pidfile, "log": self.log}
        write(self.config, FPM_CONF.format(**facts))
        write(PHP, SCRIPT)

    def command(self):
        """Return what starts it by hand."""
        return [self.binary, "--daemonize", "--fpm-config", self.config]
