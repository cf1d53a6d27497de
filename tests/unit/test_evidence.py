from __future__ import annotations

import pytest
from daemons import FakeNginx

from initpy.actions.start import start
from initpy.actions.stop import stop
from initpy.control.record import record_running, write_record
from initpy.daemons.nginx import NGINX
from initpy.errors import InitError
from initpy.state.record import record_path
from initpy.state.snapshot import take_snapshot

OTHER = NGINX.replace(
    name="other", config="/etc/nginx/other.conf", pidfile="/run/other.pid", lockfile="/run/o"
)


@pytest.fixture
def master(host, nginx):
    """Return the master of an nginx that runs, and is recorded."""
    master = nginx.run()
    record_running(NGINX, host)
    return master


@pytest.fixture
def workers(nginx, master):
    """Return its two workers."""
    return nginx.workers(master)


@pytest.fixture
def forget(host):
    """Return what loses the record."""
    return lambda: host.files.pop(record_path(NGINX))


def judged(host):
    """Return whom a thorough look takes for our orphans, and who cannot be judged."""
    seen = take_snapshot(NGINX, host, thorough=True)
    return set(seen.orphans), set(seen.unjudged)


def ids(*processes):
    """Return processes as the library knows them."""
    return {process.id for process in processes}


def stray(host, **facts):
    """Start a worker without a master."""
    return host.add(**{"title": "nginx: worker process", "exe": NGINX.daemon, "uid": 33, **facts})


# By the record.


def test_recorded_members(host, master, workers):
    """Who is recorded with its start time is ours, whatever it holds and wherever it listens."""
    for worker in workers:
        worker.sockets, worker.session = {}, 1
    host.end(master)

    assert (ids(*workers), set()) == judged(host)


def test_sockets_are_read_where_they_decide(host, master, workers, monkeypatch):
    """Each worker may have a socket to each other one: those of a recorded one are not read."""
    later = stray(host, session=master.pid, exe_id=master.exe_id)
    other = stray(host, sockets={9: "0.0.0.0:81"}, exe_id=master.exe_id)
    host.end(master)
    read, sockets = [], host.socket_inodes
    monkeypatch.setattr(host, "socket_inodes", lambda one: read.append(one) or sockets(one))

    assert (ids(*workers, later), set()) == judged(host)
    assert [other.id] == read


def test_later_worker_by_its_session(host, master, workers):
    """A worker that the master forked later is in the session that it led."""
    later = stray(host, session=master.pid, exe_id=master.exe_id)
    host.end(master)

    assert (ids(*workers, later), set()) == judged(host)


def test_later_worker_by_its_socket(host, master, workers):
    """A worker in another session holds a socket that is recorded."""
    later = stray(host, sockets=dict(master.sockets))
    host.end(master)

    assert (ids(*workers, later), set()) == judged(host)


def test_helper_with_another_title(host, master, workers):
    """Nor does the title matter, nor that it holds no socket: nginx has helpers of many kinds."""
    helper = stray(host, title="nginx: cache manager process", session=master.pid)
    odd = stray(host, title="privileged agent", session=master.pid)
    host.end(master)

    assert (ids(*workers, helper, odd), set()) == judged(host)


def test_binary_renamed(host, master, workers):
    """The recorded file counts, whatever its path is by now."""
    for process in (master, *workers):
        process.exe = "/usr/sbin/nginx.old"
    host.files.pop(NGINX.daemon)
    host.put(NGINX.daemon, mode=0o755)
    host.end(master)

    assert (ids(*workers), set()) == judged(host)


def test_binary_renamed_and_a_later_worker(host, master, workers):
    """So does that of a worker that was forked later."""
    later = stray(host, session=master.pid)
    for process in (master, *workers, later):
        process.exe, process.exe_id = "/usr/sbin/nginx.old", (1, 999)
    write_record(NGINX, master.id, host)
    host.files[record_path(NGINX)].text = host.files[record_path(NGINX)].text.replace(
        f" {later.pid}@{later.started}", ""
    )
    host.end(master)

    assert (ids(*workers, later), set()) == judged(host)


def test_another_binary_since(host, nginx, master):
    """A package has replaced the binary, and a signal had it executed: the sockets are the same."""
    sockets = dict(master.sockets)
    host.end(master)
    for worker in [one for one in host.processes.values() if one.uid == 33]:
        host.end(worker)
    nginx.replace()
    worker = stray(host, sockets=sockets)

    assert (ids(worker), set()) == judged(host)


def test_configuration_has_changed(host, nginx, master, workers):
    """Where the service listens by now does not matter."""
    nginx.configure(["127.0.0.1:8080"])
    host.end(master)

    assert (ids(*workers), set()) == judged(host)


