from __future__ import annotations

import pytest

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.service import Service

PLAIN = Service(name="x", daemon="/bin/x", pidfile="/run/x.pid")


def test_three_facts_are_enough():
    """A name, a path and a pidfile make a service."""
    assert ("/run/x.pid.oldbin", "/var/lock/subsys/x") == (PLAIN.oldbin, PLAIN.subsys)


@pytest.mark.parametrize("field", ["daemon", "pidfile", "config", "default_config"])
@pytest.mark.parametrize("path", ["x", "", "./x"])
def test_paths_are_absolute(field, path):
    """A relative path fails on import, not on the night of the upgrade."""
    with pytest.raises(ValueError, match=f"x: {field} {path!r} is not an absolute path"):
        PLAIN.replace(**{field: path})


def test_own_lockfile():
    """An administrator may name another lock file."""
    assert "/run/lock/x" == PLAIN.replace(lockfile="/run/lock/x").subsys


def test_command():
    """Placeholders are filled in, and the administrator's options come last."""
    service = PHP_FPM.of_version("8.2").replace(options=("-R", "{config}"))

    assert [
        "/usr/sbin/php-fpm8.2",
        "--daemonize",
        "--fpm-config",
        "/etc/php/8.2/fpm/php-fpm.conf",
        "--pid",
        "/run/php/php8.2-fpm.pid",
        "-R",
        "{config}",
    ] == service.command(service.start_args)


@pytest.mark.parametrize("service", [NGINX, PHP_FPM])
def test_declarations_are_whole(service):
    """What insserv needs is declared, and the schedule ends in KILL."""
    needed = {"Required-Start", "Required-Stop", "Default-Start", "Default-Stop"}

    assert needed <= service.lsb.keys()
    assert "Short-Description" in service.lsb
    assert "$remote_fs" in service.lsb["Required-Start"]
    assert "KILL" == service.stop[-1].sig == service.force_quit[-1].sig
