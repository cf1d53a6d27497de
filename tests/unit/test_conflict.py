from __future__ import annotations

import pytest

from initpy.actions.start import start
from initpy.actions.status import status
from initpy.actions.stop import stop
from initpy.control.pidfiles import pidfile_conflict, remove_stale_pidfiles
from initpy.daemons.nginx import NGINX
from initpy.errors import ExitCode, PidfileError
from initpy.state.pidfile import read_pidfile

OTHER = "/opt/nginx.conf"
TITLE = f"nginx: master process {NGINX.daemon} -c {OTHER}"


@pytest.fixture
def theirs(host, nginx):
    """Return another nginx that our pidfile names."""
    master = host.add(title=TITLE, exe=NGINX.daemon)
    host.put(NGINX.pidfile, f"{master.pid}\n")
    host.put(OTHER, f"pid {NGINX.pidfile};")
    return master


def conflict(host):
    """Return the sentence on the conflict, or ""."""
    return pidfile_conflict(NGINX, read_pidfile(NGINX.pidfile, host), host)


def test_pidfile_of_another_instance(host, theirs):
    """Its own configuration names this very file: it is that one's."""
    expected = f"{NGINX.pidfile} names pid {theirs.pid}, another {NGINX.daemon} ({TITLE})"

    assert expected == conflict(host)


def test_start_and_stop_fail(host, theirs):
    """Neither can succeed: each would leave one of the two without its pidfile."""
    for action in (start, stop):
        with pytest.raises(PidfileError, match="another /usr/sbin/nginx"):
            action(NGINX, host)

    assert host.processes[theirs.pid] is theirs
    assert f"{theirs.pid}\n" == host.files[NGINX.pidfile].text
    assert [] == host.sent
    assert ExitCode.OK != status(NGINX, host).code


@pytest.mark.parametrize("text", ["", "daemon on;"], ids=["no such file", "no pid"])
def test_instance_that_names_none(host, theirs, text):
    """One whose configuration names no pidfile has the built-in one, which may be ours."""
    host.files.pop(OTHER)
    if text:
        host.put(OTHER, text)

    assert conflict(host)


def test_instance_with_a_pidfile_of_its_own(host, nginx, theirs):
    """It has just got the number of a dead master of ours: start overwrites the file."""
    host.put(OTHER, "pid /run/other.pid;")

    assert "" == conflict(host)
    stop(NGINX, host)
    assert f"{theirs.pid}\n" == host.files[NGINX.pidfile].text
    start(NGINX, host)
    assert nginx.masters[0].pid == nginx.named()
    assert host.processes[theirs.pid] is theirs


@pytest.mark.parametrize("pid_path", ["/var/run/nginx.pid", "/run//nginx.pid"])
def test_pidfile_by_another_name(host, theirs, pid_path):
    """It is one file, whatever its path."""
    host.put("/var/run", "/run", kind="link")
    host.put("/var/run/nginx.pid", "/run/nginx.pid", kind="link")
    host.put(OTHER, f"pid {pid_path};")

    assert conflict(host)


@pytest.mark.parametrize(
    "facts",
    [
        {"title": "sleep 1000", "exe": "/bin/sleep"},
        {"title": TITLE, "exe": "/opt/nginx"},
        {"title": TITLE, "net": "net:[2]"},
        {"title": TITLE, "root": (9, 9)},
        {"title": TITLE, "nested": True},
    ],
    ids=["another program", "another nginx", "another network", "chroot", "container"],
)
def test_number_that_was_used_again(host, nginx, facts):
    """Whoever else has that number does not hold up a start, and the file is not removed."""
    stranger = host.add(**{"exe": NGINX.daemon, **facts})
    host.put(NGINX.pidfile, f"{stranger.pid}\n")
    host.put(OTHER, f"pid {NGINX.pidfile};")

    assert "" == conflict(host)
    remove_stale_pidfiles(NGINX, host)
    assert f"{stranger.pid}\n" == host.files[NGINX.pidfile].text
    start(NGINX, host)
    assert nginx.masters[0].pid == nginx.named()


def test_no_conflict_with_ourselves(host, nginx):
    """Our own master is none, nor a file that names nobody, nor a daemon without a title."""
    nginx.run()
    assert "" == conflict(host)

    silent = NGINX.replace(master_title=None)
    assert "" == pidfile_conflict(silent, read_pidfile(NGINX.pidfile, host), host)

    host.put(NGINX.pidfile, "4000\n")
    assert "" == conflict(host)
