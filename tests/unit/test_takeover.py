from __future__ import annotations

import pytest
from daemons import FakeFpm
from fakes import SURROUNDINGS, FakeHost, Run
from moments import at_every_look, looks_of_recording

from initpy.actions.start import start
from initpy.actions.upgrade import upgrade
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import (
    ConfigTestFailed,
    InitError,
    Interrupted,
    NotPermitted,
    Reverted,
    RollbackFailed,
    Unimplemented,
)
from initpy.protocols import handover
from initpy.protocols.takeover import recover
from initpy.state.snapshot import take_snapshot

CHECKED = PHP_FPM.replace(upgrade_check=("/bin/check",))


def outdated(fpm):
    """Have php-fpm run, and its binary be replaced; return the master."""
    master = fpm.run()
    fpm.replace()
    return master


@pytest.fixture
def old(fpm):
    """Return the master of a running php-fpm whose binary has been replaced."""
    return outdated(fpm)


def scene():
    """Return a host, a php-fpm that runs there, and its master, whose binary has been replaced."""
    host = FakeHost()
    fpm = FakeFpm(host)
    return host, fpm, outdated(fpm)


def smooth(host, fpm, old):
    """Upgrade with nothing in the way."""
    upgrade(PHP_FPM, host)


def asserts_old_serves(fpm, old):
    """Assert that the old master serves as before, and nobody else is there."""
    assert [old.pid] == fpm.serving()
    assert [old] == [master for master in fpm.masters if fpm.alive(master)]
    assert old.pid == fpm.named()
    assert {} == fpm.host.copies


def asserts_new_serves(fpm, old):
    """Assert that another master serves alone, on the sockets of the old one."""
    (new,) = [master for master in fpm.masters if fpm.alive(master)]
    assert old is not new
    assert [new.pid] == fpm.serving()
    assert new.pid == fpm.named()
    assert old.sockets == new.sockets
    assert fpm.host.file_id(fpm.service.daemon) == new.exe_id
    assert {} == fpm.host.copies
    family = {new.pid, *(worker.pid for worker in fpm.workers(new))}
    assert family == set(fpm.host.processes)


def test_takeover(host, fpm, old):
    """A new master serves on the old one's sockets, and then the old one goes."""
    workers = [worker.pid for worker in fpm.workers(old)]

    upgrade(PHP_FPM, host)

    asserts_new_serves(fpm, old)
    pids = [(sig, pid) for _, pid, sig in host.sent]
    assert [
        ("SIGSTOP", old.pid),
        ("SIGKILL", old.pid),
        *(("SIGQUIT", pid) for pid in workers),
    ] == pids


ODD = SURROUNDINGS.replace(
    environment={"DSN": "x", "FPM_SOCKETS": "/old=3"},
    limits={"RLIMIT_NOFILE": (777, 888)},
    nice=5,
    cgroups={"": "/mine"},
)


def launched_in(host):
    """Return the surroundings of the daemon that was launched."""
    starts = [child.start for child in host.children_started]
    (given,) = [start["surroundings"] for start in starts if "surroundings" in start]
    return given


def test_surroundings_are_handed_on(host, fpm, old):
    """The new master has those of the old one, whoever calls."""
    old.surroundings = ODD

    upgrade(PHP_FPM, host)

    asserts_new_serves(fpm, old)
    given = launched_in(host)
    assert "x" == given.environment["DSN"]
    assert "/old" not in given.environment["FPM_SOCKETS"]
    assert ODD == given.replace(environment=ODD.environment)
    assert (1024, 4096) == host.descriptor_limit
    assert not [line for line in host.told if "does not have" in line]


def test_surroundings_that_are_withheld(host, fpm, old):
    """Those that the kernel refuses are named in one notice."""
    host.withholds = ["nice -5", "cgroup :/mine"]

    upgrade(PHP_FPM, host)

    (new,) = [master for master in fpm.masters if fpm.alive(master)]
    notice = f"master {new.pid} does not have the old master's nice -5; cgroup :/mine"
    assert 1 == host.told.count(notice)


def test_recovery_has_no_old_surroundings(host, fpm):
    """A dead master has left none: the new one gets those of a start, and our own limit."""
    master = fpm.run()
    for worker in fpm.workers(master):
        worker.surroundings = ODD
    host.end(master)

    start(PHP_FPM, host)

    given = launched_in(host)
    assert (0, (1024, 4096)) == (given.nice, given.limits["RLIMIT_NOFILE"])
    assert "DSN" not in given.environment
    assert (1024, 4096) == host.descriptor_limit


