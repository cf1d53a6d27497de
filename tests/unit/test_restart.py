"""Restart on the sockets of the running master, in virtual time."""

from __future__ import annotations

import pytest
from daemons import FakeNginx
from fakes import FakeHost
from moments import looks

from initpy.actions.reload import reload
from initpy.actions.restart import restart
from initpy.actions.upgrade import upgrade
from initpy.daemons.nginx import NGINX
from initpy.errors import InitError, NotPermitted
from initpy.host import Listener
from initpy.protocols.sockets.excluded import excluded
from initpy.state.configuration import read_configuration


@pytest.fixture(params=["nginx", "fpm"])
def daemon(request):
    """Return each of the two, stopped."""
    return request.getfixturevalue(request.param)


def alive(daemon):
    """Return the masters that live."""
    return [master for master in daemon.masters if daemon.alive(master)]


def asserts_old_serves(daemon, old):
    """Assert that the old master serves as before, and nobody else is there."""
    assert [old] == alive(daemon)
    assert [old.pid] == daemon.serving()
    assert old.pid == daemon.named()
    assert {} == daemon.host.copies
    family = {old.pid, *(worker.pid for worker in daemon.workers(old))}
    assert family == set(daemon.host.processes)


def test_restart(host, daemon):
    """The new master serves on the old one's sockets before that one is ended."""
    old = daemon.run()
    workers = [worker.pid for worker in daemon.workers(old)]

    restart(daemon.service, host)

    (new,) = alive(daemon)
    assert old is not new
    assert old.sockets == new.sockets
    assert [new.pid] == daemon.serving()
    assert new.pid == daemon.named()
    assert {} == host.copies
    assert [
        ("SIGSTOP", old.pid),
        ("SIGKILL", old.pid),
        *(("SIGQUIT", pid) for pid in workers),
    ] == [(sig, pid) for _, pid, sig in host.sent]


def test_again_and_upgrade(host, daemon):
    """A master that was restarted is restarted and upgraded as any other."""
    daemon.run()
    restart(daemon.service, host)
    restart(daemon.service, host)
    daemon.replace()

    upgrade(daemon.service, host)

    (new,) = alive(daemon)
    assert host.file_id(daemon.service.daemon) == new.exe_id
    assert [new.pid] == daemon.serving()


@pytest.mark.parametrize("action", [reload, restart])
def test_after_one_that_failed(host, daemon, action):
    """The old master, whose disk hangs, takes no signal: the next action finds and ends it."""
    daemon.run()
    host.stopping = 20.0
    with pytest.raises(InitError):
        restart(daemon.service, host)
    assert 2 == len(alive(daemon))
    host.sleep(host.stopping)
    host.stopping = 0.0

    action(daemon.service, host)

    (new,) = alive(daemon)
    assert [new.pid] == daemon.serving()
    assert new.pid == daemon.named()


@pytest.mark.parametrize("kind", ["dies", "fails", "late", "freezes", "workerless"])
def test_new_master_does_not_come_up(host, daemon, kind):
    """The old master serves as before, with all its workers, and that is said."""
    old = daemon.run()
    daemon.replace(kind)

    with pytest.raises(InitError, match=rf"restart failed: .*old master {old.pid} serves as befo"):
        restart(daemon.service, host)

    asserts_old_serves(daemon, old)


def test_check_is_not_run(host, daemon):
    """UPGRADE_CHECK is for upgrades."""
    daemon.run()
    host.programs["/bin/check"] = lambda argv: pytest.fail("it was run")

    restart(daemon.service.replace(upgrade_check=("/bin/check",)), host)

    assert 1 == len(daemon.serving())


def plainly(host, old):
    """Tell whether the old master was told to end, as in a stop."""
    return ("SIGQUIT", old.pid) in [(sig, pid) for _, pid, sig in host.sent]


def test_plain(host, daemon):
    """Whoever sets it so has the service stopped, then started."""
    old = daemon.run()

    restart(daemon.service.replace(restart_by=None), host)

    assert plainly(host, old)
    assert 1 == len(daemon.serving())


@pytest.mark.parametrize("session", ["its own", "the supervisor's"])
def test_supervised(host, daemon, session):
    """A master that somebody has started in the foreground is stopped, then started."""
    supervisor = host.add(title="tini")
    old = daemon.run()
    old.forked, old.ppid = False, supervisor.pid
    old.session = supervisor.session if session == "the supervisor's" else old.pid

    restart(daemon.service, host)

    assert plainly(host, old)


def test_supervisor_whose_session_has_no_leader_any_more(host, daemon):
    """It lives, and has started the master: that tells it, and no session."""
    supervisor = host.add(title="supervisor", session=4711)
    old = daemon.run()
    old.forked, old.ppid, old.session = False, supervisor.pid, supervisor.session

    restart(daemon.service, host)

    assert plainly(host, old)


def test_workers_that_cannot_be_signalled(host, daemon):
    """Without CAP_KILL: nginx is restarted through its master, php-fpm needs it too and is left."""
    old = daemon.run()
    host.kills = {0}

    if daemon.service.channel:
        restart(daemon.service, host)

        assert not daemon.alive(old)
        assert {"SIGQUIT"} == {sig for _, _, sig in host.sent}
    else:
        with pytest.raises(NotPermitted, match="not permitted to signal pid"):
            restart(daemon.service, host)

        assert [] == host.sent
        asserts_old_serves(daemon, old)


def test_sockets_that_cannot_be_copied(host, daemon):
    """That is said, and the service is stopped, then started."""
    old = daemon.run()
    host.copyable = False

    restart(daemon.service, host)

    assert plainly(host, old)
    assert any(line.startswith("it is stopped, then started: ") for line in host.told)


