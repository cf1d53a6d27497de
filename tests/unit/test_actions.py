from __future__ import annotations

import pytest
from daemons import FakeFpm, FakeNginx
from fakes import FakeHost, Run
from moments import looks

from initpy.actions.configtest import check_configuration
from initpy.actions.reload import force_reload, reload
from initpy.actions.reopen import reopen
from initpy.actions.restart import restart, try_restart
from initpy.actions.start import start
from initpy.actions.stop import force_quit, stop
from initpy.actions.upgrade import upgrade
from initpy.control.lock import lock_path
from initpy.control.record import record_running
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import (
    Busy,
    ConfigTestFailed,
    InitError,
    Interrupted,
    NotInstalled,
    NotPermitted,
    NotRunning,
    Unimplemented,
    WaitTimeout,
)
from initpy.schedule import parse_schedule

CHANGING = [
    start,
    stop,
    force_quit,
    restart,
    try_restart,
    reload,
    force_reload,
    reopen,
    check_configuration,
]


def sent(host):
    """Return the names of the signals that were sent, in order."""
    return [sig for _, _, sig in host.sent]


def masters(host, daemon):
    """Return the live masters."""
    return [master for master in daemon.masters if daemon.alive(master)]


# start


def test_start(host, nginx):
    """It returns when the master is up, its pidfile is right and workers serve."""
    start(NGINX, host)

    (master,) = masters(host, nginx)
    assert master.pid == nginx.named()
    assert [master.pid] == nginx.serving()


def test_start_tests_the_configuration_first(host, nginx):
    """The daemon's own test comes before the daemon."""
    start(NGINX, host)

    config = ["-c", NGINX.config]
    commands = [argv[1:] for argv, _, _ in host.spawned if argv[1] != "-V"]
    assert [["-t", "-q", *config], config] == commands


def test_start_of_the_running(host, nginx):
    """Running already is success, and nothing is done."""
    nginx.run()

    start(NGINX, host)

    assert ([], [], []) == (host.spawned, host.sent, host.told)


def test_start_beside_a_new_binary_that_hangs(host, nginx):
    """A new binary that hangs, of an upgrade whose .oldbin is lost, is told."""
    master = nginx.run()
    nginx.replace("freezes")
    nginx.usr2(master)
    host.sleep(0.1)
    host.remove(NGINX.oldbin)

    start(NGINX, host)

    assert master.pid == nginx.named()
    hung = nginx.masters[-1]
    told = f"an upgrade is unfinished, its new {NGINX.daemon} hangs (pid {hung.pid})"
    assert told == host.told[-1]


@pytest.mark.parametrize("kind", [FakeNginx, FakeFpm])
def test_start_while_another_program_starts_it(kind):
    """Whenever a second script starts the daemon, one master serves, and that is success."""

    def scene():
        host = FakeHost()
        return host, kind(host)

    for number in range(looks(scene, lambda host, daemon: start(daemon.service, host))):
        start_beside_a_rival(number, *scene())


def start_beside_a_rival(number, host, daemon):
    rivals = []
    host.before_look(number, lambda: rivals.append(daemon.boot()))

    start(daemon.service, host)

    (master,) = masters(host, daemon)
    assert ([master.pid], master.pid) == (daemon.serving(), daemon.named())
    if rivals[0] is not None:  # it found no socket in its way
        assert master is rivals[0]
        ends = {"SIGTERM", "SIGQUIT", "SIGKILL"}
        assert not ends & {sig for _, pid, sig in host.sent if pid == master.pid}


def test_start_beside_a_rival_with_the_same_path(host, fpm):
    """Two php-fpm may both bind one path: ours gives way, and the other's gets the path back."""

    def begin(child):
        fpm.put_in_background(
            host.processes[child.pid], child.start["sockets"], "good", child.finish
        )
        rivals.append(fpm.new_master())  # its socket has taken the path
        host.at(0.03, lambda: fpm.come_up(rivals[0]), by=rivals[0])

    def program(argv):
        return Run(seconds=999, begin=begin) if "--daemonize" in argv else fpm.program(argv)

    rivals = []
    host.programs[PHP_FPM.daemon] = program

    start(PHP_FPM, host)

    assert [rivals[0]] == masters(host, fpm)
    assert [rivals[0].pid] == fpm.serving()


def test_start_beside_a_rival_that_fails():
    """A second one that has its title, finds no address free and ends takes nothing from ours."""

    def scene():
        host = FakeHost()
        return host, FakeFpm(host)

    for number in range(looks(scene, lambda host, _: start(PHP_FPM, host))):
        start_beside_a_failing_rival(number, *scene())


