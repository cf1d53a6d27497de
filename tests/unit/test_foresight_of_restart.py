"""What a restart foresees before it stops anything, and what comes of it."""

from __future__ import annotations

import pytest
from test_foresight import OLD

from initpy.actions.restart import restart, try_restart
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import ConfigTestFailed, InitError
from initpy.host import BoundSocket
from initpy.protocols.foresight.restart import refuse_failing_start
from initpy.state.snapshot import take_snapshot

NOTHING = "^not restarting, nothing was stopped: "
IN_USE = "Address already in use"

PLAIN = NGINX.replace(restart_by=None)


@pytest.fixture
def running(nginx):
    """Return a master that listens on 0.0.0.0:80."""
    return nginx.run()


def listens(host, *directives, kind="http"):
    """Have nginx listen so, and on nothing else."""
    servers = " ".join(f"server {{ listen {one}; }}" for one in directives)
    host.put(NGINX.config, f"pid {NGINX.pidfile}; {kind} {{ {servers} }}")


def refused(host, service, why, error=InitError):
    """See a restart refused for that reason; nothing was signalled."""
    with pytest.raises(InitError, match=NOTHING + why) as told:
        restart(service, host)

    assert error is type(told.value)
    assert [] == host.sent


def stranger(host, place, title="python3 thief.py", **facts):
    """Have a process of somebody else listen there."""
    return host.add(title=title, sockets={77: place}, **facts)


@pytest.mark.parametrize("action", [restart, try_restart])
def test_port_of_another_program(host, running, action):
    """It is named, and the service is not touched."""
    thief = stranger(host, "127.0.0.1:81")
    listens(host, "80", "127.0.0.1:81")

    with pytest.raises(InitError) as told:
        action(NGINX, host)

    assert (
        "not restarting, nothing was stopped: nginx cannot listen on 127.0.0.1:81: "
        f"{IN_USE}, 127.0.0.1:81 is held by pid {thief.pid} (python3 thief.py)"
    ) == str(told.value)
    assert [] == host.sent
    assert running.pid in host.processes


def test_own_socket_of_a_worker(host, nginx, running):
    """It ends with the worker, so it is not in the way."""
    nginx.workers(running)[0].sockets[78] = "0.0.0.0:81"
    listens(host, "80", "81")

    refuse_failing_start(NGINX, take_snapshot(NGINX, host), host)


def test_workers_are_not_asked_for_the_sockets_of_their_master(host, nginx, running):
    """Each of them may hold one to each other: that is the square of their number."""
    asked, inodes = [], host.socket_inodes
    host.socket_inodes = lambda process: asked.append(process) or inodes(process)
    listens(host, "80", "81")

    refuse_failing_start(NGINX, take_snapshot(NGINX, host), host)

    assert {running.id} == set(asked)


def test_pool_on_a_port_of_another_program(host, fpm):
    """It is the same for a daemon with pools."""
    fpm.run()
    thief = stranger(host, "127.0.0.1:9000")
    fpm.configure([OLD, "127.0.0.1:9000"])

    refused(
        host,
        PHP_FPM,
        f"pool www1 cannot listen on 127.0.0.1:9000: {IN_USE}, "
        rf"127.0.0.1:9000 is held by pid {thief.pid} \(python3 thief.py\)$",
    )


def test_folder_of_a_socket(host, fpm):
    """That is missing: the configuration is wrong, 6."""
    fpm.run()
    fpm.configure([OLD, "/run/gone/x.sock"])

    refused(host, PHP_FPM, "pool www1 .* /run/gone: No such file or", ConfigTestFailed)


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ("0.0.0.0:80", "80"),
        ("127.0.0.1:80", "80"),
        ("0.0.0.0:80", "127.0.0.1:80"),
        (":::80", "[::]:80 ipv6only=off"),
        ("/run/x.sock", "unix:/run/x.sock"),
    ],
)
def test_own_sockets_are_not_in_the_way(host, nginx, now, wanted):
    """They are closed by then."""
    running = nginx.run()
    for process in (running, *nginx.workers(running)):
        process.sockets = {5: now}
    if now.startswith("/"):
        host.bound[5] = host.put(now, kind="socket").inode
    else:
        host.unbindable[wanted.partition(" ")[0].replace("[::]", "::")] = IN_USE
        host.unbindable["0.0.0.0:80"] = IN_USE
    listens(host, wanted)

    restart(NGINX, host)

    assert running.pid not in nginx.serving()
    assert [] != nginx.serving()


