"""The pidfile that a daemon writes itself, beside ours."""

from __future__ import annotations

import pytest
from fakes import Run

from initpy.actions.start import start
from initpy.actions.stop import stop
from initpy.control.record import record_running
from initpy.control.starting.own_pidfiles import note_own_pidfiles, remove_own_pidfiles
from initpy.errors import InitError
from initpy.service import Service
from initpy.state.record import record_path

DAEMON, OWN, MAKE = "/usr/sbin/exampled", "/run/exampled/own.pid", "/usr/bin/make-cache"
SERVICE = Service(
    name="exampled", daemon=DAEMON, pidfile="/run/exampled.initpy.pid", background=True
)
NOTE = record_path(SERVICE, "pidfiles")


@pytest.fixture(autouse=True)
def installed(host):
    """Have the daemon installed, and the folder of the records."""
    host.put(DAEMON, mode=0o755)
    host.put(MAKE, mode=0o755)
    host.put("/run/initpy", kind="dir")


def run(host, *, note=True, **facts):
    """Have it run, and have written its own pidfile; return its master."""
    master = host.add(exe=DAEMON, argv=(DAEMON,), **facts)
    host.put(SERVICE.pidfile, f"{master.pid}\n")
    host.put(OWN, f"{master.pid}\n", uid=facts.get("uid", 0))
    if note:
        record_running(SERVICE, host)
    return master


def crash(host, master):
    """Have the master end, and another program get its number."""
    host.end(master)
    host.now += 60
    return host.add(master.pid, exe="/bin/sleep", argv=("sleep", "600"))


def test_start(host):
    """It is gone before anything of the daemon is started: some refuse beside a living process."""
    crash(host, run(host))
    there = []

    def make(_argv):
        there.append(OWN in host.files)
        return Run(code=1)

    host.programs[MAKE] = make

    with pytest.raises(InitError, match="ended with code 1"):
        start(SERVICE.replace(start_pre=((MAKE,),)), host)

    assert [False] == there
    assert [f"removed {OWN}: its master, pid 100, has ended"] == host.told[:1]


def test_stop(host):
    """A stop of what has crashed removes it, too, and signals nothing."""
    crash(host, run(host))

    stop(SERVICE, host)

    assert OWN not in host.files
    assert [] == host.sent


def test_another_boot(host, monkeypatch):
    """It is as it was, so whoever has the number in this container or boot is not its master."""
    crash(host, run(host))
    monkeypatch.setattr(host, "boot_id", lambda: "another")

    remove_own_pidfiles(SERVICE, host)

    assert OWN not in host.files


def test_written_since(host):
    """It is somebody's who has written it since."""
    stranger = crash(host, run(host))
    host.put(OWN, f"{stranger.pid}\n")

    remove_own_pidfiles(SERVICE, host)

    assert OWN in host.files


def test_names_the_daemon(host):
    """A process that runs the daemon may be the service, whatever is noted."""
    run(host)

    remove_own_pidfiles(SERVICE, host)

    assert OWN in host.files


def test_older_than_the_master(host):
    """The number in a file from before the master was another's."""
    master = run(host, note=False)
    host.files[OWN].changed -= 1e6

    note_own_pidfiles(SERVICE, master.id, host)

    assert NOTE not in host.files


def test_of_another_user(host):
    """Any user could write that number into a file."""
    master = run(host, note=False)
    host.put(OWN, f"{master.pid}\n", uid=1000)

    note_own_pidfiles(SERVICE, master.id, host)

    assert NOTE not in host.files


def test_of_its_user(host):
    """A daemon of another user writes its pidfile as that one."""
    master = run(host, note=False, uid=1000)

    note_own_pidfiles(SERVICE, master.id, host)

    assert OWN in host.files[NOTE].text


def test_note_of_another_user(host):
    """What another user than root could have noted counts for nothing."""
    crash(host, run(host))
    host.files[NOTE].uid = 1000

    remove_own_pidfiles(SERVICE, host)

    assert OWN in host.files


def test_as_a_user(host):
    """The notes are root's: who may not read them removes nothing, and goes on."""
    crash(host, run(host))
    host.files[NOTE].mode, host.euid = 0, 1000

    remove_own_pidfiles(SERVICE, host)

    assert OWN in host.files


def test_note_cut_short(host):
    """After a power cut it may hold anything: then it counts for nothing."""
    crash(host, run(host))
    host.files[NOTE].text = "\0" * 40

    remove_own_pidfiles(SERVICE, host)

    assert OWN in host.files


def test_note_that_cannot_be_written(host):
    """That is said, and no failure."""
    master = run(host, note=False)
    host.unwritable[NOTE] = InitError("no space left")

    note_own_pidfiles(SERVICE, master.id, host)

    assert ["its own pidfile cannot be noted: no space left"] == host.told