def start_beside_a_failing_rival(number, host, fpm):
    def fail():
        rival = host.add(title=fpm.title, exe=PHP_FPM.daemon, forked=True)
        host.at(0.01, lambda: host.end(rival), by=rival)

    host.before_look(number, fail)

    start(PHP_FPM, host)

    (master,) = masters(host, fpm)
    assert [master.pid] == fpm.serving()


def test_start_repairs_a_lost_pidfile(host, nginx):
    """A running service that has lost its pidfile gets it back."""
    master = nginx.run()
    del host.files[NGINX.pidfile]

    start(NGINX, host)

    assert master.pid == nginx.named()
    assert [] == host.spawned


def test_start_after_a_crash(host, nginx):
    """A new master takes over from the orphans of a dead one, which is said."""
    master = nginx.run()
    orphans = nginx.workers(master)
    host.end(master)

    start(NGINX, host)

    assert [] == [orphan for orphan in orphans if nginx.alive(orphan)]
    assert 1 == len(nginx.serving())
    pids = ", ".join(str(orphan.pid) for orphan in orphans)
    (new,) = masters(host, nginx)
    assert [
        f"master {new.pid} took over from the workers of a dead master: pids {pids}"
    ] == host.told
    assert master.sockets == new.sockets


def test_start_after_a_crash_without_a_takeover(host, nginx):
    """Where sockets cannot be copied the orphans are ended first, which is said."""
    master = nginx.run()
    record_running(NGINX, host)
    pids = ", ".join(str(orphan.pid) for orphan in nginx.workers(master))
    host.end(master)
    host.copyable = False

    start(NGINX, host)

    assert [nginx.masters[-1].pid] == nginx.serving()
    assert host.told[0].endswith(f"terminating the workers of a dead master: pids {pids}")


def test_start_after_a_crash_without_a_takeover_and_a_record(host, nginx):
    """Orphans that cannot be judged are left alone, which is said, and they keep the port."""
    master = nginx.run()
    workers = nginx.workers(master)
    host.end(master)
    host.copyable = False

    with pytest.raises(InitError, match="Address already in use"):
        start(NGINX, host)

    assert all(map(nginx.alive, workers))
    assert "whether they are this service's cannot be told" in host.told[0]


def test_start_of_one_that_just_comes_up(host, nginx):
    """Somebody else's start is waited for, until workers serve."""
    nginx.boot()
    host.sleep(0.006)

    start(NGINX, host)

    assert 1 == len(nginx.serving())
    assert [] == host.spawned


@pytest.mark.parametrize(("late", "up"), [(31, True), (1000, False)])
def test_start_of_one_that_comes_up_late(host, nginx, late, up):
    """What has hung for so long may come up during the test: only what still hangs is ended."""
    other = nginx.new_master(forked=False)
    other.argv = tuple(NGINX.command(NGINX.start_args))
    host.at(late, lambda: nginx.come_up(other), by=other)
    nginx.tested = Run(seconds=3.0)

    start(NGINX, host)

    assert up == nginx.alive(other)
    assert [nginx.masters[-1].pid] == nginx.serving()


def test_start_with_a_bad_configuration(host, nginx):
    """Nothing is started that would not come up: 6."""
    nginx.tested = Run(code=1, output="unexpected }")

    with pytest.raises(ConfigTestFailed) as caught:
        start(NGINX, host)

    assert "unexpected }" == caught.value.output
    assert [] == nginx.masters


def test_start_of_the_missing(host):
    """What is not installed is not started: 5."""
    with pytest.raises(NotInstalled):
        start(NGINX, host)


def test_start_marks_the_service(host, nginx):
    """Red Hat's rc finds that it was started, where it looks for that."""
    host.put("/var/lock/subsys", kind="dir")

    start(NGINX, host)

    assert NGINX.subsys in host.files


def test_start_makes_the_runtime_directory(host, fpm):
    """After a boot on a tmpfs the pidfile's directory is made."""
    start(PHP_FPM, host)

    assert "dir" == host.files["/run/php"].kind


def test_start_without_a_test(host, nginx):
    """A daemon that has no test of its configuration is started all the same."""
    start(NGINX.replace(test_args=None), host)

    assert 1 == len(nginx.serving())