@pytest.mark.parametrize(
    ("theirs", "facts", "wanted", "clash"),
    [
        ("127.0.0.2:80", {}, "80", True),
        ("127.0.0.2:80", {}, "127.0.0.3:80", False),
        ("127.0.0.2:80", {"datagram": True}, "80", False),
        ("127.0.0.2:80", {"datagram": True}, "80 udp", True),
        (":::80", {"ipv6only": False}, "80", True),
        (":::80", {"ipv6only": True}, "80", False),
        ("127.0.0.2:80", {}, "[::]:80", False),
        ("127.0.0.2:80", {}, "[::]:80 ipv6only=off", True),
        ("127.0.0.2:80", {"datagram": True}, "80 udp reuseport", False),  # not to be tried
    ],
)
def test_which_sockets_exclude_each_other(host, nginx, theirs, facts, wanted, clash):
    """By address, type and IPV6_V6ONLY; here every trial fails, because of our own socket."""
    running = nginx.run()
    for process in (running, *nginx.workers(running)):
        process.sockets = {5: "127.0.0.3:80", 6: "127.0.0.3:80", 7: "::1:80"}
    ours = [
        BoundSocket(inode=5, cookie=5, place="127.0.0.3:80"),
        BoundSocket(inode=6, cookie=6, place="127.0.0.3:80", datagram=True),
        BoundSocket(inode=7, cookie=7, place="::1:80", ipv6only=True),
    ]
    stranger(host, theirs)
    known = [*ours, BoundSocket(inode=77, cookie=77, place=theirs, **facts)]
    host.listening_sockets = lambda: known
    host.why_not_bound = lambda *_, **__: IN_USE
    listens(host, wanted, kind="stream")

    if clash:
        refused(host, NGINX, rf".*{theirs} is held by pid \d+ \(python3 thief.py\)")
    else:
        restart(NGINX, host)


def test_ipv6only_that_is_switched_on(host, nginx):
    """The service's own socket for both families is in the way of 0.0.0.0, and will be gone."""
    running = nginx.run()
    for process in (running, *nginx.workers(running)):
        process.sockets = {7: ":::80"}
    known = [BoundSocket(inode=7, cookie=7, place=":::80", ipv6only=False)]
    host.listening_sockets = lambda: known
    host.why_not_bound = lambda *_, **__: IN_USE
    listens(host, "80", "[::]:80")

    restart(NGINX, host)

    assert running.pid not in host.processes


def test_own_path_where_a_file_stands_now(host, nginx):
    """Nginx removes what is there when it quits."""
    running = nginx.run()
    running.sockets[5] = "/run/x.sock"
    host.put("/run/x.sock")
    listens(host, "80", "unix:/run/x.sock")

    restart(NGINX, host)

    assert running.pid not in host.processes


def test_address_of_another_host(host, running):
    """It cannot be bound, whoever listens."""
    host.unbindable["192.0.2.1:81"] = "Cannot assign requested address"
    listens(host, "80", "192.0.2.1:81")

    refused(host, NGINX, "nginx cannot listen on 192.0.2.1:81: Cannot assign")


def test_address_that_is_bound_and_not_listened_on(host, running):
    """Then the kernel does not tell who has it."""
    host.unbindable["0.0.0.0:81"] = IN_USE
    listens(host, "80", "81")

    refused(host, NGINX, f"nginx cannot listen on 0.0.0.0:81: {IN_USE}$")


def test_sockets_of_the_configuration_that_exclude_each_other(host, running):
    """Nginx would fail to bind the second."""
    listens(host, "80", "81 backlog=9", "127.0.0.1:81 backlog=9")

    refused(host, NGINX, ".*127.0.0.1:81: nginx is to have 0.0.0.0:81")


def test_reuseport_shares_a_port(host, running):
    """Two sockets of one configuration, and one of another program."""
    stranger(host, "0.0.0.0:81")
    listens(host, "80", "81 reuseport", "127.0.0.1:81 reuseport")

    restart(NGINX, host)

    assert running.pid not in host.processes