def test_sockets_of_another_user(host, daemon):
    """They are not handed on, and a new master could not bind them beside the old one."""
    old = daemon.run()
    copy = host.copy_listeners
    host.copy_listeners = lambda process, known=None: copy(process, known)[1:]

    restart(daemon.service, host)

    assert plainly(host, old)
    assert any(line.endswith("is another user's") for line in host.told)


# Sockets that exclude what the configuration wants.


def held(place, **facts):
    """Return a copy of a listening socket."""
    return Listener(fd=9, inode=1, place=place, unix=place.startswith("/"), **facts)


@pytest.mark.parametrize(
    ("listener", "wanted", "excludes"),
    [
        (held("127.0.0.1:80"), ["127.0.0.1:80"], False),
        (held("127.0.0.1:80"), ["80"], True),
        (held("0.0.0.0:80"), ["127.0.0.1:80"], True),
        (held("0.0.0.0:80"), ["127.0.0.1:80", "80"], False),
        (held("127.0.0.1:80"), ["127.0.0.1:80 bind", "80"], False),
        (held("127.0.0.1:80"), ["127.0.0.1:80", "80"], True),  # one socket for both
        (held("127.0.0.1:80"), ["127.0.0.2:80"], False),
        (held("127.0.0.1:80"), ["127.0.0.1:81"], False),
        (held("127.0.0.1:80"), ["unix:/run/x.sock"], False),
        (held("/run/x.sock"), ["80"], False),
        (held("127.0.0.1:80"), ["80 udp"], False),
        (held("127.0.0.1:80", datagram=True), ["80 udp"], True),
        (held("127.0.0.1:80", datagram=True), ["80"], False),
        (held(":::80", ipv6only=True), ["[::]:80"], False),
        (held(":::80", ipv6only=True), ["[::]:80 ipv6only=off"], True),
        (held(":::80"), ["[::]:80"], True),
        (held(":::80"), ["80"], True),
        (held(":::80", ipv6only=True), ["80"], False),
        (held("0.0.0.0:80"), ["[::]:80 ipv6only=off"], True),
        (held("0.0.0.0:80"), ["[::]:80"], False),
        (held("::1:80", ipv6only=True), ["[::]:80"], True),
        (held("127.0.0.1:80", reuseport=True), ["127.0.0.1:80"], True),
        (held("127.0.0.1:80"), ["127.0.0.1:80 reuseport"], False),
    ],
)
def test_excluded(host, nginx, listener, wanted, excludes):
    """A socket has to go if a wanted one cannot be bound beside it, or is made otherwise."""
    inside = "".join(f"server {{ listen {one}; }}\n" for one in wanted)
    host.put(nginx.service.config, f"http {{\n{inside}}}\n")
    config = read_configuration(nginx.service, host)

    assert ([listener] if excludes else []) == excluded([listener], config, host)


def test_other_address(host, nginx):
    """The old workers close the socket before the new master makes its own; that is said."""
    old = nginx.run()
    workers = [worker.pid for worker in nginx.workers(old)]
    old.sockets = {1: "127.0.0.1:80"}
    host.put(nginx.service.config, "http { server { listen 80; } }")

    restart(nginx.service, host)

    (new,) = alive(nginx)
    assert [new.pid] == nginx.serving()
    assert "127.0.0.1:80 is closed and bound anew, as the configuration wants it" in host.told
    ended = [(sig, pid) for _, pid, sig in host.sent][:4]
    assert [("SIGSTOP", old.pid), ("SIGKILL", old.pid)] == ended[:2]
    assert {("SIGQUIT", pid) for pid in workers} == set(ended[2:])


def rebinding():
    """Return a host, an nginx whose configuration excludes its socket, and its master."""
    host = FakeHost()
    nginx = FakeNginx(host)
    old = nginx.run()
    for process in (old, *nginx.workers(old)):
        process.sockets = {1: "127.0.0.1:80"}
    host.put(nginx.service.config, "http { server { listen 80; } }")
    return host, nginx, old


@pytest.mark.parametrize("ends", [False, True])
def test_other_address_and_a_worker_that_is_born(ends):
    """A worker that is forked at any look, or that ends, is no stranger to its own socket."""
    for number in range(looks(rebinding, lambda host, *_: restart(NGINX, host))):
        host, nginx, old = rebinding()
        worker = nginx.workers(old)[0]

        def change(host=host, nginx=nginx, old=old, worker=worker):
            if ends:
                host.end(worker)
            elif nginx.alive(old) and old.state != "T":
                nginx.new_workers(old, infancy=0, count=1)

        host.before_look(number, change)

        restart(nginx.service, host)

        assert [nginx.masters[-1]] == alive(nginx)


def test_other_address_and_a_binary_that_fails(host, nginx):
    """The old master has ended by then: it is said, and which workers finish their requests."""
    nginx.drain = 100
    old = nginx.run()
    pids = ", ".join(str(worker.pid) for worker in nginx.workers(old))
    old.sockets = {1: "127.0.0.1:80"}
    host.put(nginx.service.config, "http { server { listen 80; } }")
    nginx.replace("fails")

    with pytest.raises(InitError, match=f"the old master has ended, workers {pids} only finish"):
        restart(nginx.service, host)

    assert not nginx.alive(old)


def test_stranger_has_it(host, nginx):
    """Another program has the socket, too, and would keep the port: nothing is done."""
    old = nginx.run()
    old.sockets = {1: "127.0.0.1:80"}
    job = host.add(title="mysqldump --all-databases", sockets={1: "127.0.0.1:80"})
    host.put(nginx.service.config, "http { server { listen 80; } }")

    with pytest.raises(InitError, match=rf"not restarting: pid {job.pid} \(mysqldump --all-d.*"):
        restart(nginx.service, host)

    assert [] == host.sent
    assert [old.pid] == nginx.serving()