def test_binary_that_may_not_be_seen(host, master, workers):
    """Without CAP_SYS_PTRACE name and signals tell a fork from a job that it has executed."""
    later = stray(host, session=master.pid)
    job = stray(host, title="mysqldump", session=master.pid, comm="mysqldump", caught=0)
    host.traces = host.copyable = False
    host.end(master)

    assert (ids(*workers, later), ids(job)) == judged(host)


def test_executed_since(host, master, workers):
    """A job that a worker has started inherits session and socket, and is not ours to end."""
    sockets = dict(master.sockets)
    facts = {"exe": "/usr/bin/mysqldump", "exe_id": (1, 999), "sockets": sockets}
    job = host.add(title="mysqldump", session=master.pid, **facts)
    host.end(master)

    assert (ids(*workers), set()) == judged(host)

    stop(NGINX, host)
    assert host.processes[job.pid] is job


def test_number_of_a_member_used_again(host, master, workers):
    """Who has a recorded number by now was born later."""
    first, second = workers
    for process in (master, first):
        host.end(process)
    host.now += 1
    another = stray(host, pid=first.pid, sockets={1: "0.0.0.0:81"})

    assert (ids(second), set()) == judged(host)
    assert host.processes[first.pid] is another


def test_number_of_the_session_used_again(host, master, workers):
    """A session that is dead, sockets and all, tells nothing: its number is another's."""
    for process in (*workers, master):
        host.end(process)
    host.now += 1
    another = stray(host, session=master.pid, sockets={1: "0.0.0.0:81"})

    assert (set(), set()) == judged(host)
    assert host.processes[another.pid] is another


def test_recorded_but_elsewhere(host, master, workers):
    """What is in another network by now is none of ours."""
    first, second = workers
    first.net = "net:[2]"
    host.end(master)

    assert (ids(second), set()) == judged(host)


def test_recorded_in_a_chroot(host, master, workers, forget):
    """A worker that has changed its root is ours if it is recorded, or has a recorded socket."""
    for worker in workers:
        worker.root = (9, 9)
    another = stray(host, root=(9, 9), sockets={1: "0.0.0.0:81"})
    later = stray(host, root=(9, 9), sockets=dict(master.sockets), exe_id=master.exe_id)
    host.end(master)

    assert (ids(*workers, later), set()) == judged(host)
    forget()
    assert (set(), set()) == judged(host)
    assert host.processes[another.pid] is another


# By a socket of a living master.


def test_socket_of_a_living_master(host, nginx, master, workers, forget):
    """Whoever holds a socket of our master has it from the same family."""
    forget()
    sockets = {**master.sockets, 1: "0.0.0.0:9999"}
    orphan = stray(host, sockets=sockets)

    assert (ids(orphan), set()) == judged(host)


# By places, all of them.


def test_every_place(host, nginx, master, workers, forget):
    """Without a record a worker is ours if all its places are in the configuration."""
    forget()
    nginx.configure([nginx.place, "0.0.0.0:81"])
    for worker in workers:
        worker.sockets[1] = "0.0.0.0:81"
    host.end(master)

    assert (ids(*workers), set()) == judged(host)


def test_some_places(host, nginx, master, workers, forget):
    """One shared address is no proof: those are left alone, and named."""
    forget()
    for worker in workers:
        worker.sockets[1] = "0.0.0.0:81"
    host.end(master)

    assert (set(), ids(*workers)) == judged(host)

    with pytest.raises(InitError, match=f"pids {workers[0].pid}, .* cannot be told"):
        stop(NGINX, host)
    assert all(map(nginx.alive, workers))


def test_no_place(host, nginx, master, workers, forget):
    """None in common is a veto."""
    forget()
    for worker in workers:
        worker.sockets = {1: "0.0.0.0:81"}
    host.end(master)

    assert (set(), set()) == judged(host)
    stop(NGINX, host)
    assert all(map(nginx.alive, workers))


def test_no_socket(host, master, workers, forget):
    """Who listens nowhere, alone in its session, cannot be judged."""
    forget()
    helper = stray(host, title="nginx: cache manager process")

    assert (set(), ids(helper)) == judged(host)


def test_places_that_may_not_be_seen(host, master, workers, forget):
    """Without the right to look at its sockets neither can the rest."""
    forget()
    host.copyable = False
    host.end(master)

    assert (set(), ids(*workers)) == judged(host)


def test_one_that_exits(host, monkeypatch):
    """A worker of another instance that exits meanwhile is not one that cannot be judged."""
    exiting = stray(host, exe="/opt/nginx")
    look = host.look

    def look_and_lose(pid):
        if pid == exiting.pid:
            exiting.argv, exiting.exe = (), None
            facts = look(pid)
            return facts and facts.replace(argv=("nginx: worker process",))
        return look(pid)

    monkeypatch.setattr(host, "look", look_and_lose)

    assert (set(), set()) == judged(host)


