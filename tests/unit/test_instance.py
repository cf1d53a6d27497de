"""Whose process it is where no title tells."""

from __future__ import annotations

import pytest
from fakes import Run

from initpy.actions.start import start
from initpy.actions.status import status
from initpy.actions.stop import stop
from initpy.control.record import write_record
from initpy.control.stable import wait_until_stable
from initpy.errors import InitError, PidfileError, StatusCode, WaitTimeout
from initpy.service import Service
from initpy.state.programs.executed import runs_file_on_disk
from initpy.state.record import read_record, record_path
from initpy.state.snapshot import take_snapshot

DAEMON, PIDFILE = "/usr/sbin/exampled", "/run/exampled.pid"
PLAIN = Service(
    name="exampled",
    daemon=DAEMON,
    pidfile=PIDFILE,
    config="/etc/exampled.conf",
    start_args=("-c", "{config}"),
    timeout=5.0,
)
OTHER = PLAIN.replace(name="other", pidfile="/run/other.pid", config="/etc/other.conf")
ARGV = tuple(PLAIN.command(PLAIN.start_args))


@pytest.fixture(autouse=True)
def installed(host):
    """Have the daemon installed, and the folder of the records."""
    host.put(DAEMON, mode=0o755)
    host.put("/run/initpy", kind="dir")


def run(host, service=PLAIN, **facts):
    """Have the daemon of a service run, named by its pidfile; return its master."""
    facts = {"exe": DAEMON, "argv": tuple(service.command(service.start_args)), **facts}
    master = host.add(**facts)
    host.put(service.pidfile, f"{master.pid}\n", uid=facts.get("uid", 0))
    return master


def recorded(host, service=PLAIN, **facts):
    """Have it run, and recorded."""
    master = run(host, service, **facts)
    write_record(service, master.id, host)
    return master


def fork(host, master, **facts):
    """Have a master fork a worker, which keeps its command line and its sockets."""
    facts = {"argv": master.argv, "exe": master.exe, "uid": master.uid, **facts}
    facts = {"session": master.session, "sockets": dict(master.sockets), **facts}
    return host.add(ppid=master.pid, forked=True, **facts)


def test_recorded_master(host):
    """The recorded master is the master, whatever the pidfile names; that is told as lost."""
    master = recorded(host)
    another = run(host, OTHER)
    host.put(PIDFILE, f"{another.pid}\n")

    seen = take_snapshot(PLAIN, host)

    assert (master.id, True) == (seen.master, seen.lost)


@pytest.mark.parametrize("argv", [None, ("exampled: other.conf",)], ids=["arguments", "title"])
def test_pidfile_names_the_other_instance(host, argv):
    """Stop of a dead service never ends another instance, whose number its pidfile holds."""
    master = recorded(host)
    facts = {"argv": argv} if argv else {}
    another = recorded(host, OTHER, **facts)
    host.end(master)
    host.put(PIDFILE, f"{another.pid}\n")

    stop(PLAIN, host)

    assert [] == host.sent
    assert another.id == take_snapshot(OTHER, host).master
    assert PIDFILE not in host.files


def test_number_used_again(host):
    """One that is younger than its pidfile has only got the number, or the clock was set."""
    master = run(host)
    host.end(master)
    host.now += 60
    host.add(master.pid, exe=DAEMON, argv=("exampled: other.conf",))

    assert None is take_snapshot(PLAIN, host).master
    with pytest.raises(PidfileError, match="or the clock was set; nothing was done"):
        stop(PLAIN, host)
    assert [] == host.sent
    assert PIDFILE in host.files


def test_program_of_another_user_that_cannot_be_seen(host):
    """Root without CAP_SYS_PTRACE takes no process for the daemon because a pidfile names it."""
    job = run(host, argv=("sleep", "1000"), comm="sleep", exe="/bin/sleep", uid=1000, unseen=True)
    host.put(PIDFILE, f"{job.pid}\n")  # its number was another's when the file was written

    with pytest.raises(PidfileError, match="its executable cannot be seen"):
        stop(PLAIN, host)

    assert [] == host.sent


