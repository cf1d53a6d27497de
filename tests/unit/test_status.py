from __future__ import annotations

import pytest

from initpy.actions.status import status
from initpy.control.record import record_running
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import StatusCode

KEYS = {
    "name",
    "state",
    "code",
    "message",
    "master",
    "workers",
    "orphans",
    "old_master",
    "listening",
    "pidfile",
    "pidfile_state",
    "binary_replaced",
    "uptime",
    "notes",
}


def test_running(host, nginx):
    """A running service is 0, with who and how long."""
    master = nginx.run()

    told = status(NGINX, host)

    assert (StatusCode.RUNNING, "running", ()) == (told.code, told.state, told.notes)
    assert f"running, master {master.pid}, 2 workers, up 1 h" == told.sentence


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90061, "1 d 1 h")],
)
def test_uptime(host, nginx, seconds, expected):
    """How long is told in the two greatest units."""
    nginx.new_master(age=seconds)

    assert status(NGINX, host).sentence.endswith(f", 0 workers, up {expected}")


@pytest.mark.parametrize(
    ("facts", "subsys", "code", "sentence"),
    [
        (None, False, StatusCode.STOPPED, "stopped"),
        (None, True, StatusCode.DEAD_LOCKFILE, "dead, and its lock file /var/lock/subsys/nginx"),
        ({"text": "999\n"}, False, StatusCode.DEAD_PIDFILE, "dead, and its pidfile /run/nginx.pid"),
        ({"text": "999\n"}, True, StatusCode.DEAD_PIDFILE, "dead, and its pidfile"),
        ({"text": ""}, False, StatusCode.DEAD_PIDFILE, "dead, and its pidfile"),
        ({"text": "x"}, False, StatusCode.DEAD_PIDFILE, "dead, and its pidfile"),
        ({"text": "999", "uid": 33}, False, StatusCode.DEAD_PIDFILE, "dead, and its pidfile"),
        ({"kind": "dir"}, False, StatusCode.UNKNOWN, "unknown: no master can be seen"),
        ({"kind": "fifo"}, False, StatusCode.UNKNOWN, "unknown: no master can be seen"),
    ],
)
def test_not_running(host, nginx, facts, subsys, code, sentence):
    """What is left of a service that does not run decides between 1, 2, 3 and 4."""
    if facts is not None:
        host.put(NGINX.pidfile, **facts)
    if subsys:
        host.put(NGINX.subsys)

    told = status(NGINX, host)

    assert code == told.code
    assert told.sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("pidfile", "code"), [(True, StatusCode.DEAD_PIDFILE), (False, StatusCode.UNKNOWN)]
)
def test_orphans(host, nginx, pidfile, code):
    """Workers without a master still serve, which is told."""
    old = nginx.run()
    if not pidfile:
        nginx.usr2(old)
        host.sleep(0.002)
        del host.processes[nginx.masters[-1].pid]
    pids = ", ".join(str(worker.pid) for worker in nginx.workers(old))
    host.end(old)

    told = status(NGINX, host)

    assert code == told.code
    assert (
        f"master dead, 2 workers orphaned (pids {pids}), still serving 0.0.0.0:80" == told.sentence
    )


def test_one_orphan(host, nginx):
    """One is one."""
    nginx.count = 1
    host.end(nginx.run())

    assert "1 worker orphaned" in status(NGINX, host).sentence


def notes(host):
    """Return what status adds."""
    return list(status(NGINX, host).notes)


def test_binary_replaced(host, nginx):
    """A newer binary on disk is a reason to upgrade."""
    nginx.run()
    host.put(NGINX.daemon, "new", mode=0o755)

    assert ["the binary on disk is newer than the running one: upgrade"] == notes(host)


def test_binary_gone(host, nginx):
    """So is none on disk, to wonder."""
    nginx.run()
    del host.files[NGINX.daemon]

    assert ["the binary on disk is gone"] == notes(host)


def test_binary_that_we_may_not_see(host, nginx):
    """Who may not see which binary runs is told nothing of it."""
    nginx.run().exe_id = None

    told = status(NGINX, host)

    assert (None, ()) == (told.binary_replaced, told.notes)


