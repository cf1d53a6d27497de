from __future__ import annotations

import sys

import pytest
from fakes import Run

from initpy.daemons.nginx import NGINX
from initpy.errors import InitError
from initpy.tools import register as module
from initpy.tools.register import UNITS, install, install_unit, trusted_interpreter, write_wrapper

PATH = "/etc/init.d/nginx"
REGISTRARS = {
    "/usr/sbin/update-rc.d": ["nginx", "defaults"],
    "/sbin/chkconfig": ["--add", "nginx"],
    "/sbin/rc-update": ["add", "nginx", "default"],
}


@pytest.fixture(autouse=True)
def directory(host):
    """Have an /etc/init.d."""
    host.put("/etc/init.d", kind="dir")


def test_write_wrapper(host):
    """A wrapper is executable."""
    write_wrapper(PATH, "text", host)

    assert ("text", 0o755) == (host.files[PATH].text, host.files[PATH].mode)


@pytest.mark.parametrize(("program", "args"), REGISTRARS.items())
def test_registered(host, program, args):
    """The host's own program is told of it."""
    host.put(program, mode=0o755)

    sentence = install(NGINX, "text", host)

    assert [[program, *args]] == [argv for argv, _, _ in host.spawned]
    assert f"{PATH} written, registered with {' '.join([program, *args])}" == sentence


def test_only_the_first_is_told(host):
    """Where there are several, one is enough."""
    for program in REGISTRARS:
        host.put(program, mode=0o755)

    install(NGINX, "text", host)

    assert ["/usr/sbin/update-rc.d"] == [argv[0] for argv, _, _ in host.spawned]


def test_nobody_to_tell(host):
    """Where there is none, that is said, and the wrapper is there."""
    sentence = install(NGINX, "text", host)

    assert PATH in host.files
    assert "there is no update-rc.d" in sentence


def test_registration_fails(host):
    """A registration that fails is an error, with its words."""
    host.put("/sbin/chkconfig", mode=0o755)
    host.programs["/sbin/chkconfig"] = lambda _argv: Run(code=1, output="no such service")

    with pytest.raises(InitError, match="chkconfig --add nginx failed") as caught:
        install(NGINX, "text", host)

    assert "no such service" == caught.value.output


def test_trusted_interpreter(host):
    """The interpreter is the one that runs us."""
    assert sys.executable == trusted_interpreter(host)


@pytest.mark.parametrize("path", [sys.executable, module.__file__])
def test_interpreter_of_somebody_else(host, path):
    """What somebody other than root can write is nothing for root to run."""
    host.distrusted[path] = "it belongs to x"

    with pytest.raises(InitError, match="not fit for a script that root runs: it belongs to x"):
        trusted_interpreter(host)


def test_install_unit(host):
    """The wrapper and the unit that calls it are written, and the unit enabled."""
    host.put("/usr/bin/systemctl", mode=0o755)
    host.put(UNITS, kind="dir")

    sentence = install_unit(NGINX, "wrapper", "unit", host)

    assert ("wrapper", 0o755) == (host.files[PATH].text, host.files[PATH].mode)
    unit = host.files[f"{UNITS}/nginx.service"]
    assert ("unit", 0o644) == (unit.text, unit.mode)
    enabled = "/usr/bin/systemctl enable nginx.service"
    assert [enabled.split()] == [argv for argv, _, _ in host.spawned]
    assert f"{UNITS}/nginx.service written, registered with {enabled}" == sentence


def test_install_unit_without_systemd(host):
    """Where no systemctl is, nothing is written."""
    with pytest.raises(InitError, match="there is no systemctl"):
        install_unit(NGINX, "wrapper", "unit", host)

    assert PATH not in host.files