def test_started_by_another_script(host):
    """Without a record a good pidfile and the arguments of a start tell."""
    master = run(host)

    assert master.id == take_snapshot(PLAIN, host).master


def test_title_hides_the_arguments(host):
    """One that has written a title over its arguments is older than its pidfile."""
    master = run(host, argv=("exampled: /etc/exampled.conf",))

    assert master.id == take_snapshot(PLAIN, host).master


def test_other_arguments(host):
    """Without a record one with other arguments may be the service or not: nothing is done."""
    master = run(host, argv=(DAEMON, "-c", "/etc/old.conf"))

    told = status(PLAIN, host)

    assert StatusCode.UNKNOWN == told.code
    assert f"unknown: pid {master.pid} may be the service or not: it was started with other" in (
        told.sentence
    )
    with pytest.raises(PidfileError, match="nothing was done"):
        stop(PLAIN, host)
    assert [] == host.sent


def test_place_tells(host):
    """Where the declaration says where it listens, the kernel tells."""
    service = PLAIN.replace(listens=("127.0.0.1:7000",))
    master = run(host, argv=(DAEMON, "-c", "/etc/old.conf"), sockets={7: "127.0.0.1:7000"})

    assert master.id == take_snapshot(service, host).master
    assert take_snapshot(service.replace(listens=("127.0.0.1:7001",)), host).doubt


def test_script(host):
    """A daemon that is a script is its interpreter with the script in its arguments."""
    service = PLAIN.replace(daemon="/usr/bin/exampled.py")
    host.put(service.daemon, "#!/usr/bin/python3\n", mode=0o755)
    host.put("/usr/bin/python3", mode=0o755)
    argv = ("/usr/bin/python3", *service.command(service.start_args))
    master = run(host, service, exe="/usr/bin/python3", argv=argv)

    assert master.id == take_snapshot(service, host).master
    master.argv = ("/usr/bin/python3", "/usr/bin/another.py")
    assert None is take_snapshot(service, host).master


def test_user_of_its_own(host):
    """What the daemon's own user writes is believed of that user's own processes alone."""
    host.users["example"] = (77, 77)
    master = run(host, uid=77)
    host.distrusted["/run"] = "/run belongs to example"
    assert master.id == take_snapshot(PLAIN, host).master

    roots = host.add(exe=DAEMON, argv=(DAEMON, "-c", "/etc/secret.conf"))
    host.end(master)
    host.put(PIDFILE, f"{roots.pid}\n", uid=77)

    with pytest.raises(PidfileError, match="is not trusted"):
        stop(PLAIN, host)
    assert [] == host.sent


def test_crash(host):
    """Workers that keep the command line of a dead master are orphans, and no masters."""
    master = recorded(host, sockets={7: "0.0.0.0:7000"})
    workers = [fork(host, master), fork(host, master, session=4)]
    write_record(PLAIN, master.id, host)
    late = fork(host, master)
    job = host.add(exe="/bin/job", session=master.session, sockets=dict(master.sockets))
    host.end(master)

    seen = take_snapshot(PLAIN, host)

    assert None is seen.master
    assert {one.id for one in (*workers, late)} == set(seen.orphans)
    stop(PLAIN, host)
    assert [job] == list(host.processes.values())


def test_crash_of_a_script(host):
    """A job that a worker has executed by the same interpreter stays, with the socket it has."""
    script = PLAIN.replace(daemon="/usr/bin/exampled.py")
    host.put(script.daemon, "#!/usr/bin/python3\n", mode=0o755)
    host.put("/usr/bin/python3", mode=0o755)
    facts = {"exe": "/usr/bin/python3", "sockets": {7: "0.0.0.0:7000"}}
    argv = ("/usr/bin/python3", *script.command(script.start_args))
    master = recorded(host, script, argv=argv, **facts)
    worker = fork(host, master)
    job = host.add(argv=("/usr/bin/python3", "dump.py"), session=master.session, **facts)
    host.end(master)

    assert (worker.id,) == take_snapshot(script, host).orphans
    stop(script, host)
    assert [job] == list(host.processes.values())