def test_start_removes_what_is_stale(host, nginx):
    """A pidfile of a dead master does not stand in the way."""
    host.put(NGINX.pidfile, "99999\n")
    host.put(NGINX.oldbin, "99998\n")

    start(NGINX, host)

    assert nginx.masters[0].pid == nginx.named()
    assert NGINX.oldbin not in host.files


# stop


def test_stop(host, nginx):
    """One QUIT ends it all, and neither process nor pidfile is left."""
    master = nginx.run()

    stop(NGINX, host)

    assert [(0, master.pid, "SIGQUIT")] == host.sent
    assert {} == host.processes
    assert NGINX.pidfile not in host.files


def test_stop_of_the_stopped(host, nginx):
    """Stopped already is success; a stale pidfile and Red Hat's lock are removed."""
    host.put(NGINX.pidfile, "99999\n")
    host.put(NGINX.subsys)

    stop(NGINX, host)

    assert [] == host.sent
    assert not {NGINX.pidfile, NGINX.subsys} & set(host.files)


def test_stop_of_the_missing(host, nginx):
    """A running master whose binary is gone is still stopped."""
    nginx.run()
    del host.files[NGINX.daemon]

    stop(NGINX, host)

    assert {} == host.processes


def test_stop_waits_for_requests(host, nginx):
    """Requests are finished as long as the schedule allows."""
    nginx.run()
    nginx.drain = 20

    stop(NGINX, host)

    assert 20 < host.now < 21
    assert ["SIGQUIT"] == sent(host)


def test_stop_obeys_the_whole_schedule(host, nginx):
    """What does not listen is killed in the end, workers too."""
    master = nginx.run()
    pids = sorted([master.pid, *(worker.pid for worker in nginx.workers(master))])
    for process in host.processes.values():
        process.on.clear()

    stop(NGINX, host)

    assert [(0, master.pid, "SIGQUIT"), (30, master.pid, "SIGTERM")] == host.sent[:2]
    assert [(35, pid, "SIGKILL") for pid in pids] == sorted(host.sent[2:])


def test_force_quit(host, nginx):
    """The quick schedule cuts requests."""
    nginx.run()
    nginx.drain = 20

    force_quit(NGINX, host)

    assert ["SIGTERM"] == sent(host)
    assert host.now < 1


def test_stop_by_another_schedule(host, nginx):
    """A schedule can be given."""
    nginx.run()

    stop(NGINX, host, schedule=parse_schedule("INT/5"))

    assert ["SIGINT"] == sent(host)


def test_stop_in_an_upgrade(host, nginx):
    """Both masters of an unfinished upgrade are stopped."""
    old = nginx.run()
    nginx.usr2(old)
    host.sleep(0.1)

    stop(NGINX, host)

    assert {} == host.processes
    assert not {NGINX.pidfile, NGINX.oldbin} & set(host.files)


def test_stop_in_a_hung_handover(host, nginx):
    """A new binary that hangs before its pidfile does not outlive a stop."""
    old = nginx.run()
    nginx.replace("freezes")
    nginx.usr2(old)
    host.sleep(0.5)

    stop(NGINX, host)

    assert {} == host.processes


def test_stop_of_what_is_started_again(host, nginx):
    """Who is started again as soon as it ends is ended for its timeout; then it is said by whom."""
    service = NGINX.replace(timeout=3.0)
    supervisor = host.add(title="runsv nginx")

    def begin():
        master = nginx.new_master(ppid=supervisor.pid)
        nginx.write_pid(master)
        nginx.new_workers(master)
        master.at_end.append(begin)

    begin()
    with pytest.raises(InitError, match=rf"pid {supervisor.pid} \(runsv nginx\) restarts it"):
        stop(service, host)

    assert 3 <= host.now <= 4


def test_stop_of_workers_that_are_made_again(host, nginx):
    """So it is of workers: a script may make new ones, with the sockets of the service."""
    service = NGINX.replace(timeout=3.0, stop=parse_schedule("TERM/0.5/KILL/5"))
    start(service, host)
    script = host.add(title="sh evil.sh")
    host.end(host.processes[nginx.named()])

    (first, *_) = [one for one in host.processes.values() if one.title.startswith("nginx: ")]
    facts = {field: getattr(first, field) for field in ("title", "exe", "session", "uid")}
    sockets = dict(first.sockets)

    def make():
        new = host.add(ppid=script.pid, sockets=dict(sockets), **facts)
        new.at_end.append(make)

    first.at_end.append(make)

    with pytest.raises(InitError, match=rf"pid {script.pid} \(sh evil.sh\) restarts it"):
        stop(service, host)

    assert 3 <= host.now <= 4


