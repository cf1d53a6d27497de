"""It was seen that nothing is of the daemon; then it runs, and no pidfile names it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

import pytest
from real_daemons import wait_until

from initpy.state.programs.absence import absence_path, absence_text


@pytest.fixture
def absent(site):
    """Return a site of which an absence is written down."""
    note_absence(site)
    return site


def note_absence(site):
    """Write down what an action does on a host that has no other instance of the daemon."""
    assert 0 == site.act("stop").code
    unused = site.host.unused_version(site.daemon)
    if unused is not None:
        site.host.write(absence_path(site.service), absence_text(unused, site.host), 0o600)


def run_by_hand(site, executable=None):
    """Start the daemon as a person would, and lose its pidfile; return the master."""
    command = site.service.command(site.service.start_args)
    subprocess.run(command, executable=executable, check=True, stdin=subprocess.DEVNULL)
    master = site.host.find(wait_until(lambda: site.named, "the pidfile"))
    wait_until(lambda: len(site.workers) == site.crew, "its workers")
    os.unlink(site.pidfile)
    return master


def require_found(site, master):
    """Fail unless status, start and stop find that master."""
    assert (0, master) == (site.act("status").code, site.master)
    assert (0, master) == (site.act("start").code, site.master)
    assert 0 == site.act("stop").code
    assert not site.place.processes()


def test_the_file_was_replaced(absent):
    """As a package manager does it, while the daemon runs."""
    master = run_by_hand(absent)
    absent.place.copy(absent.binary, f"sbin/{absent.kind}")

    require_found(absent, master)


@pytest.mark.parametrize("name", ["sbin/{}", "sbin"])
def test_what_was_put_back(absent, name):
    """The file, or its whole folder, stands where it stood; another one has been executed."""
    place, path = absent.place, absent.place.path(name.format(absent.kind))
    os.rename(path, f"{path}.first")
    place.copy(absent.binary, f"sbin/{absent.kind}")
    master = run_by_hand(absent)
    os.unlink(absent.daemon)  # a php-fpm that was renamed is not known
    if path != absent.daemon:
        os.rmdir(path)
    os.rename(f"{path}.first", path)

    require_found(absent, master)


def test_a_link_that_was_turned_back(nginx):
    """The daemon's path leads to the old version again, and the new one runs."""
    first, second = nginx.place.path("first"), nginx.place.path("second")
    os.rename(nginx.daemon, first)
    shutil.copy(first, second)
    turn(nginx.daemon, first)
    note_absence(nginx)
    turn(nginx.daemon, second)
    master = run_by_hand(nginx)
    turn(nginx.daemon, first)

    require_found(nginx, master)


def turn(link, target):
    """Have a link lead there, at once."""
    os.symlink(target, f"{link}.new")
    os.rename(f"{link}.new", link)


def test_a_program_that_executes_the_daemon(nginx):
    """Nobody executes the file at the daemon's path, although the daemon runs."""
    genuine = nginx.genuine
    nginx.place.copy("/bin/true", "sbin/nginx")
    assert 0 == nginx.act("stop").code
    master = run_by_hand(nginx, genuine)

    require_found(nginx, master)


def test_orphans(absent):
    """The master was killed, and its workers serve."""
    master = run_by_hand(absent)
    workers = absent.host.children(master)
    absent.kill(master, signal.SIGKILL)
    absent.see_gone(master)

    assert str(workers[0]) in absent.act("status").out
    assert 0 == absent.act("stop").code
    assert not absent.place.processes()
