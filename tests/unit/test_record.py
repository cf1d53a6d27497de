from __future__ import annotations

import pytest

from initpy.actions.start import start
from initpy.actions.status import status
from initpy.actions.stop import stop
from initpy.control.record import record_running, record_started, write_record
from initpy.control.starting.started import Started
from initpy.daemons.nginx import NGINX
from initpy.errors import InitError
from initpy.state.identity import is_master
from initpy.state.record import is_recorded_master, other_records, read_record, record_path

PATH = record_path(NGINX)


@pytest.fixture
def master(host, nginx):
    """Return the master of an nginx that runs, and is recorded."""
    master = nginx.run()
    record_running(NGINX, host)
    return master


def test_what_is_written_is_read(host, nginx, master):
    """It holds the master, its family, its binary and its sockets."""
    record = read_record(NGINX, host)

    assert (master.id, master.pid, master.exe_id) == (record.master, record.session, record.exe)
    assert {worker.id for worker in nginx.workers(master)} == set(record.members)
    assert [(7100, 7100, nginx.place)] == [
        (socket.inode, socket.cookie, socket.place) for socket in record.sockets
    ]
    assert NGINX.config == record.config
    assert 0o600 == host.files[PATH].mode


@pytest.mark.parametrize(
    "place",
    [
        "/run/a b/x.sock",
        "/run/a\ndraining 1@1 1@1\nmaster 1@1",
        "/run/a\r\x85\u2028members 1@1",
        "/run/a\n",
        "/run/\udcff",
    ],
)
def test_any_place(host, nginx, place):
    """A socket's path may hold anything but a NUL: it is no other line of the record."""
    master = nginx.new_master(sockets={7: place})
    write_record(NGINX, master.id, host)

    record = read_record(NGINX, host)
    assert [place] == [one.place for one in record.sockets]
    assert (master.id, {}) == (record.master, record.remains.draining)


@pytest.mark.parametrize("letter", ["x", "\u20ac"])
def test_more_sockets_than_a_record_holds(host, nginx, letter):
    """Whoever opens sockets by the thousand, as a worker may, is recorded all the same."""
    master = nginx.new_master(sockets={n: f"/run/{letter * 35}{n}" for n in range(30000)})
    write_record(NGINX, master.id, host)

    record = read_record(NGINX, host)
    assert master.id == record.master
    assert record.sockets


def test_helpers_of_a_start_are_members(host, nginx):
    """What an extension has forked while it was loaded, is recorded with the workers."""
    master, helper = nginx.run(), host.add(title="a helper")

    started = Started(master=master.id, helpers=(helper.id,), session=0)
    record_started(NGINX, started, host)

    assert helper.id in read_record(NGINX, host).members


def test_members_of_an_old_master_stay(host, nginx, master):
    """After an upgrade the old workers, which drain, are members; what has ended is none."""
    first, second = nginx.workers(master)
    host.end(first)
    host.end_silently(master)
    new = nginx.new_master()

    write_record(NGINX, new.id, host)

    members = read_record(NGINX, host).members
    assert (True, False) == (second.id in members, first.id in members)


def test_session_goes_on_in_an_upgrade(host, nginx, master):
    """The new master is in the session that the first one led; one of another leads none."""
    new = nginx.new_master(session=master.pid)
    write_record(NGINX, new.id, host)
    assert master.pid == read_record(NGINX, host).session

    foreground = nginx.new_master(session=host.add(title="-bash").pid)
    write_record(NGINX, foreground.id, host)
    assert 0 == read_record(NGINX, host).session


def test_another_boot(host, master, monkeypatch):
    """Numbers come round again after a boot: what was written before it is nothing."""
    monkeypatch.setattr(host, "boot_id", lambda: "another", raising=False)

    assert None is read_record(NGINX, host)


@pytest.mark.parametrize("where", [{"net": "net:[2]"}, {"nested": True}], ids=str)
def test_another_namespace(host, master, where):
    """In another network or pid namespace the numbers are those of others."""
    me = host.add(host.getpid(), **where)

    assert None is read_record(NGINX, host)
    host.end(me)
    assert None is not read_record(NGINX, host)


