from __future__ import annotations

import pytest

from initpy.actions.reload import reload
from initpy.actions.restart import restart
from initpy.actions.start import start
from initpy.actions.upgrade import upgrade
from initpy.control.pidfiles import (
    refuse_other_pidfile,
    remove_stale_pidfiles,
    remove_stale_sockets,
    restore_pidfile,
)
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import InitError, OtherPidfile, PidfileError
from initpy.host import BoundSocket
from initpy.service import Service
from initpy.state.snapshot import take_snapshot


@pytest.mark.parametrize(
    "service", [NGINX, NGINX.replace(options=("-g", "pid /run/other.pid;"))], ids=["file", "-g"]
)
def test_another_pidfile(host, nginx, service):
    """A configuration that names another pidfile than the service's is refused: 6."""
    host.files[NGINX.config].text = "" if service.options else "pid /run/other.pid;"

    with pytest.raises(OtherPidfile, match=f"/run/other.pid, and this script {NGINX.pidfile}"):
        start(service, host)

    assert [] == host.spawned


def test_another_pidfile_and_restart(host, nginx):
    """Restart refuses it, too, and the service runs on."""
    master = nginx.run()
    host.files[NGINX.config].text = "pid /run/other.pid;"

    with pytest.raises(OtherPidfile):
        restart(NGINX, host)

    assert [master.pid] == nginx.serving()


@pytest.mark.parametrize("pid", ["/var/run/nginx.pid", "/run//./nginx.pid"])
def test_pidfile_by_another_path(host, nginx, pid):
    """Pidfiles are compared as files: /var/run is a link to /run."""
    host.put("/var/run", "/run", kind="link")
    host.files[NGINX.config].text = f"pid {pid};"

    start(NGINX, host)

    assert [nginx.named()] == nginx.serving()


def test_pidfile_that_we_write(host, nginx):
    """The pidfile of a daemon that initpy puts in the background is initpy's."""
    host.files[NGINX.config].text = "pid /run/other.pid;"

    refuse_other_pidfile(NGINX.replace(background=True), host)


@pytest.mark.parametrize("action", [start, restart, reload, upgrade])
def test_another_pidfile_of_a_php_fpm(host, fpm, action):
    """It writes what its configuration names, whatever its arguments say: 6, and no signal."""
    if action is not start:
        fpm.run()
    text = host.files[PHP_FPM.config].text
    host.files[PHP_FPM.config].text = text.replace(PHP_FPM.pidfile, "/run/other.pid")

    with pytest.raises(OtherPidfile):
        action(PHP_FPM, host)

    assert ([], []) == (host.spawned, host.sent)


@pytest.mark.parametrize("action", [reload, upgrade])
def test_another_pidfile_and_a_running_nginx(host, nginx, action):
    """A reload would have it remove the pidfile that we know, an upgrade would fail: 6."""
    nginx.run()
    host.files[NGINX.config].text = "pid /run/other.pid;"

    with pytest.raises(OtherPidfile):
        action(NGINX, host)

    assert ([], []) == (host.spawned, host.sent)


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


@pytest.mark.parametrize("text", ["words", "-42"])
@pytest.mark.parametrize(
    ("background", "path", "stays"),
    [
        (True, "/run/x.pid", False),
        (False, "/run/x.pid", True),
        (True, "/etc/x.conf", True),
    ],
)
def test_file_without_a_pid(host, text, background, path, stays):
    """One that initpy itself writes is in the way of a start, and goes; a slip harms no file."""
    host.put(path, text)
    service = Service(name="x", daemon="/bin/x", pidfile=path, background=background)

    remove_stale_pidfiles(service, host)

    assert stays == (path in host.files)
    assert stays == bool(host.told)


# Paths of unix sockets

SOCKET = "/run/nginx.sock"


@pytest.fixture
def left(host, nginx):
    """Return the path of a socket that the configuration names, and that no process has."""
    nginx.configure([f"unix:{SOCKET}"])
    host.put(SOCKET, kind="socket")
    return SOCKET


