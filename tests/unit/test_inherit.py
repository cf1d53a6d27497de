from __future__ import annotations

import pytest
from fakes import SURROUNDINGS

from initpy.control.record import record_running
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import Unimplemented
from initpy.host import CannotCopy
from initpy.protocols.sockets.inherit import InheritedSockets, surroundings_for_successor
from initpy.state.record import read_record


def test_nginx(host, nginx):
    """An nginx is told of descriptors, and every socket is handed on once."""
    master = nginx.run()
    holders = [master.id, *(worker.id for worker in nginx.workers(master))]

    with InheritedSockets(NGINX, holders, host) as inheritance:
        handed = [host.copies[fd] for fd in inheritance.descriptors]
        (fd,) = inheritance.descriptors

    assert [*master.sockets.items()] == handed
    assert {"NGINX": f"{fd};"} == inheritance.environment


def test_fpm(host, fpm):
    """A php-fpm is told where each listens."""
    master = fpm.run()
    master.sockets[1] = "127.0.0.1:9000"

    with InheritedSockets(PHP_FPM, [master.id], host) as inheritance:
        unix, tcp = inheritance.descriptors

    assert {"FPM_SOCKETS": f"{fpm.place}={unix},127.0.0.1:9000={tcp}"} == inheritance.environment


def test_fpm_with_many_sockets(host, fpm):
    """One variable holds a set of them: the kernel refuses a string of 128 KiB."""
    master = fpm.run()
    master.sockets = {number: f"127.0.0.1:{number}" for number in range(1, 301)}

    with InheritedSockets(PHP_FPM, [master.id], host) as inheritance:
        sets = inheritance.environment

    assert ["FPM_SOCKETS", "FPM_SOCKETS_1", "FPM_SOCKETS_2"] == list(sets)
    assert [128, 128, 44] == [len(one.split(",")) for one in sets.values()]


def test_unix_socket_that_is_not_named_stays(host, fpm):
    """A php-fpm would remove the path of one that its configuration does not name."""
    master = fpm.run()
    host.files[PHP_FPM.config].text = "[www]\nlisten = 127.0.0.1:9000\n"

    with InheritedSockets(PHP_FPM, [master.id], host) as inheritance:
        assert () == inheritance.listeners


def test_copies_are_closed(host, nginx):
    """At the end no copy of ours is left, whatever happened."""
    master = nginx.run()

    with pytest.raises(ZeroDivisionError), InheritedSockets(NGINX, [master.id], host):
        raise ZeroDivisionError

    assert {} == host.copies


def test_copies_are_closed_when_one_cannot_be_made(host, nginx):
    """Those that were made before the kernel refused are closed too."""
    master = nginx.run()
    worker = nginx.workers(master)[0]

    def refuse():
        host.copyable = False

    host.before_look(1, refuse)

    with pytest.raises(CannotCopy):
        InheritedSockets(NGINX, [master.id, worker.id], host)

    assert {} == host.copies


def test_service_without_a_reader(host, nginx):
    """Where the configuration is unknown, unix sockets stay and the rest is handed on."""
    master = nginx.run()
    master.sockets[1] = "/run/x.sock"
    service = NGINX.replace(read_configuration=None)

    with InheritedSockets(service, [master.id], host) as inheritance:
        assert ["0.0.0.0:80"] == [listener.place for listener in inheritance.listeners]


def test_limit_of_open_files(host, fpm):
    """It is raised while there are copies; the new master gets the one that we had."""
    master = fpm.run()

    with InheritedSockets(PHP_FPM, [master.id], host) as inheritance:
        assert (4096, 4096) == host.descriptor_limit
        assert {"RLIMIT_NOFILE": (1024, 4096)} == inheritance.limits

    assert (1024, 4096) == host.descriptor_limit


@pytest.mark.parametrize("sign", [",", "="])
def test_path_that_cannot_be_handed_on(host, fpm, sign):
    """What stands between the sockets in the variable cannot be in the path of one."""
    path = f"/run/php/a{sign}b.sock"
    fpm.configure([fpm.place, path])
    master = fpm.run()
    master.sockets[1] = path
    host.put(path, kind="socket")

    with pytest.raises(Unimplemented, match=f"can be handed on, {path} has one: change the path"):
        InheritedSockets(PHP_FPM, [master.id], host)

    assert {} == host.copies


def test_variables_that_told_of_sockets(host, fpm):
    """They are not handed on: the sockets have other numbers now."""
    master = fpm.run()
    told = {"FPM_SOCKETS": "/x=3", "FPM_SOCKETS_1": "/y=4"}
    others = {"FPM_SOCKETSX": "1", "A": "b"}
    master.surroundings = SURROUNDINGS.replace(environment={**told, **others})

    assert others == surroundings_for_successor(PHP_FPM, master.id, host).environment


@pytest.mark.parametrize(("nice", "handed"), [(0, 7), (3, 0)])
def test_settings_come_first(host, fpm, nice, handed):
    """What the settings say of limits and nice level replaces what the old master had."""
    master = fpm.run()
    master.surroundings = SURROUNDINGS.replace(nice=7)
    service = PHP_FPM.replace(nice=nice, limits={"RLIMIT_CORE": (9, 9)})

    wanted = surroundings_for_successor(service, master.id, host)

    assert (handed, {"RLIMIT_NOFILE": (1024, 4096)}) == (wanted.nice, wanted.limits)


# Many workers, each with a socket to each other one.


@pytest.fixture
def family(host, nginx):
    """Return a recorded master and its two workers."""
    master = nginx.run()
    record_running(NGINX, host)
    return master, *nginx.workers(master)


@pytest.fixture
def read(host, monkeypatch):
    """Return the processes whose descriptors were read."""
    seen, copy = [], host.copy_listeners

    def copied(process, known=None):
        seen.append(process)
        return copy(process, known)

    monkeypatch.setattr(host, "copy_listeners", copied)
    return seen


def inherited(workers, host):
    """Return the places of the sockets that a new master inherits from *workers*."""
    record = read_record(NGINX, host)
    processes = [worker.id for worker in workers]
    with InheritedSockets(NGINX, processes, host, record=record) as inheritance:
        return {listener.place for listener in inheritance.listeners}


def test_further_workers_are_not_read(host, family, read):
    """When the recorded sockets are copied, another fork of the recorded master has no other."""
    master, first, second = family
    second.session = master.session  # it was born after the record was written
    second.started += 1

    assert {"0.0.0.0:80"} == inherited([first, second], host)
    assert [first.id] == read


def test_socket_of_a_later_configuration(host, family, read):
    """A reload by hand has bound a socket that no record names: the configuration does."""
    _, first, second = family
    host.files[NGINX.config].text = "http { server { listen 80; listen 81; } }"
    second.sockets = {**second.sockets, 81: "0.0.0.0:81"}

    assert {"0.0.0.0:80", "0.0.0.0:81"} == inherited([first, second], host)
    assert [first.id, second.id] == read


def test_worker_that_is_not_recorded(host, family, read):
    """An orphan of another master may have a socket that neither names."""
    _, first, second = family
    second.started, second.session = second.started + 1, 0
    second.sockets = {**second.sockets, 81: "0.0.0.0:81"}

    assert {"0.0.0.0:80", "0.0.0.0:81"} == inherited([first, second], host)
    assert [first.id, second.id] == read


def test_kernel_that_does_not_tell(host, family, read):
    """Without sock_diag(7) it is not known which sockets are there."""
    _, first, second = family
    host.listening_sockets = lambda: None

    assert {"0.0.0.0:80"} == inherited([first, second], host)
    assert [first.id, second.id] == read
