from __future__ import annotations

import re

import pytest

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.tools.systemd_unit import render_drop_in, render_unit


def lines(service):
    """Return the lines of a unit."""
    return render_unit(service, "/etc/init.d/x").splitlines()


@pytest.mark.parametrize("service", [NGINX, PHP_FPM])
def test_unit(service):
    """The verbs are the wrapper's, and the pidfile is the service's."""
    text = lines(service)

    assert f"Description={service.lsb['Short-Description']}" in text
    assert f"PIDFile={service.pidfile}" in text
    assert ["start", "reload", "stop"] == [
        line.rpartition("=/etc/init.d/x ")[2] for line in text if line.startswith("Exec")
    ]


def test_without_reload():
    """Systemd does not offer what the daemon cannot do, nor what another unit did for it."""
    service = NGINX.replace(reload=None)

    assert not [line for line in lines(service) if "reload" in line]
    drop_in = render_drop_in(service, "/etc/init.d/x").splitlines()
    assert ["ExecReload="] == [line for line in drop_in if "Reload" in line]


def test_order():
    """The facilities that LSB names are targets to systemd, or nothing."""
    after = "After=remote-fs.target network-online.target nss-lookup.target"

    assert [after] == [line for line in lines(NGINX) if re.match("After|Before", line)]
    assert [after, "Before=nginx.service"] == [
        line for line in lines(PHP_FPM) if re.match("After|Before", line)
    ]


def test_other_services():
    """A name that is no facility is a service."""
    service = NGINX.replace(lsb={**NGINX.lsb, "Should-Start": "php-fpm"})

    assert any(line.startswith("After=") and "php-fpm.service" in line for line in lines(service))


def test_specifiers():
    """A percent sign in a path is no specifier."""
    assert "PIDFile=/run/50%%.pid" in lines(NGINX.replace(pidfile="/run/50%.pid"))


@pytest.mark.parametrize("service", [NGINX, PHP_FPM])
def test_drop_in(service):
    """It sets what the unit sets, having cleared the commands; it installs nothing."""
    unit = [line for line in lines(service) if "=" in line and not line.startswith("Desc")]
    drop_in = render_drop_in(service, "/etc/init.d/x").splitlines()
    cleared = {"ExecStartPre=", "ExecStart=", "ExecReload=", "ExecStop="}

    assert set(unit) - {"WantedBy=multi-user.target"} == set(drop_in[1:]) - cleared - {
        "",
        "[Unit]",
        "[Service]",
    }
    for command in cleared - {"ExecStartPre="}:
        at = drop_in.index(command)
        assert drop_in[at + 1].startswith(f"{command}/etc/init.d/x ")