def test_unfinished_upgrade(host, nginx):
    """An old master that still serves is told."""
    old = nginx.run()
    nginx.usr2(old)
    host.sleep(0.1)

    assert [f"an upgrade is unfinished: old master {old.pid} still serves"] == notes(host)


def test_workers_of_a_killed_old_master(host, nginx):
    """Workers that an old master has left beside a new one are told."""
    old = nginx.run()
    nginx.usr2(old)
    host.sleep(0.1)
    pids = ", ".join(str(worker.pid) for worker in nginx.workers(old))
    host.end(old)

    assert [f"an upgrade is unfinished: workers of a dead master still serve (pids {pids})"] == (
        notes(host)
    )


def test_handover(host, nginx):
    """So is a new one that has not written its pidfile."""
    old = nginx.run()
    nginx.replace("freezes")
    nginx.usr2(old)
    host.sleep(0.1)

    assert (
        f"an upgrade is unfinished: no new master has written {NGINX.pidfile} yet"
        == (notes(host)[0])
    )


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        (None, "pidfile /run/nginx.pid is lost, it is missing; a process scan found the master"),
        ({"text": "7"}, "pidfile /run/nginx.pid is lost, it names another process; "),
        ({"text": "x"}, "pidfile /run/nginx.pid is not trusted: it does not hold one"),
        ({"kind": "dir"}, "pidfile /run/nginx.pid is not trusted: it is not a regular file"),
        ({"text": "7", "mode": 0o666}, "pidfile /run/nginx.pid is not trusted: it can be"),
    ],
)
def test_lost_pidfile(host, nginx, facts, note):
    """What is wrong with the pidfile of a running service is told, and it is 0."""
    nginx.run()
    del host.files[NGINX.pidfile]
    if facts:
        host.put(NGINX.pidfile, **facts)

    told = status(NGINX, host)

    assert StatusCode.RUNNING == told.code
    assert told.notes[0].startswith(note)


def test_no_worker(host, nginx):
    """A master without a worker runs, and serves nobody."""
    nginx.count = 0
    nginx.run()

    assert ["no worker takes requests"] == notes(host)


def test_no_worker_on_demand(host, fpm):
    """Where workers are started on demand, none is as good."""
    fpm.count = 0
    fpm.run()
    host.files[PHP_FPM.config].text = "[www]\npm = ondemand\n"

    assert () == status(PHP_FPM, host).notes


def test_stopped_processes(host, nginx):
    """Processes that a signal has stopped do nothing, though they live."""
    master = nginx.run()
    worker = nginx.workers(master)[0]
    master.state = worker.state = "T"

    told = status(NGINX, host)

    assert StatusCode.RUNNING == told.code
    assert (f"stopped by a signal, and not working: pids {master.pid}, {worker.pid}",) == told.notes


def test_frozen_processes(host, nginx):
    """Nor do those whose cgroup is frozen."""
    nginx.run().frozen = True

    assert ["its processes are frozen with their cgroup"] == notes(host)


def test_lost_socket(host, fpm):
    """A unix socket whose path is gone is reached by no client."""
    fpm.run()
    record_running(PHP_FPM, host)
    del host.files[fpm.place]

    told = status(PHP_FPM, host)

    assert (f"no client reaches {fpm.place}: its socket is not there any more",) == told.notes


@pytest.mark.parametrize("comes", [0.005, 3])
def test_service_that_is_just_starting(host, nginx, comes):
    """Before it says dead, status looks again, and waits for what is starting."""
    nginx.booting = comes
    host.put(NGINX.pidfile, "999\n")
    starting = nginx.boot(forked=False)
    starting.argv = (NGINX.daemon, "-c", NGINX.config)

    told = status(NGINX, host)

    assert (0, starting.id) == (told.code, told.snapshot.master)


def test_service_that_never_comes_up(host, nginx):
    """It does not wait for ever."""
    nginx.booting = 3600
    host.put(NGINX.pidfile, "999\n")
    nginx.boot(forked=False).argv = (NGINX.daemon, "-c", NGINX.config)

    assert StatusCode.DEAD_PIDFILE == status(NGINX, host).code
    assert 5 == round(host.now, 1)