def test_old_workers_may_finish(host, fpm, old):
    """They have the drain timeout for what they have begun."""
    fpm.drain = 45

    upgrade(PHP_FPM, host)

    asserts_new_serves(fpm, old)
    assert 45 < host.now < 46


def test_drain_has_its_end(host, fpm, old):
    """A worker that a kept connection holds gets TERM."""
    fpm.drain = 1000

    upgrade(PHP_FPM, host)

    asserts_new_serves(fpm, old)
    assert ["SIGQUIT", "SIGQUIT", "SIGTERM", "SIGTERM"] == [sig for _, _, sig in host.sent[2:]]


def written_by(fpm, workers):
    """Have workers write a line each to both streams; return the log."""
    for worker in workers:
        fpm.host.write_line(worker, b"a line", 1)
        fpm.host.write_line(worker, b"another", 2)
    return fpm.host.files[fpm.error_log].text


def test_output_of_old_workers(host, fpm):
    """What old workers write while they finish is no error, and is logged as before."""
    fpm.catches, fpm.drain = True, 50
    old = outdated(fpm)
    workers = fpm.workers(old)
    text = []
    host.at(30, lambda: text.append(written_by(fpm, workers)))

    upgrade(PHP_FPM, host)

    first, second = (worker.pid for worker in workers)
    head = "[now] WARNING: [pool www] child"
    assert [
        f'{head} {first} said into stdout: "a line"',
        f'{head} {first} said into stderr: "another"',
        f'{head} {second} said into stdout: "a line"',
        f'{head} {second} said into stderr: "another"',
    ] == text[0].splitlines()
    assert [False, False] == [worker.broken for worker in workers]


def test_plain_output_of_old_workers(host, fpm):
    """With decorate_workers_output = no it is logged as it is."""
    fpm.catches, fpm.drain = True, 50
    old = outdated(fpm)
    host.files[PHP_FPM.config].text += "decorate_workers_output = no\n"
    workers = fpm.workers(old)[:1]
    text = []
    host.at(30, lambda: text.append(written_by(fpm, workers)))

    upgrade(PHP_FPM, host)

    assert ["a line\nanother\n"] == text


def test_output_of_workers_that_cannot_be_seen(host, fpm):
    """Without CAP_SYS_PTRACE it is no error either, and logged without the worker's name."""
    fpm.catches, fpm.drain, host.traces = True, 50, False
    old = outdated(fpm)
    workers = fpm.workers(old)[:1]
    text = []
    host.at(30, lambda: text.append(written_by(fpm, workers)))

    upgrade(PHP_FPM, host)

    head = "[now] WARNING: an old child said:"
    assert [f'{head} "a line"\n{head} "another"\n'] == text
    assert not workers[0].broken


def test_output_that_cannot_be_read_on(host, fpm):
    """If the pipes of old workers cannot be read on, that is said, and the upgrade is done."""
    fpm.catches, host.cannot_relay = True, "Too many open files"
    old = outdated(fpm)

    upgrade(PHP_FPM, host)

    asserts_new_serves(fpm, old)
    assert [
        "nothing reads what 2 old workers write, which is an error to them: Too many open files"
    ] == host.told


def test_no_output_to_read_on(host, fpm, old):
    """Where php-fpm reads no pipes, none is read on."""
    host.cannot_relay = "it was tried"

    upgrade(PHP_FPM, host)

    assert ({}, []) == (host.relayed, host.told)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"started": Run(code=78, output="ERROR: no pool")}, "ended with code 78: no pool"),
        ({"started": Run(seconds=1000)}, "waited 30 s"),
        ({"silent": True}, "waited 30 s"),
        ({"count": 0}, "waited 30 s"),
    ],
)
def test_new_master_that_does_not_come_up(host, fpm, old, facts, reason):
    """The old one has not noticed, and the reason is told."""
    vars(fpm).update(facts)

    with pytest.raises(Reverted, match=f"Upgrade failed! .*{reason}.*serves as before"):
        upgrade(PHP_FPM, host)

    asserts_old_serves(fpm, old)


def test_new_master_that_dies(host, fpm, old):
    """One that dies as soon as it is up is no success, and the pidfile is put right."""
    host.at(0.08, lambda: host.end(fpm.masters[-1]))

    with pytest.raises(Reverted, match="died"):
        upgrade(PHP_FPM, host)

    assert old.pid == fpm.named()
    assert fpm.alive(old)
    assert old.pid in fpm.serving()