@pytest.mark.parametrize(
    "facts", [{"uid": 33}, {"mode": 0o666}, {"kind": "fifo"}, {"kind": "link"}], ids=str
)
def test_record_that_is_not_roots(host, master, facts):
    """Only a file that root alone can write is believed."""
    host.put(PATH, host.files[PATH].text, **facts)

    assert None is read_record(NGINX, host)


def test_record_in_a_folder_that_others_can_write(host, master):
    """Then any user could have put it there."""
    host.distrusted["/run/initpy"] = "it can be written by others"

    assert None is read_record(NGINX, host)


def test_record_that_may_not_be_read(host, master):
    """A user has none: it is no error."""
    host.files[PATH].mode, host.euid = 0, 1000

    assert None is read_record(NGINX, host)


def test_record_cut_short(host, master):
    """A full disk leaves a part of it, which is nothing, wherever it ends."""
    text = host.files[PATH].text
    for size in range(len(text) - 1):
        host.put(PATH, text[:size])
        assert None is read_record(NGINX, host)
    host.put(PATH, text)
    assert None is not read_record(NGINX, host)


@pytest.mark.parametrize("text", ["master x@y", "sockets\nend\n", "\0", "seen\nend\n"])
def test_record_of_something_else(host, master, text):
    """A file that holds something else is nothing."""
    host.put(PATH, text)

    assert None is read_record(NGINX, host)


def test_number_used_again(host, master):
    """The record names a process by its start time, too: who has its number is another."""
    pid = master.pid
    host.end(master)
    host.now += 1
    another = host.add(pid, title=master.title, exe="/opt/nginx")

    assert not is_recorded_master(NGINX, another.id, host)


def test_master_whose_binary_was_renamed(host, nginx):
    """The record proves it although neither its path nor argv[0] tells, as long as it lives."""
    master = nginx.new_master(title=f"nginx: master process nginx -c {NGINX.config}")
    master.exe, master.exe_id = "/usr/sbin/nginx.old", (1, 999)
    assert not is_master(NGINX, host.look(master.pid), host)

    write_record(NGINX, master.id, host)

    assert is_master(NGINX, host.look(master.pid), host)


def test_records_of_others(host, nginx, master):
    """Those of other services count while anything of them is left: a process, or a socket."""
    other = NGINX.replace(pidfile="/run/other.pid")
    assert [] == other_records(NGINX, host)
    (record,) = other_records(other, host)
    assert master.id == record.master

    first, second = nginx.workers(master)
    host.end(master)
    host.end(first)
    assert [record] == other_records(other, host)

    host.add(title="it has inherited the socket", sockets=second.sockets)
    host.end(second)
    assert [record] == other_records(other, host)

    for process in list(host.processes.values()):
        host.end(process)
    assert [] == other_records(other, host)


def test_record_that_cannot_be_written(host, nginx):
    """That is a warning: the service runs all the same."""
    host.unwritable[PATH] = InitError(f"{PATH} cannot be written: No space left on device")

    start(NGINX, host)

    assert [nginx.masters[0].pid] == nginx.serving()
    assert {"an old record stays", "what was seen cannot be recorded"} == {
        sentence.partition(":")[0] for sentence in host.told
    }


def test_stop_forgets(host, nginx, master):
    """A service that was seen to be stopped has no record."""
    stop(NGINX, host)

    assert PATH not in host.files


def test_stop_that_cannot_forget(host, nginx, master):
    """An old record that stays is a warning: all of it is checked before it is used."""
    host.unwritable[PATH] = InitError(f"{PATH} cannot be removed: Read-only file system")

    stop(NGINX, host)

    assert [f"an old record stays: {PATH} cannot be removed: Read-only file system"] == host.told


def test_status_writes_nothing(host, nginx):
    """Looking changes nothing."""
    nginx.run()

    status(NGINX, host)

    assert PATH not in host.files


def test_what_is_not_there_is_not_recorded(host, nginx):
    """A master that has ended meanwhile is not recorded, nor one that no pidfile names."""
    master = nginx.new_master()
    record_running(NGINX, host)
    host.end(master)
    write_record(NGINX, master.id, host)

    assert PATH not in host.files
