from __future__ import annotations

import pytest
from fakes import FakeHost

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.state.identity import is_master, runs
from initpy.state.titles import argv0_of, is_ready, is_worker, looks_like_master

DAEMON, CONFIG = NGINX.daemon, NGINX.config


def looked_at(host, **facts):
    """Return what a look at such a process tells."""
    return host.look(host.add(**facts).pid)


@pytest.mark.parametrize(
    ("told", "facts", "expected"),
    [
        (f"{DAEMON} -c {CONFIG}", {}, True),
        (f"{DAEMON} -c{CONFIG}", {}, True),
        (f"{DAEMON} -g x; -c {CONFIG} -q", {}, True),
        (DAEMON, {}, True),
        (f"{DAEMON} -c nginx.conf", {}, False),
        (f"{DAEMON} -p /etc/nginx -c nginx.conf", {}, True),
        (f"{DAEMON} -p/etc -c ./nginx/nginx.conf", {}, True),
        (f"{DAEMON} -c", {}, False),
        (f"{DAEMON} -c /etc/nginx/other.conf", {}, False),
        (f"{DAEMON} -c {CONFIG}.bak", {}, False),
        ("nginx", {}, True),
        (f"{DAEMON} -c {CONFIG}", {"exe": "/usr/sbin/nginx.old"}, True),
        (f"/opt/nginx -c {CONFIG}", {"exe": "/opt/nginx"}, False),
        (f"{DAEMON}2 -c {CONFIG}", {"exe": "/usr/sbin/nginx2"}, False),
        (f"{DAEMON} -c {CONFIG}", {"exe": None}, True),
        (f"nginx -c {CONFIG}", {"exe": None}, True),
        (f"perl -c {CONFIG}", {"exe": None}, False),
        (f"{DAEMON} -c {CONFIG}", {"uid": 33}, False),
        (f"{DAEMON} -c {CONFIG}", {"nested": True}, False),
        (f"{DAEMON} -c {CONFIG}", {"root": (1, 2)}, False),
        (f"{DAEMON} -c {CONFIG}", {"root_mount": 2}, False),
        (f"{DAEMON} -c {CONFIG}", {"root_mount": 2, "mnt": "mnt:[2]"}, True),
    ],
)
def test_master_of_nginx(host, told, facts, expected):
    """Binary or argv[0], configuration, user and namespace together are the proof."""
    facts = {"exe": DAEMON, **facts, "title": f"nginx: master process {told}"}

    assert expected == is_master(NGINX, looked_at(host, **facts), host)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (f"php-fpm: master process ({PHP_FPM.config})", True),
        ("php-fpm: master process (/etc/php/7.4/fpm/php-fpm.conf)", False),
        (f"php-fpm: master process ({PHP_FPM.config}) x", False),
        ("php-fpm: pool www", False),
        ("", False),
    ],
)
def test_master_of_fpm(host, title, expected):
    """The title of a php-fpm is its configuration, and that is the proof."""
    assert expected == is_master(PHP_FPM, looked_at(host, title=title), host)


def test_linked_daemon_is_followed(host):
    """A daemon that is named by a link runs what that leads to."""
    host.put("/etc/alternatives/nginx", "/usr/lib/nginx", kind="link")
    service = NGINX.replace(daemon="/etc/alternatives/nginx", master_title=None)

    assert is_master(service, looked_at(host, exe="/usr/lib/nginx", argv=("nginx",)), host)


def test_ours_is_as_good_as_roots():
    """A user's own instance is that user's to manage."""
    host = FakeHost()
    host.euid = 1000
    facts = looked_at(host, uid=1000, exe=DAEMON, title=f"nginx: master process {DAEMON}")

    assert is_master(NGINX, facts, host)


def test_service_without_config_needs_none(host):
    """Where there is no configuration to tell, the daemon is enough."""
    service = NGINX.replace(config=None, config_flags=())
    facts = looked_at(host, exe=DAEMON, title=f"nginx: master process {DAEMON} -c /x")

    assert is_master(service, facts, host)


@pytest.mark.parametrize(
    ("title", "works", "serving"),
    [
        ("nginx: worker process", True, True),
        ("nginx: worker process is shutting down", True, False),
        ("nginx: cache manager process", True, False),
        ("nginx: master process /usr/sbin/nginx", False, False),
        ("sh -c x", False, False),
    ],
)
def test_workers(title, works, serving):
    """Helpers are workers too, but only the first kind serves, and not while it drains."""
    assert (works, serving) == (is_worker(NGINX, title), is_ready(NGINX, title))


def test_untitled_children_are_workers():
    """Of a daemon that tells nothing, every child is a worker and serves."""
    service = NGINX.replace(worker_titles=())

    assert is_worker(service, "anything")
    assert is_ready(service, "anything")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"exe": DAEMON}, True),
        ({"exe": None}, True),
        ({"exe": "/opt/nginx"}, False),
    ],
)
def test_runs(host, facts, expected):
    """A process runs this daemon if its binary says so, or is not ours to see."""
    seen = looked_at(host, **{"title": "nginx: worker process", **facts})

    assert expected == runs(NGINX, seen, host)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (f"nginx: master process {DAEMON} -c {CONFIG}", DAEMON),
        (f"nginx: master process {DAEMON}", DAEMON),
        ("nginx: master process nginx -g x", "nginx"),
        ("nginx: worker process", ""),
    ],
)
def test_argv0(title, expected):
    """What a master would execute is the first word of its title."""
    assert expected == argv0_of(NGINX, title)


def test_argv0_with_a_blank():
    """A daemon whose path has blanks is known by that path."""
    service = NGINX.replace(daemon="/opt/my nginx")

    assert "/opt/my nginx" == argv0_of(service, "nginx: master process /opt/my nginx -c x")


def test_title_without_argv_tells_none():
    """A php-fpm's title does not tell how it was started."""
    assert "" == argv0_of(PHP_FPM, f"php-fpm: master process ({PHP_FPM.config})")


def test_looks_like_master():
    """The beginning of a title shows a master, of whichever instance."""
    assert looks_like_master(NGINX, "nginx: master process anything")
    assert not looks_like_master(NGINX, "nginx: worker process")
    assert not looks_like_master(NGINX.replace(master_title=None), "anything")