def test_another_binary(host, nginx, master, forget):
    """Another nginx that has one of our addresses is left alone, and named."""
    forget()
    host.end(master)
    for worker in [p for p in host.processes.values() if p.uid == 33]:
        worker.exe, worker.exe_id = "/opt/nginx/sbin/nginx", (1, 999)

    orphans, unjudged = judged(host)

    assert (set(), 2) == (orphans, len(unjudged))


def test_place_that_needs_a_name(host, nginx, master, workers, forget):
    """A name that cannot be looked up leaves it open."""
    forget()
    nginx.configure(["localhost:80"])
    host.end(master)

    assert (set(), ids(*workers)) == judged(host)


# Families.


def test_helpers_follow_their_family(host, nginx, master, workers, forget):
    """A helper without a socket is what the workers of its session are."""
    forget()
    helper = stray(host, title="nginx: cache manager process", session=master.pid)
    host.end(master)

    assert (ids(*workers, helper), set()) == judged(host)


def test_family_of_another(host, nginx, master, workers, forget):
    """Also if they are another's."""
    forget()
    helper = stray(host, title="nginx: cache manager process", session=master.pid)
    for worker in workers:
        worker.sockets = {1: "0.0.0.0:81"}
    host.end(master)

    assert (set(), set()) == judged(host)
    assert host.processes[helper.pid] is helper


def test_session_of_both(host, nginx, master, workers, forget):
    """Who is in one session with ours and with another's is left alone."""
    forget()
    helper = stray(host, title="nginx: cache manager process", session=master.pid)
    stray(host, session=master.pid, sockets={1: "0.0.0.0:81"})
    host.end(master)

    assert (ids(*workers), ids(helper)) == judged(host)


def test_program_of_another_kind_tells_nothing_of_its_session(host, master, workers, forget):
    """A process with a worker's title that runs something else says nothing of a helper."""
    forget()
    stray(host, exe="/bin/sleep", exe_id=(1, 998), session=master.pid)
    helper = stray(host, title="nginx: cache manager process", session=master.pid)
    host.end(master)

    assert (ids(*workers, helper), set()) == judged(host)


# Another instance.


@pytest.fixture
def other(host, nginx):
    """Return another instance, which has one address in common with ours, and one more."""
    other = FakeNginx(host, OTHER)
    other.title = nginx.title.replace(NGINX.config, OTHER.config)
    places = [other.place, "0.0.0.0:81"]
    other.configure(places)
    other.listen = lambda master: {master.pid + 8000 + n: at for n, at in enumerate(places)}
    return other


def test_session_of_a_living_stranger(host, nginx, other):
    """The workers of a living foreign master's session are its own, wherever they listen."""
    theirs = other.run()
    orphan = stray(host, session=theirs.pid, sockets={1: nginx.place})

    assert (set(), set()) == judged(host)
    assert host.processes[orphan.pid] is orphan


def test_record_of_another(host, nginx, other):
    """What is recorded of another instance is that one's."""
    theirs = other.run()
    record_running(OTHER, host)
    orphans = other.workers(theirs)
    for orphan in orphans:
        orphan.sockets = {9: nginx.place}  # by its places it would be ours
    host.end(theirs)

    assert (set(), set()) == judged(host)


def test_blue_and_green(host, nginx, other, master):
    """The orphans of one serve on through a stop and a start of the other, and are recovered."""
    theirs = other.run()
    record_running(OTHER, host)
    orphans = other.workers(theirs)
    host.end(theirs)
    nginx.shares = other.shares = True

    stop(NGINX, host)
    start(NGINX, host)

    assert all(map(other.alive, orphans))
    assert not any(orphan.retired for orphan in orphans)

    start(OTHER, host)

    assert [other.masters[-1].pid] == other.serving()
    assert theirs.sockets == other.masters[-1].sockets
    assert [nginx.masters[-1].pid] == nginx.serving()


def test_blue_and_green_without_records(host, nginx, other, master):
    """With the records gone, nothing worse than: left alone, and said."""
    theirs = other.run()
    orphans = other.workers(theirs)
    host.end(theirs)
    nginx.shares = True
    host.files.pop(record_path(NGINX))

    with pytest.raises(InitError, match="left alone"):
        stop(NGINX, host)
    start(NGINX, host)

    assert all(map(other.alive, orphans))
    assert [nginx.masters[-1].pid] == nginx.serving()
    assert any("left alone" in sentence for sentence in host.told)