def test_stop_without_patience(host, nginx):
    """Who was there before the stop was not started again, however little time there is."""
    service = NGINX.replace(timeout=0.0)
    others = [nginx.run(), nginx.run(), nginx.run()]

    stop(service, host)

    assert not any(nginx.alive(master) for master in others)


def test_stop_ends_orphans(host, nginx):
    """Workers without a master are part of the service."""
    master = nginx.run()
    host.end(master)

    stop(NGINX, host)

    assert {} == host.processes


def test_stop_leaves_others_alone(host, nginx):
    """Another instance of the same binary, and a stranger with our pidfile's number, live on."""
    other = nginx.new_master(title=f"nginx: master process {NGINX.daemon} -c /etc/other.conf")
    nginx.new_workers(other, infancy=0)
    stranger = host.add(777, argv=("/bin/sleep", "600"), exe="/bin/sleep")
    host.put(NGINX.pidfile, "777\n")
    before = dict(host.processes)

    stop(NGINX, host)

    assert [] == host.sent
    assert before == host.processes
    assert nginx.alive(stranger)


def test_worker_orphaned_in_between_is_ended_too(host, nginx):
    """A worker that is born while its master is killed does not escape."""
    master = nginx.run()
    for process in host.processes.values():
        process.on.clear()
    master.at_end.append(
        lambda: host.add(
            title=nginx.worker,
            exe=NGINX.daemon,
            session=master.session,
            sockets=dict(master.sockets),
        )
    )

    stop(NGINX, host)

    assert {} == host.processes


def test_stop_without_a_lock(host, nginx):
    """A full disk does not make a service unstoppable."""
    nginx.run()
    host.unwritable[lock_path(NGINX)] = InitError("no space left")

    stop(NGINX, host)

    assert {} == host.processes
    assert ["going on without a lock: no space left"] == host.told


def test_stop_as_nobody(host, nginx):
    """Whoever may not signal it is told so: 4, never "already stopped"."""
    nginx.run()
    host.euid = 33

    with pytest.raises(NotPermitted):
        stop(NGINX, host)

    assert 1 == len(nginx.serving())


def test_stop_without_the_right_to_signal_workers(host, fpm):
    """Without CAP_KILL no signal was sent: it serves on, and nothing takes it for ending."""
    fpm.run()
    host.kills = {0}

    with pytest.raises(NotPermitted):
        stop(PHP_FPM, host)

    assert [] == host.sent
    reload(PHP_FPM, host)
    assert 1 == len(fpm.serving())


def test_stop_interrupted(host, nginx):
    """Told to end while requests are finished, it gives up the wait."""
    nginx.run()
    nginx.drain = 20
    host.at(5, lambda: setattr(host, "interrupted_by", "SIGINT"))

    with pytest.raises(Interrupted):
        stop(NGINX, host)

    assert host.now < 6


def test_unstoppable(host, nginx):
    """What outlives KILL is told after the whole schedule."""
    nginx.run()
    host.end = lambda process: None

    with pytest.raises(WaitTimeout, match=r"waited 5 s for .*nginx processes"):
        stop(NGINX, host)


# restart


def test_restart(host, nginx):
    """Another master serves afterwards."""
    old = nginx.run()

    restart(NGINX, host)

    (new,) = masters(host, nginx)
    assert old is not new
    assert [new.pid] == nginx.serving()


def test_restart_of_the_stopped(host, nginx):
    """A stopped service is started."""
    restart(NGINX, host)

    assert 1 == len(nginx.serving())


@pytest.mark.parametrize("action", [restart, try_restart])
def test_restart_with_a_bad_configuration(host, nginx, action):
    """It is left alone if it would not come up again."""
    master = nginx.run()
    nginx.tested = Run(code=1, output="unexpected }")

    with pytest.raises(ConfigTestFailed):
        action(NGINX, host)

    assert [master.pid] == nginx.serving()
    assert [] == host.sent


def test_restart_of_the_stopped_with_a_bad_configuration(host, nginx):
    """Nothing is started, and no trace left."""
    nginx.tested = Run(code=1, then=lambda: host.put(NGINX.pidfile))

    with pytest.raises(ConfigTestFailed):
        restart(NGINX, host)

    assert NGINX.pidfile not in host.files


def test_restart_interrupted_after_stop_still_starts(host, nginx):
    """Once it is being stopped, being told to end does not leave it stopped."""
    nginx.run()
    nginx.drain = 10
    host.at(5, lambda: setattr(host, "interrupted_by", "SIGTERM"))

    restart(NGINX.replace(restart_by=None), host)

    assert 1 == len(nginx.serving())