def test_further_masters(host, nginx):
    """Masters that nobody has written down are told."""
    second = nginx.new_master(age=60)
    nginx.new_master()

    assert f"an upgrade is unfinished: master {second.pid} of this configuration serves too" in (
        notes(host)
    )


def test_status_changes_nothing(host, nginx):
    """Looking neither removes a stale pidfile nor runs the daemon nor takes the lock."""
    host.put(NGINX.pidfile, "999\n")
    before = {path: vars(file).copy() for path, file in host.files.items()}

    status(NGINX, host)

    assert before == {path: vars(file) for path, file in host.files.items()}
    assert ([], []) == (host.spawned, host.sent)


def test_listening_of_another_user(host, nginx):
    """Where the sockets of a process are not copied, the kernel tells where they are bound."""
    nginx.run()
    host.copyable = False

    assert ["0.0.0.0:80"] == status(NGINX, host).as_dict(host)["listening"]


def test_listening_that_nobody_may_see(host, nginx):
    """Where nothing else tells it the declaration does, of a service that runs."""
    service = NGINX.replace(listens=("*:80",))
    stopped = status(service, host).as_dict(host)["listening"]
    nginx.run()
    host.copyable, host.listening_sockets = False, lambda: None

    assert ([], ["*:80"]) == (stopped, status(service, host).as_dict(host)["listening"])


def test_as_dict(host, nginx):
    """Machines get all of it, under keys that stay."""
    old = nginx.run()
    nginx.usr2(old)
    host.sleep(0.5)
    new = nginx.masters[-1]

    told = status(NGINX, host).as_dict(host)

    assert told.keys() == KEYS
    assert {
        "name": "nginx",
        "state": "running",
        "code": 0,
        "message": told["message"],
        "master": new.pid,
        "workers": [worker.pid for worker in nginx.workers(new)],
        "old_master": old.pid,
        "orphans": [],
        "listening": ["0.0.0.0:80"],
        "pidfile": NGINX.pidfile,
        "pidfile_state": "ok",
        "binary_replaced": False,
        "uptime": 0.5,
        "notes": [f"an upgrade is unfinished: old master {old.pid} still serves"],
    } == {**told, "uptime": round(told["uptime"], 2)}


def test_as_dict_of_the_dead(host, nginx):
    """Of a dead service what is left is told."""
    master = nginx.run()
    workers = [worker.pid for worker in nginx.workers(master)]
    host.end(master)

    told = status(NGINX, host).as_dict(host)

    assert told.keys() == KEYS
    assert ("dead", 1, None, None, [], workers) == tuple(
        told[key] for key in ("state", "code", "master", "uptime", "workers", "orphans")
    )


def test_lost_pidfile_as_dict(host, nginx):
    """A lost pidfile has a word of its own."""
    nginx.run()
    del host.files[NGINX.pidfile]

    assert "lost" == status(NGINX, host).as_dict(host)["pidfile_state"]


def test_hidden_processes_are_not_told_stopped(host):
    """Where /proc hides the processes of others, stopped cannot be told from running: 4."""
    host.all_seen = False

    told = status(NGINX, host)

    assert StatusCode.UNKNOWN == told.code
    assert "hidepid" in told.sentence


def test_workers_of_a_hidden_master_are_not_orphans(host, nginx):
    """Where /proc hides the master, its workers prove nothing: not dead, but unknown."""
    master = nginx.run()
    workers = nginx.workers(master)
    del host.processes[master.pid]
    host.all_seen = False

    told = status(NGINX, host)

    assert workers
    assert StatusCode.UNKNOWN == told.code
    assert "hidepid" in told.sentence
    assert [] == told.as_dict(host)["orphans"]


def test_hidden_workers_are_not_told_missing(host, nginx):
    """Where /proc hides the workers, whether they take requests is not known."""
    for worker in nginx.workers(nginx.run()):
        del host.processes[worker.pid]
    host.all_seen = False

    told = status(NGINX, host)

    assert StatusCode.RUNNING == told.code
    assert [] == [note for note in told.notes if "no worker" in note]
    assert any("hidepid" in note for note in told.notes)
