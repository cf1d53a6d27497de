from __future__ import annotations

import pytest
from fakes import Run

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import InitError, NotInstalled
from initpy.tools.detect import detect_service

ALL = {"name": "x", "daemon": "/opt/x", "config": "/etc/x.conf", "pidfile": "/run/x.pid"}


def test_nginx_is_asked(host, nginx):
    """What is not given nginx says itself: its built-in paths, then its configuration."""
    nginx.compiled = "--prefix=/opt/n --conf-path=/opt/n/nginx.conf --pid-path=/run/n.pid"
    host.put("/opt/n/nginx.conf", "pid logs/n.pid;")

    found = detect_service(NGINX, {}, host)

    assert ("/opt/n/nginx.conf",) * 2 == (found.config, found.default_config)
    assert ("/opt/n", "/opt/n/logs/n.pid") == (found.prefix, found.pidfile)


def test_given_goes_first(host, nginx):
    """What is given is not asked for."""
    host.put("/etc/b.conf", "pid /run/b.pid;")

    found = detect_service(NGINX, {"name": "b", "config": "/etc/b.conf"}, host)

    assert ("b", "/etc/b.conf", "/run/b.pid") == (found.name, found.config, found.pidfile)
    assert NGINX.config == found.default_config


def test_all_given(host):
    """With everything given the daemon need not be there."""
    assert NGINX.replace(**ALL) == detect_service(NGINX, ALL, host)


@pytest.mark.parametrize("service", [NGINX, PHP_FPM])
def test_all_given_and_there(host, service):
    """With everything given and the daemon there, nothing is changed of that."""
    host.put("/opt/x", mode=0o755)
    host.programs["/opt/x"] = lambda _argv: Run(output="--conf-path=/etc/y.conf")

    found = detect_service(service, ALL, host)

    assert ALL == {fact: getattr(found, fact) for fact in ALL}


@pytest.mark.parametrize("left_out", ["daemon", "config", "pidfile"])
def test_not_installed(host, left_out):
    """A daemon that is not there cannot be asked."""
    given = {fact: value for fact, value in ALL.items() if fact != left_out}

    with pytest.raises(NotInstalled, match="cannot be asked for its paths"):
        detect_service(NGINX, given, host)


def test_relative_path(host):
    """A path must be absolute."""
    with pytest.raises(InitError, match="daemon 'x' is not an absolute path"):
        detect_service(NGINX, {"daemon": "x"}, host)


def test_fpm_is_asked(host, fpm):
    """A php-fpm names its configuration when it tests it."""
    fpm.tested = Run(
        output="[x] NOTICE: configuration file /opt/php-fpm.conf test is successful", code=0
    )
    host.put("/opt/php-fpm.conf", "pid = /run/x.pid")

    found = detect_service(PHP_FPM, {}, host)

    assert ("/opt/php-fpm.conf",) * 2 == (found.config, found.default_config)
    assert "/run/x.pid" == found.pidfile


def test_newest_fpm(host):
    """Of several versions the greatest is taken, by number and not by letter."""
    for version in ("7.4", "8.9", "8.10", "8.11-dbg"):
        host.put(f"/usr/sbin/php-fpm{version}", mode=0o644 if "dbg" in version else 0o755)
    newest = "/usr/sbin/php-fpm8.10"
    host.programs[newest] = lambda _argv: Run(output="configuration file /e.conf")

    found = detect_service(PHP_FPM, {"pidfile": "/run/x.pid"}, host)

    assert (newest, "/e.conf") == (found.daemon, found.config)


@pytest.mark.parametrize(
    ("service", "reason"), [(NGINX, "the right daemon"), (PHP_FPM, "the right daemon")]
)
def test_another_program(host, service, reason):
    """A program that does not answer as the daemon does is told."""
    host.put(service.daemon, mode=0o755)

    with pytest.raises(InitError, match=reason):
        detect_service(service, {}, host)


def test_no_pidfile(host, fpm):
    """A configuration that names no pidfile leaves the declared one."""
    host.put(PHP_FPM.config, "")

    assert PHP_FPM.pidfile == detect_service(PHP_FPM, {"config": PHP_FPM.config}, host).pidfile


def test_built_in_pidfile(host, nginx):
    """An nginx.conf that names none leaves the one that was built in."""
    nginx.compiled = f"--conf-path={NGINX.config} --pid-path=/var/run/n.pid"

    assert "/var/run/n.pid" == detect_service(NGINX, {}, host).pidfile
