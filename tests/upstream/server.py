"""The host of the document that initpy began with: both daemons built from source.

nginx is in /usr/local/nginx, PHP in /usr/local/php, and a second nginx in
/usr/local/nginx-rtmp: built as the first, and told by -p where it lives.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager

from builds import EXTENSION, upstream
from real_daemons import HERE, Client, wait_until

PHP = "/usr/local/php"
FPM = f"{PHP}/sbin/php-fpm"
FPM_PIDFILE = f"{PHP}/var/run/php-fpm.pid"
NGINX = "/usr/local/nginx"
NGINX_PIDFILE = f"{NGINX}/logs/nginx.pid"
RTMP = "/usr/local/nginx-rtmp"
WEB = "/srv/web"

SCRIPT = f"""<?php
if (isset($_GET['oa'])) {{
    exec('{WEB}/oa 1000 >/dev/null 2>&1 &');
}}
usleep(1000 * (int) ($_GET['ms'] ?? 0));
$answer = extension_loaded('{EXTENSION}') ? 'with' : 'without';
header('Content-Length: ' . strlen($answer));
echo $answer;
"""
# The rest is what is compiled in: where its pidfile and its logs are, and who its workers are.
SITE = """worker_processes 2;
events {{}}
http {{
    server {{
        listen {port};
        location / {{ return 200 "{answer}"; }}
        location /php/ {{
            include fastcgi_params;
            fastcgi_param SCRIPT_FILENAME {web}/index.php;
            fastcgi_pass 127.0.0.1:9000;
        }}
    }}
}}
"""
# What "make install" leaves to be done by hand, and what this host has changed.
SET_UP = """
mkdir "$1/local" "$1/local.work" "$1/srv" "$1/srv.work"
mount -t overlay -o "lowerdir=$2,upperdir=$1/local,workdir=$1/local.work" overlay /usr/local
mount -t overlay -o "lowerdir=/srv,upperdir=$1/srv,workdir=$1/srv.work" overlay /srv
mkdir -p /srv/web
cp /bin/sleep /srv/web/oa
cd /usr/local/php/etc
sed 's/^;pid = /pid = /' php-fpm.conf.default >php-fpm.conf
cd php-fpm.d
sed 's/^group = nobody/group = nogroup/; s/^pm = dynamic/pm = static/
    s/_children = 5/_children = 2/' www.conf.default >www.conf
