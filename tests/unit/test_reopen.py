from __future__ import annotations

import signal

import pytest
from daemons import FakeFpm, FakeNginx

from initpy.actions.reopen import reopen
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import InitError
from initpy.protocols.reopen import reopen_logs
from initpy.state.record import read_record

LOG = FakeNginx.access_log
ROTATED = f"{LOG}.1"
TIMES = {"timeout": 3.0, "drain_timeout": 9.0}


@pytest.fixture
def master(host, nginx):
    """Return the master of a running nginx whose configuration names its logs."""
    configure(host, f"access_log {LOG}; error_log {FakeNginx.error_log};")
    return nginx.run()


def configure(host, text):
    host.files[NGINX.config].text = text


def rotate(host, name=ROTATED, log=LOG):
    host.rename(log, name)


def act(host, *masters, service=NGINX, **changes):
    """Have the logs of those masters opened anew; return the seconds that it takes."""
    began = host.now
    reopen_logs(service.replace(**{**TIMES, **changes}), tuple(one.id for one in masters), host)
    return host.now - began


def paths(host, *processes):
    """Return the present paths of what those processes append to."""
    return {one.path for process in processes for one in host.descriptors(process.id).appended}


def signals(host):
    return [(pid, sig) for _, pid, sig in host.sent]


# What is seen by the files alone.


@pytest.mark.parametrize(
    "name",
    [ROTATED, "/var/log/nginx/access.1.log", "/var/log/nginx/old/access.log", "/srv/20261125.log"],
)
@pytest.mark.parametrize("named", [True, False], ids=["named", "compiled in"])
def test_rotated_log_is_let_go(host, nginx, master, name, named):
    """Whatever a rotated log is called, and whoever has named it, no process holds it."""
    if not named:
        configure(host, "")
    rotate(host, name)

    seconds = act(host, master)

    assert {LOG, FakeNginx.error_log} == paths(host, master, *nginx.workers(master))
    assert [(master.pid, "SIGUSR1")] == signals(host)
    assert seconds < 0.1


def test_holder_of_an_earlier_rotation(host, nginx, master):
    """What one call has not seen closed is recorded: the next is not done either."""
    worker = nginx.workers(master)[0]
    worker.cannot_open = "13: Permission denied"
    rotate(host)
    for _ in range(2):
        with pytest.raises(InitError, match=f"pid {worker.pid} still writes to {ROTATED}"):
            act(host, master)
    worker.cannot_open = ""

    seconds = act(host, master)

    assert seconds < 0.1
    assert ROTATED not in paths(host, master, *nginx.workers(master))
    assert () == read_record(NGINX, host).rotated


def test_removed_log_is_let_go(host, nginx, master):
    """A log that was removed is opened anew, too."""
    host.remove(LOG)

    act(host, master)

    assert {LOG, FakeNginx.error_log} == paths(host, master, *nginx.workers(master))


def test_log_that_is_a_link(host, nginx):
    """The file behind a link is rotated: the name leads to the new one."""
    host.put("/srv/real.log")
    host.put(LOG, "/srv/real.log", kind="link")
    configure(host, f"access_log {LOG};")
    master = nginx.run()
    rotate(host, "/srv/real.log.1", "/srv/real.log")
    nginx.workers(master)[0].state = "T"

    with pytest.raises(InitError, match=r"state T\)\) still writes to /srv/real.log.1"):
        act(host, master)


def test_nothing_was_rotated(host, nginx, master):
    """Without a rotation there is nothing that anybody could hold."""
    before = paths(host, master)

    seconds = act(host, master)

    assert before == paths(host, master)
    assert [(master.pid, "SIGUSR1")] == signals(host)
    assert seconds < 0.1


def test_log_whose_name_begins_as_another(host, nginx, master):
    """``access.log-HOST`` is no rotated ``access.log``."""
    configure(host, f"access_log {LOG}; access_log {LOG}-$host;")
    for worker in nginx.workers(master):
        host.open_log(worker, f"{LOG}-a.example")
        worker.names.popitem()
        worker.names[max(worker.appends)] = f"{LOG}-a.example"

    assert act(host, master) < 0.1


def test_every_master_is_told(host, nginx, master):
    """In the middle of an upgrade both masters open their logs anew."""
    nginx.usr2(master)
    host.sleep(0.2)
    new = nginx.masters[-1]
    rotate(host)

    act(host, master, new)

    family = [master, new, *nginx.workers(master), *nginx.workers(new)]
    assert ROTATED not in paths(host, *family)
    assert {master.pid, new.pid} == {pid for pid, _ in signals(host)}


