from __future__ import annotations

import pytest

from initpy.control.pidfiles import remove_stale_pidfiles, restore_pidfile
from initpy.daemons.nginx import NGINX
from initpy.errors import InitError, PidfileError
from initpy.state.snapshot import take_snapshot


def test_right_pidfile_is_left_alone(host, nginx):
    """There is nothing to repair."""
    nginx.run()
    before = host.version(NGINX.pidfile)

    restore_pidfile(NGINX, take_snapshot(NGINX, host), host)

    assert before == host.version(NGINX.pidfile)
    assert [] == host.told


def test_stopped_service_has_none(host, nginx):
    """A stopped service needs no pidfile."""
    restore_pidfile(NGINX, take_snapshot(NGINX, host), host)

    assert NGINX.pidfile not in host.files


@pytest.mark.parametrize(
    ("facts", "was"),
    [
        (None, "it was missing"),
        ({"text": ""}, "it was empty"),
        ({"text": "x"}, "it does not hold one process number"),
        ({"kind": "link"}, "it is not a regular file"),
    ],
)
def test_lost_pidfile_is_written(host, nginx, facts, was):
    """It names the master again, and what it was is said."""
    master = nginx.run()
    del host.files[NGINX.pidfile]
    if facts is not None:
        host.put(NGINX.pidfile, **facts)

    restore_pidfile(NGINX, take_snapshot(NGINX, host), host)

    assert f"{master.pid}\n" == host.files[NGINX.pidfile].text
    assert [f"restored {NGINX.pidfile}: it names the master, pid {master.pid} ({was})"] == host.told


def test_both_pidfiles_of_an_upgrade_are_written(host, nginx):
    """The old master gets its .oldbin back as well."""
    old = nginx.run()
    nginx.usr2(old)
    host.sleep(1)
    del host.files[NGINX.pidfile], host.files[NGINX.oldbin]

    restore_pidfile(NGINX, take_snapshot(NGINX, host), host)

    assert f"{old.pid}\n" == host.files[NGINX.oldbin].text
    assert nginx.masters[-1].pid == nginx.named()


@pytest.fixture
def unwritable(host, nginx):
    """Return what is there of an nginx whose lost pidfile cannot be written."""
    nginx.run()
    del host.files[NGINX.pidfile]
    host.unwritable[NGINX.pidfile] = InitError("read-only file system")
    return take_snapshot(NGINX, host)


def test_unwritable_pidfile(host, unwritable):
    """One that is needed and cannot be repaired is an error."""
    with pytest.raises(PidfileError, match="cannot be restored: read-only file system"):
        restore_pidfile(NGINX, unwritable, host)


def test_unwritable_pidfile_that_is_not_needed(host, unwritable):
    """One that is not needed is told, and that is all."""
    restore_pidfile(NGINX, unwritable, host, needed=False)

    assert ["the pidfile is lost and cannot be restored: read-only file system"] == host.told


def test_stale_files_are_removed(host, nginx):
    """Pidfile, .oldbin and Red Hat's lock file of a stopped service go."""
    for path in (NGINX.pidfile, NGINX.oldbin, NGINX.subsys):
        host.put(path, "99999\n")

    remove_stale_pidfiles(NGINX, host)

    assert not {NGINX.pidfile, NGINX.oldbin, NGINX.subsys} & set(host.files)


@pytest.mark.parametrize("kind", ["dir", "device"])
def test_directory_is_not_replaced(host, nginx, kind):
    """A directory or a device (pid /dev/null) is nobody's to write over."""
    nginx.run()
    host.put(NGINX.pidfile, kind=kind)

    with pytest.raises(PidfileError, match="is a directory or a device"):
        restore_pidfile(NGINX, take_snapshot(NGINX, host), host)

    assert kind == host.files[NGINX.pidfile].kind


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_traps_are_removed(host, nginx, kind):
    """A daemon would follow a link, and hang on a FIFO."""
    host.put(NGINX.pidfile, "/etc/passwd", kind=kind)

    remove_stale_pidfiles(NGINX, host)

    assert NGINX.pidfile not in host.files


@pytest.mark.parametrize("kind", ["dir", "device"])
def test_directory_is_left_alone(host, nginx, kind):
    """A directory or a device is nobody's pidfile: it stays, which is said."""
    host.put(NGINX.pidfile, kind=kind)

    remove_stale_pidfiles(NGINX, host)

    assert NGINX.pidfile in host.files
    assert [f"{NGINX.pidfile} is a directory or a device, and left alone"] == host.told