def test_all_addresses_of_a_name(host, running):
    """Nginx binds each of them; one that is taken is enough."""
    host.names["local"] = {"127.0.0.1", "127.0.0.2"}
    stranger(host, "127.0.0.2:81")
    listens(host, "local:81")

    refused(host, NGINX, "nginx cannot listen on 127.0.0.2:81")


def test_name_without_an_address(host, running):
    """The restart goes on, and that nothing is foreseen of it is explained."""
    said = []
    host.explain = said.append
    listens(host, "80", "nowhere:81")

    restart(NGINX, host)

    assert [
        "this is not foreseen: nginx cannot listen on nowhere:81: nowhere cannot be resolved: Name "
    ] == [line.partition("or service")[0] for line in said if "nowhere" in line]


def test_sockets_that_may_not_be_seen(host, running):
    """The restart goes on as if it had not looked."""
    said = []
    host.explain = said.append
    running.unseen = True
    stranger(host, "127.0.0.1:81")
    listens(host, "127.0.0.1:81")

    restart(NGINX, host)

    assert "the sockets of this service cannot be seen: nothing is foreseen" in said


@pytest.mark.parametrize(
    ("kind", "owner", "folder", "works"),
    [
        ("socket", 0, "/run", True),  # start removes what is stale
        ("socket", 33, "/run", False),
        ("file", 0, "/run", False),
        ("socket", 0, "/srv", False),  # a folder of another user's
    ],
)
def test_path_that_is_there(host, running, kind, owner, folder, works):
    """Nginx does not replace what is there, and start only what is stale and root's."""
    host.put("/srv", kind="dir")
    host.distrusted["/srv"] = "/srv belongs to www-data"
    path = f"{folder}/new.sock"
    host.distrusted.update({path: "/srv belongs to www-data"} if folder == "/srv" else {})
    host.put(path, kind=kind).uid = owner
    listens(host, "80", f"unix:{path}")

    if works:
        restart(PLAIN, host)
        assert not host.exists(path)
    else:
        refused(host, NGINX, f"nginx cannot listen on {path}: something else than a stale socket")


def test_limit_of_the_settings(host, running):
    """It is too low for the sockets; and the test of the configuration has it, too."""
    listens(host, *range(80, 100))
    service = NGINX.replace(limits={"RLIMIT_NOFILE": (20, 20)})

    refused(host, service, "20 sockets.* do not fit into a limit of 20 open files")

    assert [{"RLIMIT_NOFILE": (20, 20)}] == [limits for _, _, limits in host.spawned]


def test_limit_of_the_caller(host, running):
    """It is too low to start anything."""
    host.limits = (15, 15)

    refused(host, NGINX, "a limit of 15 open files is too low to start anything")


def test_unlimited(host, running):
    """The limit is as high as it may be."""
    host.limits = (20, 50)
    listens(host, *range(80, 100))

    restart(NGINX.replace(limits={"RLIMIT_NOFILE": (-1, -1)}), host)

    assert running.pid not in host.processes


def test_job_that_keeps_a_socket(host, running):
    """A job has inherited it and does not end with the service: it is named.

    It does not hinder a new master that inherits the socket, too.
    """
    job = host.add(title="sleep 300", sockets=dict(running.sockets), ppid=1)

    refused(host, PLAIN, rf"pid {job.pid} \(sleep 300\) holds 0.0.0.0:80 and would keep it")
    restart(NGINX, host)

    assert running.pid not in host.processes


def test_job_of_a_request_in_flight(host, nginx, running):
    """A child of a worker is taken to end with its request."""
    worker = nginx.workers(running)[0]
    job = host.add(title="mysqldump", sockets=dict(running.sockets), ppid=worker.pid)
    quits = running.on["SIGQUIT"]
    running.on["SIGQUIT"] = lambda master: (host.end(job), quits(master))

    restart(NGINX, host)

    assert running.pid not in host.processes


def test_job_that_keeps_a_socket_which_is_not_wanted_any_more(host, running):
    """It is in nobody's way."""
    running.sockets[5] = "0.0.0.0:81"
    host.add(title="sleep 300", sockets={5: "0.0.0.0:81"}, ppid=1)

    restart(NGINX, host)

    assert running.pid not in host.processes