def test_both_dead(host, fpm, old):
    """With the old master dead too there is neither forward nor back."""
    fpm.started = Run(code=78)
    host.at(0, lambda: host.end(old))

    with pytest.raises(RollbackFailed, match="is dead"):
        upgrade(PHP_FPM, host)


@pytest.fixture
def check(host):
    """Return how the administrator's check runs, to be changed."""
    run = Run()
    host.programs["/bin/check"] = lambda _argv: run
    host.put("/bin/check", mode=0o755)
    return run


def test_check(host, fpm, old, check):
    """A check that succeeds is the last thing before the old one goes."""
    upgrade(CHECKED, host)

    asserts_new_serves(fpm, old)
    assert ["/bin/check"] == [argv for argv, *_ in host.spawned if "-tt" not in argv][-1]


def test_failed_check(host, fpm, old, check):
    """A check that fails brings the pidfile back to the old master."""
    check.code = 1

    with pytest.raises(Reverted, match="UPGRADE_CHECK '/bin/check' ended with 1"):
        upgrade(CHECKED, host)

    asserts_old_serves(fpm, old)


def test_output_of_new_workers(host, fpm, check):
    """The new workers of an upgrade that has failed may write, too, until they have finished."""
    fpm.catches, fpm.drain, check.code = True, 50, 1
    outdated(fpm)
    left = []

    def write():
        everybody = host.processes.values()
        left.extend(one for one in everybody if one.pipes and not fpm.alive(one.pipes[1]))
        written_by(fpm, left)

    host.at(30, write)
    with pytest.raises(Reverted, match="serves as before"):
        upgrade(CHECKED, host)

    assert [False, False] == [worker.broken for worker in left]
    assert 4 == host.files[fpm.error_log].text.count("WARNING")


def test_question_beside_the_test(host, fpm, old):
    """The configuration is asked for while it is tested."""
    fpm.tested = Run(seconds=0.5)
    ran = []

    def program(argv):
        ran.append((host.now, argv[1]))
        return fpm.program(argv)

    host.programs[PHP_FPM.daemon] = program

    upgrade(PHP_FPM, host)

    assert [(0, "--test"), (0, "-tt")] == ran[:2]


def test_bad_configuration(host, fpm, old):
    """Nothing is started on a configuration that both binaries refuse."""
    fpm.tested = Run(code=78, output="ERROR: no pool")
    host.programs[f"/proc/{old.pid}/exe"] = fpm.program

    with pytest.raises(ConfigTestFailed, match=r"not upgrading due to .*: no pool"):
        upgrade(PHP_FPM, host)

    asserts_old_serves(fpm, old)


def test_sockets_that_cannot_be_copied(host, fpm, old):
    """Where the kernel refuses, the service is untouched: 3."""
    host.copyable = False

    with pytest.raises(Unimplemented, match="use restart or reload to replace the binary"):
        upgrade(PHP_FPM, host)

    asserts_old_serves(fpm, old)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"unit": "php-fpm.service"}, "systemctl restart php-fpm.service"),
        ({"forked": False}, "runs in the foreground"),
        ({"forked": False, "ppid": 50}, "runs in the foreground, its parent is pid 50"),
    ],
)
def test_supervised(host, fpm, old, facts, reason):
    """A master that somebody waits for is not replaced behind his back: 3."""
    vars(old).update(facts)
    host.put("/run/systemd/system", kind="dir")

    with pytest.raises(Unimplemented, match=reason):
        upgrade(PHP_FPM, host)

    asserts_old_serves(fpm, old)


def test_lost_pidfile_is_repaired(host, fpm, old):
    """The new master's pidfile is right, whatever the old one's was."""
    del host.files[PHP_FPM.pidfile]

    upgrade(PHP_FPM, host)

    asserts_new_serves(fpm, old)


def test_unfinished_takeover_is_finished(host, fpm, old):
    """A second master that a killed script has left is proven, and the first let go."""
    fpm.boot(old.sockets)
    host.sleep(0.2)

    upgrade(PHP_FPM, host)

    asserts_new_serves(fpm, old)
    assert [f"finished the upgrade that was under way: master {fpm.masters[-1].pid} serves"] == (
        host.told
    )


def unfinished():
    """Return the scene of a takeover that a killed script has left, on a busy host."""
    host, fpm, old = scene()
    fpm.boot(old.sockets)
    host.sleep(0.2)
    host.stopping = 0.05
    return host, fpm, old