def test_restart_interrupted_while_the_old_workers_finish(host, nginx):
    """The new master serves, and the old workers are not waited for any longer."""
    nginx.run()
    nginx.drain = 10
    host.at(5, lambda: setattr(host, "interrupted_by", "SIGTERM"))

    with pytest.raises(Interrupted, match=r"restart is done, master \d+ serves; SIGTERM while"):
        restart(NGINX, host)

    assert 1 == len(nginx.serving())


def test_restart_without_a_test(host, nginx):
    """A daemon that has no test is restarted untested."""
    nginx.run()

    restart(NGINX.replace(test_args=None), host)

    assert 1 == len(nginx.serving())


def test_try_restart(host, nginx):
    """What runs is restarted."""
    old = nginx.run()

    try_restart(NGINX, host)

    assert not nginx.alive(old)
    assert 1 == len(nginx.serving())


def test_try_restart_of_the_stopped(host, nginx):
    """What is stopped stays so, and that is success."""
    try_restart(NGINX, host)

    assert [] == nginx.masters


# reload and reopen


@pytest.mark.parametrize("action", [reload, force_reload])
def test_reload(host, nginx, action):
    """A new generation of workers serves under the same master."""
    master = nginx.run()
    old = nginx.workers(master)

    action(NGINX, host)

    assert [master.pid] == nginx.serving()
    assert not [worker for worker in old if worker.title == nginx.worker]
    assert ["SIGHUP"] == sent(host)


@pytest.mark.parametrize("action", [reload, force_reload, reopen])
def test_stopped_is_7(host, nginx, action):
    """There is nobody to tell."""
    with pytest.raises(NotRunning):
        action(NGINX, host)


@pytest.mark.parametrize(("action", "field"), [(reload, "reload"), (reopen, "reopen")])
def test_undeclared_is_3(host, nginx, action, field):
    """What a daemon cannot do is not asked of it."""
    nginx.run()

    with pytest.raises(Unimplemented):
        action(NGINX.replace(**{field: None}), host)

    assert [] == host.sent


def test_force_reload_restarts_what_cannot_reload(host, nginx):
    """Without a reload it is a restart."""
    old = nginx.run()

    force_reload(NGINX.replace(reload=None), host)

    assert not nginx.alive(old)
    assert 1 == len(nginx.serving())


def test_force_reload_of_the_stopped_that_cannot_reload(host, nginx):
    """LSB has it as for reload: 7."""
    with pytest.raises(NotRunning):
        force_reload(NGINX.replace(reload=None), host)


def test_reload_with_a_bad_configuration(host, nginx):
    """Nothing is signalled, in the words that operators know."""
    nginx.run()
    nginx.tested = Run(code=1, output="unexpected }")

    with pytest.raises(
        ConfigTestFailed, match="not reloading due to configuration syntax error"
    ) as caught:
        reload(NGINX, host)

    assert "unexpected }" == caught.value.output
    assert [] == host.sent


def test_reload_in_an_upgrade(host, nginx):
    """Which of the two masters is meant nobody can know: it is told what to do."""
    old = nginx.run()
    nginx.usr2(old)
    host.sleep(0.1)

    with pytest.raises(InitError, match=f"master {old.pid} still serves: finish it with upgrade"):
        reload(NGINX, host)

    assert [] == host.sent


def test_reload_repairs_a_lost_pidfile(host, fpm):
    """A php-fpm needs its pidfile in a reload."""
    fpm.run()
    host.put(PHP_FPM.pidfile, kind="link")

    reload(PHP_FPM, host)

    assert fpm.masters[-1].pid == fpm.named()
    assert "restored" in host.told[0]


def test_reload_as_nobody(host, nginx):
    """The right to signal is looked at before the configuration."""
    nginx.run()
    host.euid = 33

    with pytest.raises(NotPermitted):
        reload(NGINX, host)

    assert [] == host.spawned


def test_reopen(host, nginx):
    """USR1 has the logs opened anew."""
    master = nginx.run()

    reopen(NGINX, host)

    assert [(0, master.pid, "SIGUSR1")] == host.sent