def test_service_without_a_configuration(host, nginx, master):
    """Where no name of a log is known the files tell all the same."""
    rotate(host)
    worker = nginx.workers(master)[0]
    worker.cannot_open = "13: Permission denied"

    with pytest.raises(InitError, match=f"pid {worker.pid} still writes to {ROTATED}"):
        act(host, master, service=NGINX.replace(read_configuration=None))


def test_action(host, nginx, master):
    """The action does it for every master, and records what it has seen."""
    rotate(host)

    reopen(NGINX, host)

    assert ROTATED not in paths(host, master, *nginx.workers(master))


# The master.


def test_signal_is_handled_late(host, nginx, master):
    """A master that is busy handles the signal afterwards: that is waited for."""
    rotate(host)
    nginx.occupy(master, 2)

    seconds = act(host, master)

    assert 2 <= seconds < 2.2
    assert ROTATED not in paths(host, master)


def test_master_that_stays_busy(host, nginx, master):
    """At the deadline the exit code is not 0, and the reason is told."""
    nginx.occupy(master, 60)

    with pytest.raises(InitError, match=f"master {master.pid} is busy: whether its logs"):
        act(host, master)

    assert 2.99 <= host.now < 3.1


def test_stopped_master(host, nginx, master):
    """A stopped master is told at once, and gets no signal."""
    master.state = "T"

    with pytest.raises(InitError, match=r"is stopped by a signal \(state T\): no signal was sent"):
        act(host, master)

    assert (0, []) == (host.now, signals(host))


def test_skipped_signal(host, nginx, master):
    """A master that refuses a reload in the same turn skips the signal: another wakes it."""
    nginx.bad = True
    nginx.occupy(master, 0.5)
    host.kill(master.id, signal.SIGHUP)
    rotate(host)

    act(host, master)

    assert [(master.pid, f"SIG{name}") for name in ("HUP", "USR1", "CHLD")] == signals(host)
    assert ROTATED not in paths(host, master, *nginx.workers(master))


@pytest.mark.parametrize("gone", [True, False], ids=["removed", "renamed"])
def test_master_cannot_open_the_new_log(host, nginx, master, gone):
    """A master that keeps the rotated log is told, with the reason from its log."""
    host.remove(LOG) if gone else rotate(host)
    master.cannot_open = "24: Too many open files"

    with pytest.raises(InitError) as caught:
        act(host, master)

    kept = f"{LOG} (deleted)" if gone else ROTATED
    assert f"master {master.pid} still writes to {kept}, " in str(caught.value)
    assert "(24: Too many open files)" in str(caught.value)
    assert "[emerg]" in caught.value.output


def test_compiled_in_log_is_kept(host, nginx, master):
    """A log that the configuration does not name is not opened anew: the daemon's log tells."""
    configure(host, f"error_log {FakeNginx.error_log};")
    rotate(host)
    master.cannot_open = "24: Too many open files"

    with pytest.raises(InitError, match=f"still writes to {ROTATED}, .*Too many open files"):
        act(host, master)


def test_master_that_does_nothing(host, nginx, master):
    """A master that ignores the signal keeps the rotated log: no reason is known."""
    rotate(host)
    nginx.silent = True

    with pytest.raises(InitError, match=f"still writes to {ROTATED}, .* logs anew$"):
        act(host, master)


def test_file_of_somebody_else(host, nginx, master):
    """A file that stays as it was and that the daemon has not opened is not rotated."""
    for process in (master, *nginx.workers(master)):
        host.open_log(process, "/var/log/audit.log", 30)
        del process.names[30]

    assert act(host, master) < 0.1


def test_master_that_ends_meanwhile(host, nginx, master):
    """A master that is gone holds nothing."""
    rotate(host)
    nginx.silent = True
    nginx.occupy(master, 60)
    host.at(1, lambda: nginx.term(master))

    assert 1 <= act(host, master) < 1.1


def test_master_that_cannot_be_looked_at(host, fpm):
    """Of a master whose files cannot be seen it is not known, and so the code is not 0."""
    master = fpm.run()
    master.unseen = True

    with pytest.raises(InitError, match=f"master {master.pid} got the signal, but its files"):
        act(host, master, service=PHP_FPM)

    assert [(master.pid, "SIGUSR1")] == signals(host)


@pytest.mark.parametrize("works", [True, False])
def test_master_that_is_judged_by_its_workers(host, nginx, master, works):
    """Where only the workers can be seen they tell, by names, whether the logs are new."""
    master.unseen = True
    rotate(host)
    worker = nginx.workers(master)[0]
    worker.cannot_open = "" if works else "13: Permission denied"

    if works:
        assert act(host, master) < 0.1
    else:
        with pytest.raises(InitError, match=f"pid {worker.pid} still writes to {ROTATED}"):
            act(host, master)

    assert "is judged by its workers" in host.told[0]