@at_every_look(unfinished, smooth)
def test_reloaded_while_a_takeover_is_finished(number, host, fpm, old):
    """A signal from outside has the new master become another process: that is not ended."""
    new = fpm.masters[-1]
    host.before_look(number, lambda: fpm.alive(new) and fpm.usr2(new))
    try:
        upgrade(PHP_FPM, host)
    except RollbackFailed:  # both are left
        assert [] == host.sent
    host.sleep(1)

    assert fpm.masters[-1].pid in fpm.serving()
    assert fpm.alive(old) == (not host.sent)


def test_unfinished_takeover_with_a_lost_pidfile(host, fpm, old):
    """The pidfile names the master that stays."""
    fpm.boot(old.sockets)
    host.sleep(0.2)
    fpm.write_pid(old)

    upgrade(PHP_FPM, host)

    asserts_new_serves(fpm, old)


def test_binary_replaced_while_a_takeover_is_finished(host, fpm, old):
    """A binary that comes while a takeover is finished is taken over to as well."""
    fpm.boot(old.sockets)  # its workers are to run for a moment
    fpm.drain = 10
    host.at(0.05, fpm.replace)

    upgrade(PHP_FPM, host)

    asserts_new_serves(fpm, old)
    assert 3 == len(fpm.masters)


@at_every_look(scene, smooth)
def test_interrupted_at_any_look(number, host, fpm, old):
    """Told to end at any look: forward to the end, or back, and never in between."""
    host.before_look(number, lambda: setattr(host, "interrupted_by", "SIGTERM"))
    try:
        upgrade(PHP_FPM, host)
    except (Interrupted, Reverted) as exc:
        if "upgrade is done" not in str(exc):
            asserts_old_serves(fpm, old)
            return
        host.sleep(1)
        asserts_new_serves(fpm, old)
    else:
        asserts_new_serves(fpm, old)


def interrupted(host, fpm, then=lambda _child: None):
    """Upgrade, and be told to end when a new binary has been started, which hangs.

    then: ``then(child)`` happens at that moment, too.
    """

    def begin(child):
        host.interrupted_by = "SIGTERM"
        then(child)

    host.programs[PHP_FPM.daemon] = lambda argv: (
        fpm.program(argv) if argv[1] in ("--test", "-tt") else Run(seconds=999, begin=begin)
    )
    with pytest.raises(Reverted):
        upgrade(PHP_FPM, host)


def interrupted_as_the_new_one_comes_up(number, host, fpm, old, infancy):
    """Be told to end, and have the new master come up at a look after that; none is killed."""
    born = []

    def then(child):
        def come_up():
            command = host.processes.get(child.pid)
            if command and command.state != "T":
                master = fpm.new_master(sockets=child.start["sockets"], ppid=command.pid)
                fpm.write_pid(master)
                fpm.new_workers(master, infancy=infancy)
                born.extend(fpm.workers(master))
                host.at(0.001, lambda: host.end(command))

        host.before_look(number, come_up)

    interrupted(host, fpm, then)

    asserts_old_serves(fpm, old)
    killed = {pid for _, pid, sig in host.sent if sig == "SIGKILL"}
    assert not killed.intersection(worker.pid for worker in born)


@at_every_look(scene, lambda host, fpm, _: interrupted(host, fpm))
def test_interrupted_as_the_new_one_comes_up(number, host, fpm, old):
    """Workers born while it is taken back may hold requests: none of them is killed."""
    interrupted_as_the_new_one_comes_up(number, host, fpm, old, infancy=0)


@at_every_look(scene, lambda host, fpm, _: interrupted(host, fpm))
def test_interrupted_as_the_new_one_has_newborn_workers(number, host, fpm, old):
    """A worker that has its master's title still is not taken for a master."""
    interrupted_as_the_new_one_comes_up(number, host, fpm, old, infancy=0.002)


def serving_orphans(fpm):
    """Return the workers that serve without a master."""
    return [one for one in fpm.host.processes.values() if one.ppid == 1 and not one.retired]


# After these nothing is noticed any more. It is recorded by the takeover, and by the action.
LAST = 2 + 2 * looks_of_recording(PHP_FPM, scene)


@at_every_look(scene, smooth)
def test_death_between_any_two_looks(number, host, fpm, old):
    """A new master may die between any two looks: it is noticed, but for the last ones.

    Its workers, where they are all that serves, are left alone.
    """
    dead = []

    def die():
        if fpm.masters[-1] is not old:
            dead.append(host.looks)
            host.end(fpm.masters[-1])

    host.before_look(number, die)
    try:
        upgrade(PHP_FPM, host)
    except Reverted:
        asserts_old_serves(fpm, old)
    except RollbackFailed:
        assert [] != serving_orphans(fpm)
    else:
        assert all(look >= host.looks - LAST for look in dead)


