"""The daemons of ``initpy.daemons`` beside nginx and php-fpm, each in a place of its own."""

from __future__ import annotations

import glob
import os
import pwd
import socket
import subprocess

from real_daemons import Site

from initpy.daemons.apache2 import APACHE2
from initpy.daemons.dnsmasq import DNSMASQ
from initpy.daemons.gunicorn import GUNICORN
from initpy.daemons.haproxy import HAPROXY
from initpy.daemons.memcached import MEMCACHED
from initpy.daemons.named import NAMED
from initpy.daemons.postgresql import POSTGRESQL
from initpy.daemons.redis import REDIS
from initpy.daemons.sshd import SSHD

POSTGRES = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))[-1:]


class Declared(Site):
    """A private instance of a shipped declaration."""

    takes_less = False  # it goes on without a place that is taken
    complaint = "see its log"  # what is said if its place is taken

    def __init__(self, place, name=""):
        super().__init__(place, name, wrapped=False)
        facts = {"name": self.name, "daemon": self.daemon, "pidfile": self.pidfile}
        if self.declared.config:
            facts |= {"config": self.config, "default_config": self.config}
        self.service = self.declared.replace(**{**facts, "directories": {}, **self.changes()})

    def start(self, **changes):
        """Start it, and return its master."""
        result = self.act("start", **changes)
        assert 0 == result.code, result
        return self.master

    def changes(self):
        """Return what else is private of this instance."""
        return {}

    def given_to(self, user):
        """Return the folder of this instance, which is that user's now."""
        owner = pwd.getpwnam(user)
        os.chown(self.path(), owner.pw_uid, owner.pw_gid)
        return self.path()

    def http(self):
        """Ask by HTTP; return the body."""
        return self.say("GET / HTTP/1.0\r\n\r\n").partition("\r\n\r\n")[2]

    def say(self, text):
        """Send a text; return what comes until the connection is closed, or a line has come."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(text.encode())
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
                if answer.endswith(b"\n") and not text.startswith("GET"):
                    break
        return answer.decode()

    def serves(self):
        """Tell whether it answers."""
        raise NotImplementedError

    def break_configuration(self):
        """Make its configuration wrong."""
        with open(self.config, "a") as file:
            file.write("\nfrobnicate = = {\n")


class Redis(Declared):
    """A private redis."""

    kind, declared, binary = "redis", REDIS, "/usr/bin/redis-server"

    def configure(self):
        """Write its configuration."""
        self.place.write(
            f"{self.folder}/daemon.conf",
            f"bind 127.0.0.1\nport {self.port}\nsave ''\ndir {self.given_to('redis')}\n"
            f"logfile {self.log}\n",
        )

    def serves(self):
        """Tell whether it answers."""
        return "+PONG\r\n" == self.say("PING\r\n")


class Memcached(Declared):
    """A private memcached."""

    kind, declared, binary = "memcached", MEMCACHED, "/usr/bin/memcached"

    def configure(self):
        """Have nothing: its options are words of the settings."""
        self.given_to("memcache")

    def changes(self):
        """Return its options."""
        return {"words": {"OPTIONS": f"-m 16 -p {self.port} -l 127.0.0.1"}}

    def serves(self):
        """Tell whether it answers."""
        return self.say("version\r\n").startswith("VERSION ")


class Haproxy(Declared):
    """A private haproxy."""

    kind, declared, binary = "haproxy", HAPROXY, "/usr/sbin/haproxy"
    complaint = "cannot bind socket"

    def configure(self, answer="one"):
        """Write its configuration."""
        self.place.write(
            f"{self.folder}/daemon.conf",
            "global\n  hard-stop-after 5s\ndefaults\n  mode http\n  timeout connect 5s\n"
            "  timeout client 5s\n  timeout server 5s\n"
            f"frontend f\n  bind 127.0.0.1:{self.port}\n"
            f"  http-request return status 200 content-type text/plain string {answer}\n",
        )

    def serves(self):
        """Tell whether it answers."""
        return "one" == self.http()

    def replace_binary(self):
        """Put another copy of the binary in the place of the one that may run."""
        self.place.copy(self.binary, f"sbin/{self.kind}")


class Gunicorn(Declared):
    """A private gunicorn, by an interpreter of its own; with titles, or without."""

    kind, declared, binary = "gunicorn", GUNICORN, "/usr/bin/gunicorn"
    complaint = "as soon as it was up"
    titled = True

    def configure(self, answer="one"):
        """Write its configuration, its application, and its script."""
        self.config = self.path("gunicorn.conf.py")
        python = self.place.path("tools", "python3")
        if not os.path.exists(python):
            self.place.copy(os.path.realpath("/usr/bin/python3"), "tools/python3")
        self.write_script()
        self.place.write(
            f"{self.folder}/app.py",
            "def app(environ, start):\n"
            f"    start('200 OK', [('Content-Length', '{len(answer)}')])\n"
            f"    return [{answer.encode()!r}]\n",
        )
        self.place.write(
            f"{self.folder}/gunicorn.conf.py",
            f"bind = '127.0.0.1:{self.port}'\nworkers = 2\nchdir = {self.path()!r}\n"
            f"errorlog = {self.log!r}\nwsgi_app = 'app:app'\n",
        )
        self.place.write(f"{self.folder}/untitled/setproctitle.py", "raise ImportError\n")

    def write_script(self, code=""):
        """Write the script of the daemon anew, by rename."""
        with open(self.binary) as file:
            text = code or file.read().partition("\n")[2]
        python = self.place.path("tools", "python3")
        self.place.write("sbin/gunicorn", f"#!{python}\n{text}", 0o755)

    def changes(self):
        """Name its configuration as gunicorn wants it."""
        python_path = self.path("untitled") if not self.titled else self.path()
        return {
            "environment": {"PYTHONPATH": python_path, "PYTHONDONTWRITEBYTECODE": "1"},
        }

    def serves(self):
        """Tell whether it answers."""
        return "one" == self.http()

    def replace_binary(self):
        """Put another interpreter and another script in the place of those that run."""
        self.place.copy(os.path.realpath("/usr/bin/python3"), "tools/python3")
        self.write_script()


class UntitledGunicorn(Gunicorn):
    """The same without setproctitle."""

    titled = False


class Apache(Declared):
    """A private apache2."""

    kind, declared, binary = "apache2", APACHE2, "/usr/sbin/apache2"
    complaint = "could not bind to address"

    def configure(self, answer="one"):
        """Write its configuration."""
        self.place.write(f"{self.folder}/www/index.html", answer)
        modules = "".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
            for name in ("mpm_event", "authz_core", "dir")
        )
        self.place.write(
            f"{self.folder}/daemon.conf",
            f"{modules}ServerName localhost\nListen 127.0.0.1:{self.port}\n"
            f"PidFile {self.pidfile}\nErrorLog {self.log}\nServerRoot {self.path()}\n"
            f"DefaultRuntimeDir {self.path()}\nDocumentRoot {self.path('www')}\n"
            f"User ${{APACHE_RUN_USER}}\nGroup ${{APACHE_RUN_GROUP}}\n"
            "DirectoryIndex index.html\nStartServers 1\nMutex sem\n"
            "<Directory />\n  Require all granted\n</Directory>\n",
        )

    def serves(self):
        """Tell whether it answers."""
        return "one" == self.http()


class Sshd(Declared):
    """A private sshd, and a key for it."""

    kind, declared, binary = "sshd", SSHD, "/usr/sbin/sshd"
    complaint = "ended there"

    def configure(self):
        """Make its keys, and write its configuration."""
        if not os.path.exists(self.path("host_key")):
            for name in ("host_key", "user_key"):
                command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(name)]
                subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.place.write(
            f"{self.folder}/daemon.conf",
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.path('host_key')}\n"
            f"AuthorizedKeysFile {self.path('user_key.pub')}\nStrictModes no\nUsePAM no\n"
            # Of those that connect and never log in, it drops some by chance where they are many.
            "PermitRootLogin yes\nMaxStartups 1000\n",
        )

    def serves(self):
        """Tell whether it answers."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            return connection.recv(64).startswith(b"SSH-2.0-")

    def session(self, command):
        """Return a session in which a command runs."""
        options = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            "IdentityFile": self.path("user_key"),
        }
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        return subprocess.Popen(
            ["ssh", "-F", "none", *words, "-p", str(self.port), "root@127.0.0.1", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


class Named(Declared):
    """A private named."""

    kind, declared, binary = "named", NAMED, "/usr/sbin/named"
    takes_less = True

    def configure(self):
        """Write its configuration: a zone, and nothing to resolve."""
        folder = self.given_to("bind")
        zone = "@ IN SOA ns. root. 1 1 1 1 1\n@ IN NS ns.\none IN A 127.0.0.9\n"
        self.place.write(f"{self.folder}/zone", zone)
        self.place.write(
            f"{self.folder}/daemon.conf",
            f'options {{ directory "{folder}"; pid-file "{self.pidfile}"; recursion no;\n'
            f'  session-keyfile "{folder}/session.key"; managed-keys-directory "{folder}";\n'
            f"  listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; }};\n"
            f'controls {{ }};\nzone "test" {{ type master; file "{self.path("zone")}"; }};\n',
        )

    def serves(self):
        """Tell whether it answers."""
        return answers_names(self.port, "one.test", "127.0.0.9")


class Dnsmasq(Declared):
    """A private dnsmasq."""

    kind, declared, binary = "dnsmasq", DNSMASQ, "/usr/sbin/dnsmasq"
    complaint = "failed to create listening socket"

    def configure(self):
        """Write its configuration."""
        self.place.write(
            f"{self.folder}/daemon.conf",
            f"port={self.port}\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\n"
            "address=/one.test/127.0.0.9\n",
        )
        os.makedirs(self.path("more"), exist_ok=True)

    def changes(self):
        """Have a folder for more of its configuration."""
        return {"words": {**DNSMASQ.words, "CONFIG_DIR": self.path("more")}}

    def serves(self):
        """Tell whether it answers."""
        return answers_names(self.port, "one.test", "127.0.0.9")


class Postgresql(Declared):
    """A private cluster of PostgreSQL."""

    kind, declared, binary = "postgresql", POSTGRESQL, (POSTGRES or ["/usr/lib/postgresql"])[0]

    def configure(self):
        """Make the cluster, and write its configuration."""
        data = self.path("data")
        if not os.path.exists(data):
            self.given_to("postgres")
            initdb = [os.path.join(os.path.dirname(self.binary), "initdb"), "--no-sync"]
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *initdb]
            subprocess.run([*command, "-A", "trust", "-D", data], check=True, capture_output=True)
        self.place.write(
            f"{self.folder}/daemon.conf",
            f"data_directory = '{data}'\nlisten_addresses = '127.0.0.1'\nport = {self.port}\n"
            f"unix_socket_directories = '{self.path()}'\nhba_file = '{data}/pg_hba.conf'\n"
            f"ident_file = '{data}/pg_ident.conf'\n",
        )

    def serves(self):
        """Tell whether it answers."""
        command = ["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-tAc"]
        done = subprocess.run(
            [*command, "select 1", "postgres"], check=False, capture_output=True, text=True
        )
        return "1\n" == done.stdout


def answers_names(port, name, expected):
    """Tell whether a name server answers with that address."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + labels + b"\x00\x00\x01\x00\x01"
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(("127.0.0.1", port))
        client.send(query)
        return socket.inet_aton(expected) in client.recv(512)


KINDS = {
    "redis": Redis,
    "memcached": Memcached,
    "haproxy": Haproxy,
    "gunicorn": Gunicorn,
    "gunicorn without titles": UntitledGunicorn,
    "apache2": Apache,
    "sshd": Sshd,
    "named": Named,
    "dnsmasq": Dnsmasq,
    "postgresql": Postgresql,
}