# The workers.


def test_worker_cannot_open_the_new_log(host, nginx, master):
    """A worker that keeps the rotated log is named after the timeout, with the reason."""
    rotate(host)
    worker = nginx.workers(master)[0]
    worker.cannot_open = "13: Permission denied"

    with pytest.raises(InitError) as caught:
        act(host, master)

    assert f"pid {worker.pid} still writes to {ROTATED} after 3 s: open() " in str(caught.value)
    assert "(13: Permission denied)" in str(caught.value)
    assert 3 <= host.now < 3.1


def test_worker_kept_an_older_one(host, nginx, master):
    """The next reopen is not 0 either: a log that only a worker holds is nobody's by its name."""
    rotate(host)
    worker = nginx.workers(master)[0]
    worker.cannot_open = "13: Permission denied"
    with pytest.raises(InitError):
        act(host, master)

    with pytest.raises(InitError, match=f"pid {worker.pid} still writes to {ROTATED}"):
        act(host, master)

    worker.cannot_open = ""
    assert act(host, master) < 0.1


def test_stopped_worker(host, nginx, master):
    """A stopped worker that holds a rotated log is told at once."""
    rotate(host)
    worker = nginx.workers(master)[0]
    worker.state = "T"

    with pytest.raises(InitError) as caught:
        act(host, master)

    sentence = f"pid {worker.pid} (stopped by a signal (state T)) still writes to {ROTATED}"
    assert sentence == str(caught.value)
    assert host.now < 0.1


def test_stopped_worker_without_a_rotation(host, nginx, master):
    """A stopped worker that holds no rotated log does not matter."""
    nginx.workers(master)[0].state = "T"

    assert act(host, master) < 0.1


@pytest.mark.parametrize(("drain", "told"), [(7, ""), (20, " after 9 s")])
def test_worker_that_finishes_its_requests(host, nginx, master, drain, told):
    """A worker that takes no more requests has the time of a drain, and not the timeout."""
    rotate(host)
    worker = nginx.workers(master)[0]
    nginx.drain, worker.dismissed, worker.cannot_open = drain, True, "deaf"
    nginx.finish(worker)

    if told:
        with pytest.raises(InitError, match=f"pid {worker.pid} still writes to {ROTATED}{told}"):
            act(host, master)
    else:
        assert 6.5 <= act(host, master) < 7.2


def test_where_the_kernel_lists_no_sockets(host, nginx, master):
    """Then the title of a worker tells whether it takes requests."""
    host.listening_sockets = lambda: None
    rotate(host)
    worker = nginx.workers(master)[0]
    nginx.drain, worker.dismissed, worker.cannot_open = 7, True, "deaf"
    nginx.finish(worker)

    assert 6.5 <= act(host, master) < 7.2


def test_another_program_that_reads_the_log(host, nginx, master):
    """Who holds the file and is not of the service does not count."""
    host.open_log(host.add(title="rsyslogd"), LOG)
    rotate(host)

    assert act(host, master) < 0.1


def test_many_holders(host, nginx, master):
    """A message names so many processes, and not all of a hundred."""
    rotate(host)
    nginx.new_workers(master, count=20, infancy=0)
    for worker in nginx.workers(master):
        worker.cannot_open = "13: Permission denied"

    with pytest.raises(InitError, match=r"; \.\.\.$") as caught:
        act(host, master)

    assert 8 == str(caught.value).count("still writes to")


# Logs that only workers have open: names with variables.


def open_by_request(host, worker, path):
    """Have a worker open a log whose name depends on the request, and keep it."""
    fd = host.open_log(worker, path)
    del worker.names[fd]
    return fd


@pytest.mark.parametrize(
    ("rotated", "waits"),
    [
        ("/var/log/nginx/a.example.log", False),
        ("/var/log/nginx/a.example.log.1", True),
        ("/var/log/nginx/old/a.example.log", True),
        ("", True),
    ],
    ids=["live", "renamed", "moved", "removed"],
)
def test_log_by_request(host, nginx, master, rotated, waits):
    """A log with variables in its name is rotated if no such name leads to it any more."""
    path = "/var/log/nginx/a.example.log"
    configure(host, f"access_log {LOG}; access_log /var/log/nginx/$host.log;")
    worker = nginx.workers(master)[0]
    fd = open_by_request(host, worker, path)
    host.rename(path, rotated) if rotated else host.remove(path)
    host.at(2, lambda: worker.appends.pop(fd))

    seconds = act(host, master)

    assert (2 if waits else 0) <= seconds < (2.3 if waits else 0.1)