class Killed(BaseException):
    """The script was killed: nothing of it runs any more."""


def killed():
    """Stand for SIGKILL."""
    raise Killed


@at_every_look(scene, smooth)
def test_killed_at_any_look_and_run_again(number, host, fpm, old):
    """A script that is killed at any look leaves what the next upgrade finishes."""
    host.before_look(number, killed)
    with pytest.raises(Killed):
        upgrade(PHP_FPM, host)
    host.bury_script()
    host.sleep(1)

    upgrade(PHP_FPM, host)

    asserts_new_serves(fpm, old)


# Recovery


@pytest.fixture(params=["nginx", "fpm"])
def daemon(request):
    """Return an nginx, and then a php-fpm."""
    return request.getfixturevalue(request.param)


def test_recovery(host, daemon):
    """A new master serves on the sockets of the orphans, which then finish."""
    master = daemon.run()
    orphans = daemon.workers(master)
    host.end(master)

    start(daemon.service, host)

    new = daemon.masters[-1]
    assert [new.pid] == daemon.serving()
    assert master.sockets == new.sockets
    assert 1 == new.ppid
    assert not [orphan for orphan in orphans if daemon.alive(orphan)]
    assert {} == host.copies
    assert all(child.closed for child in host.children_started)


@pytest.mark.parametrize("facts", [{"started": Run(code=1)}, {"count": 0}, {"silent": True}])
def test_recovery_that_fails(host, daemon, facts):
    """The orphans serve on, and nothing of what was started is left."""
    master = daemon.run()
    orphans = daemon.workers(master)
    host.end(master)
    vars(daemon).update(facts)

    pids = ", ".join(str(orphan.pid) for orphan in orphans)
    with pytest.raises(InitError, match=f"; workers without a master still serve: pids {pids}$"):
        start(daemon.service, host)

    assert {orphan.pid for orphan in orphans} == set(host.processes)
    assert {} == host.copies


def test_recovery_of_many_that_fails(host, nginx):
    """However many orphans serve, the message has one line."""
    nginx.count = 40
    host.end(nginx.run())
    nginx.started = Run(code=1)

    with pytest.raises(InitError, match=r"still serve: pids (\d+, ){8}\.\.\.$"):
        start(NGINX, host)


def test_no_recovery_without_sockets(host, nginx):
    """Orphans that hold no socket are nothing to start on."""
    master = nginx.run()
    for process in host.processes.values():
        process.sockets = {}
    orphans = nginx.workers(master)
    host.end(master)

    assert not recover(NGINX, [orphan.id for orphan in orphans], host)
    assert [] == host.spawned


def test_no_recovery_of_who_inherits_nothing(host, nginx):
    """A daemon that cannot be told of sockets is started in the plain way."""
    master = nginx.run()
    orphans = [worker.id for worker in nginx.workers(master)]
    host.end(master)

    assert not recover(NGINX.replace(inherit=None), orphans, host)


def test_orphans_are_known_by_their_sockets(host, nginx):
    """With the pidfile gone too, workers on the service's own address are its orphans."""
    master = nginx.run()
    orphans = nginx.workers(master)
    nginx.term = None
    del host.files[NGINX.pidfile]
    host.end(master)

    assert tuple(orphan.id for orphan in orphans) == take_snapshot(NGINX, host).orphans


@pytest.mark.parametrize("facts", [{"place": "0.0.0.0:81"}, {"copyable": False}])
def test_workers_elsewhere_are_no_orphans(host, nginx, facts):
    """Workers on another address, or none that we may see, are somebody else's."""
    nginx.place = facts.get("place", nginx.place)
    host.copyable = facts.get("copyable", True)
    master = nginx.run()
    del host.files[NGINX.pidfile]
    host.end(master)

    assert () == take_snapshot(NGINX, host).orphans


def test_new_master_that_dies_during_the_check(host, fpm, old):
    """The old one has answered the check, so that says nothing: it serves as before."""
    host.put("/bin/check", mode=0o755)
    host.programs["/bin/check"] = lambda _argv: Run(seconds=1)
    host.at(0.5, lambda: host.end(fpm.masters[-1]))

    with pytest.raises(Reverted, match="died"):
        upgrade(CHECKED, host)

    assert [old] == [master for master in fpm.masters if fpm.alive(master)]
    assert old.pid == fpm.named()