cp -a /usr/local/nginx /usr/local/nginx-rtmp
"""


class Server:
    """Such a host, in a chamber with a network of its own."""

    def __init__(self, place, chamber):
        self.chamber, self._inner = chamber, place.path("chamber")
        made = chamber("sh", "-euc", SET_UP, "sh", self._inner, str(upstream()))
        assert 0 == made.code, made
        chamber.write(f"{WEB}/index.php", SCRIPT)
        self.configure("one")
        chamber.write(f"{RTMP}/conf/nginx.conf", SITE.format(port=81, answer="rtmp", web=WEB))

    def __call__(self, *argv, **options):
        """Run a program, as the administrator would; return how it ended."""
        return self.chamber(*argv, **options)

    def configure(self, answer):
        """Have the nginx in front answer that, once it has read its configuration."""
        text = SITE.format(port=80, answer=answer, web=WEB)
        self.chamber.write(f"{NGINX}/conf/nginx.conf", text)

    def load_extension(self, wanted):
        """Have php.ini load the extension, or not."""
        line = f"extension = {EXTENSION}.so\n" if wanted else ""
        self.chamber.write(f"{PHP}/lib/php.ini", f"; php.ini\n{line}")

    def read(self, path):
        """Return the text of a file."""
        with open(self.chamber.path(path)) as file:
            return file.read()

    def exists(self, path):
        """Tell whether something is there."""
        return os.path.exists(self.chamber.path(path))

    def named(self, pidfile):
        """Return the number in a pidfile, or None."""
        try:
            text = self.read(pidfile).strip()
        except FileNotFoundError:  # or renamed at this moment
            return None
        return int(text) if text else None

    def processes(self, *words):
        """Return the processes in whose titles all these words stand: parent and title by pid."""
        listed = self("ps", "-eo", "pid=,ppid=,args=").out.splitlines()
        rows = [line.split(None, 2) for line in listed]
        return {
            int(pid): (int(parent), title)
            for pid, parent, title in rows
            if all(word in title for word in words)
        }

    @property
    def masters(self):
        """The pids of php-fpm's masters."""
        return set(self.processes("php-fpm: master"))

    @property
    def workers(self):
        """The pids of php-fpm's workers."""
        return set(self.processes("php-fpm: pool www"))

    def nginx(self, prefix=NGINX):
        """Return the workers of each master of an nginx, by their pids."""
        found = self.processes("nginx: ")
        return {
            master: {pid for pid, (parent, _) in found.items() if parent == master}
            for master, (_, title) in found.items()
            if f"master process {prefix}/sbin/nginx" in title
        }

    def see_masters(self, *pids, of=NGINX):
        """Wait until these are the masters: a worker has its master's title for a moment."""
        found = lambda: self.masters if of == FPM else set(self.nginx(of))  # noqa: E731
        wait_until(lambda: found() == set(pids), lambda: f"{found()} to be {pids}")

    def install(self):
        """Have initpy write the scripts of all three: only what it cannot know is told."""
        for kind, name, *facts in (
            ("php-fpm", "php-fpm", "--daemon", FPM),
            ("nginx", "nginx", "--daemon", f"{NGINX}/sbin/nginx"),
            ("nginx", "nginx-rtmp", "--daemon", f"{RTMP}/sbin/nginx", "--prefix", RTMP),
        ):
            made = self("initpy", "install", kind, "--name", name, *facts)
            assert 0 == made.code, made

    def act(self, name, *argv):
        """Do an action of a script; return how it ended."""
        return self(f"/etc/init.d/{name}", *argv)

    def start_by_hand(self):
        """Start all three as the document does; return the master of php-fpm."""
        for argv in (
            (FPM,),
            (f"{NGINX}/sbin/nginx", "-c", f"{NGINX}/conf/nginx.conf"),
            (f"{RTMP}/sbin/nginx", "-p", RTMP, "-c", f"{RTMP}/conf/nginx.conf"),
        ):
            done = self(*argv)
            assert 0 == done.code, done
        wait_until(lambda: len(self.workers) == 2, "php-fpm to be up")
        for prefix in (NGINX, RTMP):
            up = lambda at=prefix: [2] == list(map(len, self.nginx(at).values()))  # noqa: E731
            wait_until(up, f"{prefix} to be up")
        return self.named(FPM_PIDFILE)

    def kill(self, sig, pid):
        """Send a signal by hand."""
        done = self("kill", f"-{sig}", str(pid))
        assert 0 == done.code, done

    def see_gone(self, pid):
        """Wait until a process is gone."""
        wait_until(lambda: pid not in self.processes(), f"{pid} to end")

    def ask(self, path="/"):
        """Ask once; return the answer."""
        with self.load(path, asking=0) as asked:
            (answer,) = asked()["answered"]
        return answer

    @contextmanager
    def load(self, *paths, asking=4):
        """Have clients ask meanwhile; yield what stops them, and tells what they saw."""
        clients = _Clients(self.chamber.init, paths, asking)
        try:
            yield clients.stop
        finally:
            clients.close()


class _Clients(Client):
    """Clients in the network of a process."""

    def __init__(self, process, paths, asking):
        program = [sys.executable, os.path.join(HERE, "asking.py"), "80", str(asking), *paths]
        self._child = subprocess.Popen(
            ["nsenter", "--target", str(process), "--net", *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told = None
        assert "asking\n" == self._child.stdout.readline()
