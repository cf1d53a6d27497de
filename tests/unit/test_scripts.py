from __future__ import annotations

import pytest

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.service import Service
from initpy.tools.installing.scripts import is_wrapper, scripts, starts_same

PATH = "/etc/init.d/www"
OTHER = "/opt/rtmp/nginx.conf"
START = "start-stop-daemon --start --pidfile $PID --exec $DAEMON -- $DAEMON_OPTS\n"
WRAPPER = 'from initpy.cli import run\n  NGINX.replace(\n    daemon="{}",\n    config="{}",\n'

SAME = {
    "by a variable": f"DAEMON=/usr/sbin/nginx\n{START}",
    "with its default configuration": f"DAEMON=/usr/sbin/nginx\nDAEMON_OPTS='-q'\n{START}",
    "with that configuration": "start-stop-daemon -x /usr/sbin/nginx -- -c /etc/nginx/nginx.conf",
    "by another path": 'BIN=/opt/link\nCONF=/etc/nginx/../nginx/nginx.conf\n"$BIN" -c "$CONF"\n',
    "as Red Hat does": 'nginx="/usr/sbin/nginx"\n daemon $nginx -c ${C:-/etc/nginx/nginx.conf}\n',
    "as OpenRC does": 'command=/usr/sbin/nginx\ncommand_args="-c ${cfg:-/etc/nginx/nginx.conf}"\n',
    "in a case": 'case "$1" in\n  start) /usr/sbin/nginx -q; echo done ;;\nesac\n',
    "over two lines": "DAEMON=/usr/sbin/nginx\n$DAEMON \\\n  -c /etc/nginx/nginx.conf\n",
    "with a settings file": f". /etc/default/www\n{START}",
    "with another user": "start-stop-daemon -c /home/www --exec /usr/sbin/nginx\n",
    "as a wrapper": WRAPPER.format("/usr/sbin/nginx", "/etc/nginx/nginx.conf"),
}
OTHERS = {
    "another configuration": f"DAEMON=/usr/sbin/nginx\nDAEMON_OPTS='-c {OTHER}'\n{START}",
    "a relative one": "DAEMON=/usr/sbin/nginx\n$DAEMON -p /opt/rtmp -c nginx.conf\n",
    "another binary": f"DAEMON=/opt/rtmp/sbin/nginx\n{START}",
    "as OpenRC does": f"command=/usr/sbin/nginx\ncommand_args='-c {OTHER}'\n",
    "by its settings": f"DAEMON=/usr/sbin/nginx\n[ -r x ] && . /etc/default/rtmp\n{START}",
    "by OpenRC's settings": "command=/usr/sbin/nginx\ncommand_args=$opts\n",
    "another wrapper": WRAPPER.format("/usr/sbin/nginx", OTHER),
    "a comment": "# DAEMON=/usr/sbin/nginx\n# /usr/sbin/nginx -q\n",
    "a test": "[ -x /usr/sbin/nginx ] && service nginx reload\n",
    "nothing": "",
    "an open quotation": "DAEMON='/usr/sbin/nginx\n and more'\n",
    "variables that name each other": "A=$B$B\nB=$A$A\nA=$B$B\n$A\n",
}


@pytest.fixture(autouse=True)
def files(host, nginx):
    """Have an nginx, a link to it, another configuration, and settings files."""
    host.put("/opt/link", "/usr/sbin/nginx", kind="link")
    host.put(OTHER)
    host.put("/opt/rtmp/sbin/nginx", mode=0o755)
    host.put("/etc/default/www", "export DAEMON=/usr/sbin/nginx\nDAEMON_OPTS=\n")
    host.put("/etc/default/rtmp", f'DAEMON_OPTS="-q -c {OTHER}"\n')
    own = host.file_id
    host.file_id = lambda path: own(path.replace("/nginx/../nginx/", "/nginx/"))


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_same_daemon(host, text):
    """A script that starts this binary with this configuration, however it says so."""
    host.put(PATH, f"#!/bin/sh\n{text}", mode=0o755)

    assert starts_same(NGINX, PATH, host)


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_other_service(host, text):
    """A script for another instance, or for something else."""
    host.put("/etc/conf.d/www", f"opts='-c {OTHER}'\n")
    host.put(PATH, f"#!/bin/sh\n{text}", mode=0o755)

    assert not starts_same(NGINX, PATH, host)


def test_daemon_without_a_configuration(host):
    """Of a daemon that has none the binary decides."""
    host.put(PATH, "/usr/sbin/nginx -c /any\n", mode=0o755)

    assert starts_same(NGINX.replace(config=None, start_args=(), test_args=None), PATH, host)


def test_other_daemon(host):
    """Of another daemon it is none, even if that is not installed."""
    host.put(PATH, SAME["by a variable"], mode=0o755)

    assert not starts_same(PHP_FPM, PATH, host)
    assert not starts_same(NGINX.replace(daemon="/opt/none"), PATH, host)


def test_scripts(host):
    """What is executable, but not what editors and packages leave."""
    for name in ("web", "web~", "web.dpkg-dist", "web.rpmsave", "web.bak"):
        host.put(f"/etc/init.d/{name}", mode=0o755)
    host.put("/etc/init.d/README")

    assert ["/etc/init.d/web"] == scripts(host)


def test_wrapper():
    """A script that imports the library, and not one that mentions it."""
    assert is_wrapper(WRAPPER)
    assert not is_wrapper("# from initpy.cli import run\n")


FOO = Service(name="foo", daemon="/usr/sbin/nginx", pidfile="/run/foo.pid")
INSTANCE = (
    'from initpy.cli import run\n  Service(\n    daemon="/usr/sbin/nginx",\n    pidfile="{}",\n'
)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (INSTANCE.format("/run/foo.pid"), True),
        (INSTANCE.format("/run/bar.pid"), False),
        (f"DAEMON=/usr/sbin/nginx\nPID=/srv/link.pid\n{START}", True),
        (f"DAEMON=/usr/sbin/nginx\nPID=/run/bar.pid\n{START}", False),
        ("start-stop-daemon --start --pidfile /run/foo.pid --exec /usr/sbin/nginx\n", True),
        ("DAEMON=/usr/sbin/other\nPID=/run/foo.pid\n", False),
    ],
)
def test_same_daemon_without_configuration(host, text, same):
    """Where no configuration tells instances apart, their pidfiles do."""
    host.put("/srv/link.pid", "/run/foo.pid", kind="link")
    host.put(PATH, f"#!/bin/sh\n{text}", mode=0o755)

    assert same == starts_same(FOO, PATH, host)