def test_new_master_that_was_stopped(host, fpm, old):
    """A script that was about to end it was killed: it is woken before it is the service."""
    new = fpm.new_master(sockets=old.sockets)
    fpm.write_pid(new)
    fpm.new_workers(new, infancy=0)
    host.sleep(0.01)
    new.state = "T"
    host.put(PHP_FPM.oldbin, f"{old.pid}\n")

    start(PHP_FPM, host)

    assert ("S", [new]) == (new.state, [m for m in fpm.masters if fpm.alive(m)])


def test_workers_that_may_not_be_signalled(host, fpm, old):
    """They have another user than their master: that is seen before anything is done."""
    host.euid = 0
    host.kills = {0}  # no CAP_KILL: only root's own

    with pytest.raises(NotPermitted):
        upgrade(PHP_FPM, host)

    asserts_old_serves(fpm, old)


def loses_its_path_in_the_check(host, fpm):
    """Upgrade; while the check runs, somebody's TERM ends the new master, and it takes its path."""
    host.put("/bin/check", mode=0o755)

    def check(_argv):
        host.files.pop(fpm.place)
        host.end(fpm.masters[-1])
        return Run(code=1)

    host.programs["/bin/check"] = check

    with pytest.raises(RollbackFailed, match=f"no client reaches {fpm.place}"):
        upgrade(CHECKED, host)


def test_new_master_takes_the_path_with_it(host, fpm, old):
    """On TERM from somebody else a new master removes the socket's path: that is no 150."""
    loses_its_path_in_the_check(host, fpm)


def test_old_master_takes_the_path_with_it(host, fpm, old):
    """On TERM from somebody else the old master removes the socket's path: it is made anew."""
    host.put("/bin/check", mode=0o755)

    def check(_argv):
        if fpm.alive(old):
            host.files.pop(fpm.place)
            host.end(old)
        return Run()

    host.programs["/bin/check"] = check

    upgrade(CHECKED, host)

    assert f"no client reaches {fpm.place}: its socket" in "".join(host.told)
    assert fpm.place in host.files
    assert [fpm.masters[-1].pid] == fpm.serving()


def test_unfinished_takeover_whose_new_master_takes_the_path_with_it(host, fpm, old):
    """What is said of the old master was seen before and after: its path is gone."""
    fpm.boot(old.sockets)
    host.sleep(1)
    loses_its_path_in_the_check(host, fpm)


@pytest.mark.parametrize("misses", [1, 2])
def test_new_master_that_a_look_misses(host, fpm, monkeypatch, misses):
    """What executes itself anew, as another process, may be missed: no other stands for it."""
    old = fpm.run()
    new, other = fpm.boot(old.sockets), fpm.boot(old.sockets)  # what another old one has become
    host.sleep(0.2)
    whole = handover.wait_until_stable
    looks = []

    def look(*args, **options):
        looks.append(whole(*args, **options))
        if len(looks) > misses:
            return looks[-1]
        return looks[-1].replace(master=other.id, old_master=None, others=())

    monkeypatch.setattr(handover, "wait_until_stable", look)

    handover.retire_others(PHP_FPM, [old.id], lambda: [new.id], host)

    assert [new.id] == [one.id for one in fpm.masters if fpm.alive(one)]


def test_new_master_that_its_lineage_misses(host, fpm):
    """The same where it was missed among what the start has made."""
    old = fpm.run()
    new, _other = fpm.boot(old.sockets), fpm.boot(old.sockets)
    host.sleep(0.2)
    missed = [[]]

    handover.retire_others(PHP_FPM, [old.id], lambda: missed.pop() if missed else [new.id], host)

    assert [new.id] == [one.id for one in fpm.masters if fpm.alive(one)]


def test_binary_that_is_replaced_once_more(host, fpm, monkeypatch):
    """Ours runs the one before, beside what somebody's reload has made: ours stays."""
    old = fpm.run()
    whole = handover.retire
    new = []

    def retire(service, master, host):
        left = whole(service, master, host)
        if not new:
            new.extend(one for one in fpm.masters if one is not old and fpm.alive(one))
            fpm.replace()
            fpm.boot(new[0].sockets)
            host.sleep(0.2)
        return left

    monkeypatch.setattr(handover, "retire", retire)

    upgrade(PHP_FPM, host)

    assert [new[0].id] == [one.id for one in fpm.masters if fpm.alive(one)]