def test_stale_socket_is_removed(host, left):
    """Nginx would take it for taken, for ever: it is removed, and said."""
    remove_stale_sockets(NGINX, host)

    assert left not in host.files
    assert [f"removed {left}: no process has that socket any more"] == host.told


def test_start_removes_a_stale_socket(host, nginx, left):
    """A start succeeds after a crash."""
    nginx.place = left

    start(NGINX, host)

    assert [nginx.masters[0].pid] == nginx.serving()
    assert left not in host.files


@pytest.mark.parametrize("by", ["name", "inode"])
def test_socket_of_somebody_stays(host, monkeypatch, left, by):
    """Whoever has it keeps it: by its path, or by its inode, where the path is another now."""
    inode = host.files[left].inode
    there = BoundSocket(inode=7, cookie=7, place="/elsewhere", file=(inode, 0))
    if by == "name":
        there = there.replace(place=left, file=None)
    monkeypatch.setattr(host, "unix_sockets", lambda: [there], raising=False)

    remove_stale_sockets(NGINX, host)

    assert left in host.files


def test_name_of_a_socket_elsewhere(host, monkeypatch, left):
    """In a root of his own any user binds that path: that keeps no stale socket here."""
    elsewhere = BoundSocket(inode=7, cookie=7, place=left, file=(host.files[left].inode + 1, 0))
    monkeypatch.setattr(host, "unix_sockets", lambda: [elsewhere], raising=False)

    remove_stale_sockets(NGINX, host)

    assert left not in host.files


def test_socket_that_is_bound_between_two_looks_stays(host, monkeypatch, left):
    """A daemon that starts meanwhile binds it: the kernel is asked twice."""
    there = BoundSocket(inode=7, cookie=7, place=left)
    looks = iter([[], [there]])
    monkeypatch.setattr(host, "unix_sockets", lambda: next(looks), raising=False)

    remove_stale_sockets(NGINX, host)

    assert left in host.files


def test_socket_stays_where_the_kernel_does_not_tell(host, monkeypatch, left):
    """Without sock_diag(7) nothing is known, and nothing removed."""
    monkeypatch.setattr(host, "unix_sockets", lambda: None, raising=False)

    remove_stale_sockets(NGINX, host)

    assert left in host.files


@pytest.mark.parametrize(
    "facts", [{"uid": 33, "kind": "socket"}, {"kind": "file"}, {"kind": "dir"}], ids=str
)
def test_what_is_no_socket_of_roots_stays(host, left, facts):
    """A file, or a socket of www-data's, is not ours to remove."""
    host.put(left, **facts)

    remove_stale_sockets(NGINX, host)

    assert left in host.files


def test_socket_in_a_folder_that_others_can_write_stays(host, left):
    """Another user could have put a link there between the look and the removal."""
    host.distrusted["/run"] = "it can be written by others"

    remove_stale_sockets(NGINX, host)

    assert left in host.files


def test_socket_that_nobody_names_stays(host, nginx):
    """Only what the configuration names is the service's."""
    host.put(SOCKET, kind="socket")

    remove_stale_sockets(NGINX, host)

    assert SOCKET in host.files


@pytest.mark.parametrize(
    ("facts", "goes"),
    [
        ({"start_args": ("--pid", "{pidfile}")}, True),
        ({"environment": {"PID_FILE": "/run/x.pid"}}, True),
        ({"start_args": ("--pid", "{pidfile}"), "pidfile": "/run/x.conf"}, False),
        ({}, False),
    ],
)
def test_words_in_a_pidfile_that_the_daemon_is_told_of(host, facts, goes):
    """The daemon would not start over them: what is named as a pidfile, and told to it, goes."""
    facts = {"pidfile": "/run/x.pid", **facts}
    service = Service(name="x", daemon="/usr/sbin/x", **facts)
    host.put(service.pidfile, "-7\n")

    remove_stale_pidfiles(service, host)

    assert goes is (service.pidfile not in host.files)