def test_crash_of_what_outlives(host):
    """Sessions and jobs of a daemon that they outlive are no orphans, and stay."""
    service = PLAIN.replace(outlives=True)
    master = recorded(host, service)
    session = fork(host, master)
    write_record(service, master.id, host)
    host.end(master)

    stop(service, host)

    assert [] == host.sent
    assert [session] == list(host.processes.values())


def test_stop_spares_what_outlives(host):
    """Stop signals the master alone, and waits for it alone."""
    service = PLAIN.replace(outlives=True)
    master = recorded(host, service)
    session = fork(host, master)
    host.on("SIGTERM", host.end)

    stop(service, host)

    assert [(0, master.pid, "SIGTERM")] == host.sent
    assert [session] == list(host.processes.values())


def test_stop_ends_the_family(host):
    """What a master leaves is ended after it, by the schedule, and also without a record."""
    master = run(host, sockets={7: "0.0.0.0:7000"})
    workers = [fork(host, master), fork(host, master)]
    workers.append(fork(host, workers[0]))
    host.on("SIGTERM", host.end)

    stop(PLAIN, host)

    assert {} == host.processes
    assert {"SIGTERM"} == {name for _, _, name in host.sent}
    assert master.pid == host.sent[0][1]


def test_workers_without_a_record(host):
    """Nobody can tell whose they are then: they are named, and left alone."""
    master = run(host)
    worker = fork(host, master)
    host.end(master)

    with pytest.raises(InitError, match=f"pids {worker.pid} are workers without a master"):
        stop(PLAIN, host)

    assert [] == host.sent


def test_lost_without_a_record(host):
    """A process with the whole command line of a start, which names the configuration, is it."""
    master = run(host)
    del host.files[PIDFILE]
    assert master.id == take_snapshot(PLAIN, host).master

    master.uid = 1000  # any user may give a process that command line
    assert None is take_snapshot(PLAIN, host).master


def test_restored_for_its_owner(host):
    """A lost pidfile is restored, and belongs to who wrote it."""
    host.users["example"] = (77, 77)
    master = recorded(host, uid=77)
    del host.files[PIDFILE]

    start(PLAIN, host)

    assert (f"{master.pid}\n", 77) == (host.files[PIDFILE].text, host.files[PIDFILE].uid)
    assert (77, 0) == read_record(PLAIN, host).owner


def test_new_binary_takes_over(host):
    """A process that has the recorded sockets is the new master, and the recorded one the old."""
    old = recorded(host, sockets={7: "0.0.0.0:7000"})
    new = run(host, ppid=old.pid, sockets={7: "0.0.0.0:7000"})

    seen = take_snapshot(PLAIN, host)

    assert (new.id, old.id) == (seen.master, seen.old_master)


def test_new_binary_has_taken_over(host):
    """After an upgrade by hand the old master is the recorded one: what the new one has is its."""
    old = recorded(host, sockets={7: "0.0.0.0:7000"})
    left = fork(host, old)
    new = run(host, ppid=old.pid, session=old.session, sockets=old.sockets)
    fork(host, fork(host, new))
    host.end(old)

    start(PLAIN, host)

    assert {left.pid} == {pid for _, pid, _ in host.sent}


def test_worker_is_named(host):
    """A recorded worker is no master, whatever names it."""
    master = recorded(host, sockets={7: "0.0.0.0:7000"})
    worker = fork(host, master)
    write_record(PLAIN, master.id, host)
    host.put(PIDFILE, f"{worker.pid}\n")

    assert master.id == take_snapshot(PLAIN, host).master