def test_log_by_request_that_is_kept(host, nginx, master):
    """A worker that keeps such a log is named."""
    path = "/var/log/nginx/a.example.log"
    configure(host, f"access_log {LOG}; access_log /var/log/nginx/$host.log;")
    worker = nginx.workers(master)[0]
    open_by_request(host, worker, path)
    host.rename(path, f"{path}.1")

    with pytest.raises(InitError, match=f"pid {worker.pid} still writes to {path}.1 after 3 s"):
        act(host, master)


def test_files_of_scripts(host, fpm):
    """What a script of somebody has opened is none of the service's logs."""
    master = fpm.run()
    open_by_request(host, fpm.workers(master)[0], "/srv/app/prod.log")

    assert act(host, master, service=PHP_FPM) < 0.1


# A daemon that opens its logs on the same descriptors, and lets workers end that hold one.


@pytest.fixture
def pool(host, fpm):
    """Return the master of a running php-fpm whose pool has an access.log."""
    fpm.logs.append(FakeFpm.access_log)
    host.files[PHP_FPM.config].text += f"access.log = {FakeFpm.access_log}\n"
    return fpm.run()


@pytest.mark.parametrize("log", [FakeFpm.access_log, FakeFpm.error_log])
def test_same_descriptors(host, fpm, pool, log):
    """The file on a descriptor has changed: it was let go."""
    rotate(host, f"{log}.1", log)

    assert act(host, pool, service=PHP_FPM) < 0.2
    assert f"{log}.1" not in paths(host, pool, *fpm.workers(pool))
    assert [(pool.pid, "SIGUSR1")] == signals(host)


def test_same_descriptors_and_nothing_rotated(host, fpm, pool):
    """An unchanged table may be a signal that was skipped: it gets another, and is done."""
    assert act(host, pool, service=PHP_FPM) < 0.2
    assert [(pool.pid, "SIGUSR1"), (pool.pid, "SIGCHLD")] == signals(host)


def test_long_request(host, fpm, pool):
    """A worker that answers a long request is no late one: it has the time of a drain."""
    rotate(host, "/var/log/old", FakeFpm.access_log)
    fpm.drain = 7

    assert 7 <= act(host, pool, service=PHP_FPM, timeout=1.0) < 7.2


def test_access_log_cannot_be_opened(host, fpm, pool):
    """The master keeps the rotated log, and says so in its error log."""
    rotate(host, "/var/log/old", FakeFpm.access_log)
    pool.cannot_open = "x"

    with pytest.raises(InitError, match=r"still writes to /var/log/old, .*failed to open access"):
        act(host, pool, service=PHP_FPM)


@pytest.mark.parametrize("log", ["a file", "a pipe"])
def test_configuration_that_was_edited(host, fpm, pool, log):
    """A log that the file does not name any more is kept as it should be: no failure is logged."""
    host.files[PHP_FPM.config].text += "access.log = /var/log/other.log\n"
    if log == "a pipe":
        host.put(f"/proc/{pool.pid}/fd/2", kind="fifo")
        with pytest.raises(InitError, match=f"still writes to {FakeFpm.access_log}"):
            act(host, pool, service=PHP_FPM)
    else:
        assert act(host, pool, service=PHP_FPM) < 0.2


@pytest.mark.parametrize("rotated", [True, False])
def test_workers_that_cannot_be_looked_at(host, fpm, pool, rotated):
    """Without the right to look at workers it is 0 with a warning, if a log was rotated."""
    host.traces = False
    if rotated:
        rotate(host, "/var/log/old", FakeFpm.access_log)
    fpm.drain = 7

    assert act(host, pool, service=PHP_FPM) < 0.2

    pids = ", ".join(str(one.pid) for one in fpm.workers(pool))
    told = [
        f"pids {pids} cannot be looked at: whether they still write to a rotated log is not known"
    ]
    assert (told if rotated else []) == host.told


def test_workers_are_looked_at_as_their_user(host, nginx, master):
    """Without that right a worker can be looked at by its own user, if it is dumpable."""
    host.traces = False
    rotate(host)
    worker = nginx.workers(master)[0]
    worker.cannot_open = "13: Permission denied"

    with pytest.raises(InitError, match=f"pid {worker.pid} still writes to {ROTATED}"):
        act(host, master)


def test_old_master_keeps_it(host, nginx, master):
    """In an upgrade the old master is one of those that may hold what the new one let go."""
    nginx.usr2(master)
    host.sleep(0.2)
    new = nginx.masters[-1]
    rotate(host)
    host.on(signal.SIGUSR1, lambda _master: None, master)

    with pytest.raises(InitError, match=f"pid {master.pid} still writes to {ROTATED} after 3 s"):
        act(host, master, new, service=NGINX.replace(read_configuration=None))