@pytest.mark.parametrize("action", [start, reload])
def test_workers_of_a_killed_old_master(host, nginx, action):
    """An old master that was killed in an upgrade leaves workers, which may finish, and .oldbin."""
    old = nginx.run()
    nginx.usr2(old)
    host.sleep(0.1)
    orphans = nginx.workers(old)
    host.end(old)

    action(NGINX, host)

    assert not [orphan for orphan in orphans if nginx.alive(orphan)]
    assert [nginx.masters[-1].pid] == nginx.serving()
    assert NGINX.oldbin not in host.files


# configtest


def test_configtest_of_the_running(host, nginx):
    """A running service is tested without its lock."""
    nginx.run()
    host.lock(lock_path(NGINX))

    check_configuration(NGINX, host)

    assert ["-t"] == [argv[1] for argv, _, _ in host.spawned]


def test_configtest_of_the_stopped_leaves_no_trace(host, nginx):
    """What the daemon's test has written is removed."""
    nginx.tested = Run(then=lambda: host.put(NGINX.pidfile))

    check_configuration(NGINX, host)

    assert NGINX.pidfile not in host.files
    assert {} == host.locks


def test_configtest_as_nobody(host, nginx):
    """Who may not signal it may not test it: the daemon would fail on its own log."""
    nginx.run()
    host.euid = 33

    with pytest.raises(NotPermitted):
        check_configuration(NGINX, host)

    assert [] == host.spawned


# All of them


@pytest.mark.parametrize("action", CHANGING)
def test_busy(host, nginx, action):
    """While another action holds the lock, none changes anything: 152."""
    if action is not check_configuration:
        nginx.run()
    host.lock(lock_path(NGINX))

    with pytest.raises(Busy):
        action(NGINX, host)

    assert ([], []) == (host.sent, host.spawned)


@pytest.mark.parametrize("action", CHANGING)
def test_lock_is_freed(host, nginx, action):
    """No action leaves its lock behind."""
    nginx.run()

    action(NGINX, host)

    assert {} == host.locks


class Killed(BaseException):
    """The script was killed: nothing of it runs any more."""


def killed():
    """Stand for SIGKILL."""
    raise Killed


@pytest.mark.parametrize("action", [start, stop, restart, reload])
def test_killed_at_any_look_and_run_again(action):
    """Whatever a killed script has left, the next one carries on from."""

    def scene():
        host = FakeHost()
        nginx = FakeNginx(host)
        if action is not start:
            nginx.run()
        return host, nginx

    for number in range(looks(scene, lambda host, _: action(NGINX, host))):
        kill_and_run_again(number, action, *scene())


def kill_and_run_again(number, action, host, nginx):
    host.before_look(number, killed)
    with pytest.raises(Killed):
        action(NGINX, host)
    host.bury_script()
    try:
        action(NGINX, host)
    except NotRunning:
        assert reload is action

    assert (0 if action is stop else 1) == len(nginx.serving())


def cut_short(host, nginx, master):
    """Have a stop of *master* be interrupted before it sees it end."""
    nginx.drain = 20
    host.at(1, lambda: setattr(host, "interrupted_by", "SIGINT"))
    with pytest.raises(Interrupted):
        stop(NGINX, host)
    host.interrupted_by = ""


def test_start_finishes_a_stop_that_was_cut_short(host, nginx):
    """A master that is on its way out is none to keep: it ends, and another one serves."""
    old = nginx.run()
    cut_short(host, nginx, old)

    start(NGINX, host)

    (new,) = masters(host, nginx)
    assert old is not new
    assert ["finishing an interrupted stop, then starting"] == host.told


def test_start_finishes_no_stop_if_nothing_would_come_after_it(host, nginx):
    """Its configuration is bad: the old master may finish its requests."""
    old = nginx.run()
    cut_short(host, nginx, old)
    nginx.tested = Run(code=1, output="unexpected }")

    with pytest.raises(ConfigTestFailed):
        start(NGINX, host)

    assert ["SIGQUIT"] == sent(host)


@pytest.mark.parametrize("action", [reload, reopen, upgrade])
def test_nothing_is_asked_of_a_master_that_a_stop_has_told_to_end(host, nginx, action):
    """It is as good as stopped, which is said."""
    cut_short(host, nginx, nginx.run())

    with pytest.raises(NotRunning, match="finish it with start or stop"):
        action(NGINX, host)

    assert ["SIGQUIT"] == sent(host)


def test_start_of_another_master_than_the_doomed(host, nginx):
    """What a stop has told to end is gone: who runs by now is left alone."""
    cut_short(host, nginx, nginx.run())
    host.sleep(30)
    new = nginx.run()

    start(NGINX, host)

    assert [new] == masters(host, nginx)
    assert [] == host.told