def test_start_says_why(host):
    """At the deadline it is told why the process that the pidfile names was not believed."""
    host.put("/usr/bin/sleep", mode=0o755)
    stranger = host.add(exe="/usr/bin/sleep", argv=("sleep", "9"))
    host.programs[DAEMON] = lambda _argv: Run(
        seconds=60, begin=lambda _child: host.put(PIDFILE, f"{stranger.pid}\n")
    )

    with pytest.raises(WaitTimeout, match="not the master: it runs /usr/bin/sleep, not"):
        start(PLAIN, host)

    assert stranger in host.processes.values()


def test_record_of_another_boot(host, monkeypatch):
    """Then it is as if there were none."""
    master = recorded(host, argv=(DAEMON, "-c", "/etc/old.conf"))
    assert record_path(PLAIN) in host.files
    monkeypatch.setattr(host, "boot_id", lambda: "another", raising=False)

    with pytest.raises(PidfileError, match=f"pid {master.pid} may be"):
        wait_until_stable(PLAIN, host)


@pytest.fixture
def wrapped(host):
    """Have the daemon be a script that executes another binary, which has a user of its own."""
    host.users["example"] = (77, 77)
    host.put("/opt/example", mode=0o755)
    facts = {"exe": "/opt/example", "uid": 77, "sockets": {7: "0.0.0.0:7000"}}

    def boot(child):
        title = f"exampled: master {len(host.spawned)}"
        master = host.add(ppid=child.parent, title=title, session=child.pid, **facts)
        host.on("SIGTERM", host.end, master)
        host.at(0.01, lambda: fork(host, master, argv=("exampled: worker",)), by=master)
        host.put(PIDFILE, f"{master.pid}\n", uid=77)

    host.programs[DAEMON] = lambda _argv: Run(seconds=0.02, begin=boot)


TITLED = PLAIN.replace(master_title="exampled: master", worker_titles=("exampled: worker",))


@pytest.mark.parametrize("service", [PLAIN, TITLED], ids=["no title", "title"])
def test_what_was_started(host, wrapped, service):
    """What a start has made is the master, whatever its user and binary; the record knows it."""
    start(service, host)
    master = take_snapshot(service, host).master
    told = status(service, host)
    stop(service, host)

    assert master.pid == host.sent[0][1]
    assert (StatusCode.RUNNING, "", {}) == (told.code, "".join(told.notes), host.processes)


@pytest.mark.parametrize("service", [PLAIN, TITLED], ids=["no title", "title"])
def test_what_was_started_crashes(host, wrapped, service):
    """After a crash its workers are ended, and another master serves."""
    start(service, host)
    master = take_snapshot(service, host).master
    host.end(host.processes[master.pid])
    host.sleep(1)
    host.on("SIGTERM", host.end)

    assert 1 == len(take_snapshot(service, host).orphans)
    start(service, host)

    assert take_snapshot(service, host).master not in (None, master)
    host.sleep(1)
    assert 2 == len(host.processes)


def test_forked_in_the_background(host, wrapped):
    """A daemon without sockets is known by its session, whose leader has ended as it should."""
    start(PLAIN, host)
    master = host.processes[take_snapshot(PLAIN, host).master.pid]
    late = fork(host, master, sockets={})
    job = host.add(exe="/opt/job", session=master.session)
    host.end(master)

    orphans = take_snapshot(PLAIN, host).orphans

    assert (True, False) == (late.id in orphans, job.id in orphans)


def test_last_half_a_second(host, wrapped):
    """A daemon that dies within half a second, and tells nothing, was never up."""
    program = host.programs[DAEMON]

    def boot(child):
        program(()).begin(child)
        master = max(host.processes.values(), key=lambda process: process.pid)
        host.at(0.4, lambda: host.end(master))

    host.programs[DAEMON] = lambda _argv: Run(seconds=0.02, begin=boot)

    with pytest.raises(InitError, match="ended as soon as it was up"):
        start(PLAIN, host)

    assert {} == {pid: one for pid, one in host.processes.items() if not one.forked}


