from __future__ import annotations

import importlib.util
import os.path
import sys

import daemon
import lockfile
import psutil
import pytest
from fakes import Run

import initpy
from initpy.daemons.nginx import NGINX
from initpy.errors import InitError
from initpy.tools.register import install, install_unit, trusted_python, write_wrapper
from initpy.tools.systemd import UNITS

LIBRARIES = (initpy, psutil, daemon, lockfile)

PATH = "/etc/init.d/nginx"
REGISTRARS = {
    "/usr/sbin/update-rc.d": ["nginx", "defaults"],
    "/sbin/chkconfig": ["--add", "nginx"],
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


def test_openrc_that_runs_no_scripts(host):
    """Upstream's OpenRC would keep it in a runlevel, and never start it."""
    host.put("/sbin/rc-update", mode=0o755)

    assert "this OpenRC starts only scripts for openrc-run" in install(NGINX, "text", host)
    assert [] == host.spawned


def test_registration_fails(host):
    """A registration that fails is an error, with its words."""
    host.put("/sbin/chkconfig", mode=0o755)
    host.programs["/sbin/chkconfig"] = lambda _argv: Run(code=1, output="no such service")

    with pytest.raises(InitError, match="chkconfig --add nginx failed") as caught:
        install(NGINX, "text", host)

    assert "no such service" == caught.value.output


def folder_of(package):
    """Return the folder that a package is imported from."""
    return os.path.dirname(os.path.dirname(package.__file__))


def test_trusted_python(host):
    """A wrapper is run by the interpreter that runs us, with the folders that we import from."""
    interpreter, folders = trusted_python(host)

    assert sys.executable == interpreter
    assert {folder_of(package) for package in LIBRARIES} == set(folders)
    assert len(set(folders)) == len(folders)
    assert folder_of(initpy) == folders[0]


@pytest.mark.parametrize(
    "path",
    [
        sys.executable,
        *(package.__file__ for package in LIBRARIES),
        *sorted({folder_of(package) for package in LIBRARIES}),
    ],
)
def test_python_of_somebody_else(host, path):
    """What somebody other than root can write is nothing for root to run."""
    host.distrusted[path] = "it belongs to x"

    with pytest.raises(InitError, match="not fit for a script that root runs: it belongs to x"):
        trusted_python(host)


@pytest.mark.parametrize("path", [sys.executable, initpy.__file__])
def test_link_to_what_is_somebody_elses(host, path):
    """Nor is a link to it, however safe the link's own folder is."""
    host.put(path, "/home/x/it", kind="link")
    host.distrusted["/home/x"] = "it belongs to x"

    with pytest.raises(InitError, match="/home/x/it is not fit for a script that root runs"):
        trusted_python(host)


@pytest.mark.parametrize("package", ["initpy", "psutil", "daemon", "lockfile"])
def test_missing_library(host, monkeypatch, package):
    """Without a library that some action imports there is no wrapper."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )

    with pytest.raises(InitError, match=f"{package} is not installed for {sys.executable}"):
        trusted_python(host)


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