@pytest.mark.parametrize(
    ("sockets", "lives", "least"),
    [({7: "0.0.0.0:7000"}, 60, 0), ({}, 60, 0.5), ({}, 0.1, None)],
    ids=["its own", "it has none", "of another server"],
)
def test_whose_answer_it_is(host, wrapped, sockets, lives, least):
    """Another server may answer ``ready``: one that has no socket has to last as well."""
    program = host.programs[DAEMON]
    host.put("/bin/ping", mode=0o755)
    host.programs["/bin/ping"] = lambda _argv: Run()

    def boot(child):
        program(()).begin(child)
        master = max(host.processes.values(), key=lambda process: process.pid)
        master.sockets = sockets
        host.at(lives, lambda: host.end(master))

    host.programs[DAEMON] = lambda _argv: Run(seconds=0.02, begin=boot)
    service = PLAIN.replace(ready=("/bin/ping",))

    if least is None:
        with pytest.raises(InitError, match="ended as soon as it was up"):
            start(service, host)
    else:
        start(service, host)
        assert least <= host.now < least + 0.2


def test_listens(host, wrapped):
    """One that says where it listens is up as soon as it does, and not before."""
    with pytest.raises(WaitTimeout, match=r"to listen at 127\.0\.0\.1:7001"):
        start(PLAIN.replace(listens=("127.0.0.1:7001",)), host)
    began = host.now

    start(PLAIN.replace(listens=("*:7000",)), host)

    assert host.now - began < 0.5


UPGRADED = PLAIN.replace(second_suffix=".2", second_is_new=True)


@pytest.mark.parametrize("exe", [DAEMON, "/usr/bin/python3"], ids=["binary", "interpreter"])
def test_new_master_of_an_upgrade(host, exe):
    """The second pidfile names it, and the old one has executed it, on its own sockets."""
    old = recorded(host, UPGRADED, sockets={7: "0.0.0.0:80"}, argv=("exampled: master",))
    new = host.add(ppid=old.pid, exe=exe, argv=("exampled: new",), sockets={7: "0.0.0.0:80"})
    host.put(UPGRADED.oldbin, f"{new.pid}\n")

    seen = take_snapshot(UPGRADED, host)

    assert (new.id, old.id) == (seen.master, seen.old_master)
    assert (True, False) == (seen.successor, seen.lost)


@pytest.mark.parametrize("facts", [{"forked": True}, {"sockets": {}}, {"ppid": 1}])
def test_no_new_master(host, facts):
    """A worker, and what has none of the sockets, is not the new master; whatever names it."""
    old = recorded(host, UPGRADED, sockets={7: "0.0.0.0:80"}, argv=("exampled: master",))
    facts = {"ppid": old.pid, "sockets": {7: "0.0.0.0:80"}, **facts}
    other = host.add(exe="/usr/bin/python3", argv=("exampled: x",), **facts)
    host.put(UPGRADED.oldbin, f"{other.pid}\n")

    seen = take_snapshot(UPGRADED, host)

    assert (old.id, None, True) == (seen.master, seen.old_master, seen.leftover)


@pytest.mark.parametrize("line", ["#!/usr/bin/python3 -IS", "#!/usr/bin/env python3"])
def test_interpreter_of_the_script_on_disk(host, line):
    """A new master runs the daemon on disk if it runs that script's interpreter."""
    script = PLAIN.replace(daemon="/usr/bin/exampled.py")
    host.put(script.daemon, f"{line}\n", mode=0o755)
    host.put("/usr/bin/python3", mode=0o755)
    new = host.add(exe="/usr/bin/python3")

    assert runs_file_on_disk(script, new.id, host)
