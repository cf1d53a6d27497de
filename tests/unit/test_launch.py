from __future__ import annotations

import os
import sys

import pytest
from fakes import FakeHost, Run

from initpy.actions.restart import restart
from initpy.actions.start import start
from initpy.control.run import start_daemon
from initpy.control.starting.launch import Launch, launch
from initpy.control.starting.lineage import is_started
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import InitError, NotInstalled, NotPermitted, SettingsError, WaitTimeout
from initpy.host import HERE
from initpy.host.programs import launcher
from initpy.host.wait import wait_until
from initpy.protocols.sockets.inherit import InheritedSockets

PLAIN = NGINX.replace(master_title=None, worker_titles=(), upgrade=None)


def test_master_is_returned(host, nginx):
    """What comes back is the master, which serves, and all else that its start has left running."""
    started = launch(NGINX, host)

    assert nginx.masters[0].id == started.master
    assert {worker.id for worker in nginx.workers(nginx.masters[0])} == set(started.helpers)
    assert [started.master.pid] == nginx.serving()
    assert all(child.closed for child in host.children_started)


def test_output_is_sealed(host, nginx):
    """What the daemon says is not kept for ever: its logs may lead to its standard output."""
    with Launch(NGINX, host) as launched:
        assert launched._child.sealed
        launched.commit()


def test_nice_level_and_limits_are_handed_down(host, nginx):
    """The daemon is started as the administrator has set it."""
    launch(NGINX.replace(nice=5, limits={"RLIMIT_NOFILE": (9, 9)}), host)

    assert (5, {"RLIMIT_NOFILE": (9, 9)}) == host.spawned[-1][1:]


@pytest.mark.parametrize(("code", "how"), [(1, "code 1"), (-11, "signal 11")])
def test_daemon_that_ends_with_an_error(host, nginx, code, how):
    """Its end is noticed at once, with its own words."""
    nginx.started = Run(code=code, output="bind() failed", seconds=0.01)

    with pytest.raises(InitError, match=f"{NGINX.daemon} ended with {how}") as caught:
        launch(NGINX, host)

    assert "bind() failed" == caught.value.output
    assert host.now < 0.1


def test_daemon_that_hangs(host, nginx):
    """One that never comes up is ended again at the deadline."""
    nginx.started = Run(seconds=1000)

    with pytest.raises(WaitTimeout, match="waited 30 s for nginx to come up"):
        launch(NGINX, host)

    assert {} == host.processes


def test_master_without_a_pidfile(host, nginx):
    """A pidfile that is not written is told, and everything taken back."""
    nginx.silent = True

    with pytest.raises(WaitTimeout, match="does its configuration name this file"):
        launch(NGINX, host)

    assert {} == host.processes


def test_master_without_workers(host, nginx):
    """A master whose workers do not come is ended again."""
    nginx.count = 0

    with pytest.raises(WaitTimeout, match="for the workers of master"):
        launch(NGINX, host)

    assert {} == host.processes


def test_workers_on_demand(host, fpm):
    """A php-fpm may well serve without a worker, if its configuration says so."""
    fpm.count = 0
    host.files[PHP_FPM.config].text = "[www]\npm = ondemand\n"

    started = launch(PHP_FPM, host)

    assert fpm.masters[0].id == started.master


def starts_by(fpm, seconds):
    """Have php-fpm be started by a process that ends after so many seconds."""

    def program(argv):
        if "-tt" in argv:
            return fpm.program(argv)
        begin = lambda child: fpm.boot(child.start["sockets"], ppid=child.parent)  # noqa: E731
        return Run(seconds=seconds, begin=begin)

    fpm.host.programs[PHP_FPM.daemon] = program


def test_parent_that_lingers(host, fpm):
    """While who has put it in the background lives, the master would seem to be supervised."""
    starts_by(fpm, seconds=0.5)

    started = launch(PHP_FPM, host)

    assert [started.master.pid] == fpm.serving()
    assert 0.5 <= host.now <= 0.6


def test_parent_that_exits(host, fpm):
    """It is the parent until it has exited: its binary is gone a moment before."""

    def begin(child):
        launcher = host.processes[child.pid]
        fpm.boot(child.start["sockets"], ppid=child.pid)
        host.at(0.1, lambda: setattr(launcher, "exe", None))

    def program(argv):
        return fpm.program(argv) if "-tt" in argv else Run(seconds=0.5, begin=begin)

    host.programs[PHP_FPM.daemon] = program

    started = launch(PHP_FPM, host)

    assert 1 == host.look(started.master.pid).ppid
    assert 0.5 <= host.now <= 0.6


def test_parent_that_stays(host, fpm):
    """Of a daemon that is never upgraded it does not matter."""
    starts_by(fpm, seconds=999)

    launch(PHP_FPM.replace(upgrade=None), host)

    assert host.now < 1


def test_empty_pidfile_is_not_yet(host, nginx):
    """The pidfile is created, then written: that is waited out."""
    nginx.booting = 2
    host.at(0.02, lambda: host.put(NGINX.pidfile))

    started = launch(NGINX, host)

    assert nginx.masters[0].id == started.master


def test_not_installed(host):
    """What is not there cannot be started."""
    with pytest.raises(NotInstalled):
        launch(PLAIN.replace(background=True), host)

    with pytest.raises(NotInstalled):
        launch(PLAIN, host)


@pytest.fixture
def plain(host, nginx):
    """Return how a daemon comes up that tells nothing of itself."""
    host.put(sys.executable, mode=0o755)
    born = []

    def boot(child):
        born.append(host.add(exe=NGINX.daemon, argv=(NGINX.daemon,), ppid=child.parent))
        host.put(NGINX.pidfile, f"{born[0].pid}\n")

    host.programs[sys.executable] = lambda _argv: Run(seconds=0.05, begin=boot)
    return born


def test_daemon_that_cannot_background_itself(host, plain):
    """One that stays in the foreground is put in the background by python-daemon."""
    started = launch(PLAIN.replace(background=True), host)

    argv = host.spawned[0][0]
    assert plain[0].id == started.master
    assert [sys.executable, "-IS", "-c"] == argv[:3]
    assert [NGINX.pidfile, NGINX.daemon] == argv[4:6]


def test_working_directory_that_is_missing(host):
    """It is said in a sentence, and nothing is left."""
    with pytest.raises(InitError, match=r"its working directory cannot be entered: No such file"):
        start_daemon(PLAIN.replace(daemon="/bin/true", directory="/nowhere"), ["/bin/true"], HERE)


def test_user_is_handed_down(host, nginx):
    """The daemon is started as the user whom its declaration names, and so is its test."""
    service = NGINX.replace(user="www-data", directory="/srv", umask=0o027)

    child = start_daemon(service, [NGINX.daemon, "-c"], host)

    process = host.processes[child.pid]
    assert (33, "/srv") == (process.uid, process.cwd)
    assert 0o027 == process.surroundings.umask
    assert "/home/www-data" == process.surroundings.environment["HOME"]


def test_directories_of_a_start(host, nginx):
    """What is declared is made; what belongs to another user stays, and that is told."""
    host.put("/srv/cache", kind="dir", mode=0o700, uid=33)
    folders = {"/run/web": 0o2750, "/srv/cache": 0o755}

    start(NGINX.replace(directories=folders), host)

    made, others = host.files["/run/web"], host.files["/srv/cache"]
    assert [(0, 0o2750), (33, 0o700)] == [(one.uid, one.mode) for one in (made, others)]
    assert ["/srv/cache belongs to www-data, and stays as it is"] == host.told


def test_user_of_a_caller_without_rights(host, nginx):
    """Only root can start a daemon as another user: 4."""
    host.euid = 1000

    with pytest.raises(NotPermitted, match="only root can start a program as the user www-data"):
        start_daemon(NGINX.replace(user="www-data"), [NGINX.daemon], host)

    assert [] == host.spawned


@pytest.mark.parametrize("action", [start, restart])
def test_unknown_user(host, nginx, action):
    """A user that does not exist is 6, and nothing is stopped or started."""
    running = [master.id for master in nginx.masters] if action is start else [nginx.run().id]

    with pytest.raises(SettingsError, match="user 'nobodi': the user nobodi does not exist"):
        action(NGINX.replace(user="nobodi"), host)

    assert [] == host.spawned
    assert all(map(host.alive, running))


def test_daemon_that_tells_nothing_must_last(host, plain):
    """Ended as soon as it was up is not up."""
    host.at(0.1, lambda: host.end(plain[0]))

    with pytest.raises(InitError, match="ended as soon as it was up"):
        launch(PLAIN.replace(background=True), host)


def test_daemon_that_dies_before_it_is_seen(host, plain):
    """One that was gone before we could look is told at once."""
    gone = Run(seconds=0.05, then=lambda: host.put(NGINX.pidfile, "999\n"))
    host.programs[sys.executable] = lambda _argv: gone

    with pytest.raises(InitError, match="has gone to the background, and ended there"):
        launch(PLAIN.replace(background=True), host)

    assert host.now < 1


@pytest.mark.parametrize("old", ["", "[emerg] 1#1: an old line\n"])
def test_daemon_that_ends_in_the_background(host, nginx, old):
    """One whose parent was content is missed at once, and its log says why: what is new there."""
    path = "/var/log/nginx/error.log"
    host.files[NGINX.config].text = f"error_log {path};"
    if old:
        host.put(path, old)

    def fail():
        if not old:
            host.put(path)
        host.files[path].text += "[crit] 1#1: full\n"

    def begin(child):
        late = host.add(exe=NGINX.daemon, ppid=child.parent)
        host.at(0.1, fail)
        host.at(0.2, lambda: host.end(late))

    host.programs[NGINX.daemon] = lambda _argv: Run(seconds=0.01, begin=begin)

    with pytest.raises(InitError, match=f"ended there: {path} says: full$"):
        launch(NGINX, host)

    assert host.now < 0.3
    assert {} == host.processes


def test_ready_command(host, nginx):
    """A service's own check is asked until it succeeds."""
    host.put("/bin/ping", mode=0o755)
    runs = iter([Run(code=1), Run(code=1), Run()])
    host.programs["/bin/ping"] = lambda _argv: next(runs)

    launch(NGINX.replace(ready=("/bin/ping",)), host)

    assert [] == list(runs)


def test_ready_command_that_never_succeeds(host, nginx):
    """A service that never gets ready is ended again."""
    host.put("/bin/ping", mode=0o755)
    host.programs["/bin/ping"] = lambda _argv: Run(code=1)

    with pytest.raises(WaitTimeout, match="for ready '/bin/ping' to succeed, it ended with 1"):
        launch(NGINX.replace(ready=("/bin/ping",)), host)

    assert {} == host.processes


# What a start has started that failed


def starts(host, born):
    """Have nginx be a program that does ``born(child)`` as it starts, and nothing else."""
    host.programs[NGINX.daemon] = lambda _argv: Run(seconds=999, begin=born)


def test_script_that_executes_another_binary(host, nginx):
    """A script in the daemon's place is that in the end, which serves: it is ours by lineage."""

    def program(_argv):
        def begin(child):
            master = nginx.boot(ppid=child.parent, exe="/opt/nginx/sbin/nginx")
            master.title = nginx.title.replace(NGINX.daemon, "/opt/nginx/sbin/nginx")

        return Run(seconds=0.01, begin=begin)

    nginx.title = nginx.title.replace(NGINX.daemon, "/opt/nginx/sbin/nginx")
    host.programs[NGINX.daemon] = program

    started = launch(NGINX, host)

    assert nginx.masters[0].id == started.master


def test_failed_start_of_a_fork_with_other_titles(host, nginx):
    """Whatever it calls itself, all of it is gone when the start has failed."""

    def born(child):
        master = host.add(title="tengine: master", ppid=child.parent)
        for _ in range(2):
            host.add(title="tengine: worker", ppid=master.pid)

    starts(host, born)

    with pytest.raises(WaitTimeout):
        launch(NGINX, host)

    assert {} == host.processes


def test_failed_start_that_forks_on_and_on(host, nginx):
    """What forks while it is ended is ended, too."""

    def born(child):
        def fork(process):
            again = host.add(title="again", ppid=child.launcher.pid)
            again.at_end.append(lambda: len(host.processes) < 9 and host.now < 31 and fork(again))

        fork(None)

    starts(host, born)

    with pytest.raises(WaitTimeout):
        launch(NGINX, host)

    assert {} == host.processes


def test_failed_start_spares_who_was_there(host, nginx):
    """What has not descended from it is left alone: another instance, and the old master."""
    old, stranger = nginx.run(), host.add(title="sleep 1000", exe="/bin/sleep")
    before = set(host.processes)
    starts(host, lambda child: host.add(title=nginx.title, exe=NGINX.daemon, ppid=child.parent))

    with pytest.raises(WaitTimeout), Launch(NGINX, host, beside=[old.id]):
        pass

    assert before == set(host.processes)
    assert host.processes[stranger.pid] is stranger


def test_parent_exits_between_two_looks():
    """A daemon that is going to the background is ours, whenever its parent exits."""
    for number in range(6):
        host = FakeHost()
        host.put(NGINX.daemon, mode=0o755)
        host.programs[NGINX.daemon] = lambda _argv: Run(seconds=999)
        child = host.launch([NGINX.daemon])
        parent = host.add(ppid=child.pid)
        master = host.add(ppid=parent.pid)
        other = host.add(ppid=host.add(ppid=1).pid)
        host.before_look(number, lambda host=host, parent=parent: host.end(parent))

        assert is_started(master.id, child, host), number
        assert not is_started(other.id, child, host)


def test_more_generations_than_calls_may_nest(host, nginx):
    """All of a failed start is ended, however long a line its processes make."""
    line = []

    def begin(child):
        line.append(child.parent)
        for _ in range(2 * sys.getrecursionlimit()):
            line.append(host.add(ppid=line[-1]).pid)

    host.programs[NGINX.daemon] = lambda _argv: Run(code=1, seconds=0.01, begin=begin)
    before = set(host.processes)

    with pytest.raises(InitError, match="ended with code 1"):
        launch(NGINX, host)

    assert before == set(host.processes)


def test_helper_of_a_start_is_told(host, nginx):
    """An extension's helper is none of a failed start: it is returned, to be recorded."""
    helpers = []

    def begin(child):
        nginx.boot(ppid=child.parent)
        helpers.append(host.add(title="a helper", ppid=child.parent))

    host.programs[NGINX.daemon] = lambda _argv: Run(seconds=0.01, begin=begin)

    started = launch(NGINX, host)

    assert helpers[0].id in started.helpers
    assert host.processes[helpers[0].pid] is helpers[0]
    assert 1 == helpers[0].ppid


def test_master_that_ends_before_it_is_committed(host, fpm):
    """All that was started is ended then: nothing is left beside the old master."""
    old = fpm.run()
    before = set(host.processes)
    sockets = InheritedSockets(PHP_FPM, [old.id], host)

    with (
        pytest.raises(InitError, match="died as soon as it was up"),
        Launch(PHP_FPM, host, inheritance=sockets, beside=[old.id]) as started,
    ):
        host.end(next(master for master in fpm.masters if master is not old))
        started.commit()

    assert before == set(host.processes)


def test_script_that_is_killed_as_it_launches(tmp_path, monkeypatch):
    """The launcher lives on for a moment, so that the daemon has another parent than init."""
    told = tmp_path / "told"
    read = f"sleep 0.2; read -r _ _ _ parent _ < /proc/$$/stat; echo $parent > {told}"
    monkeypatch.setattr(launcher, "Launched", lambda *_: os._exit(0))
    script = os.fork()
    if script == 0:
        HERE.launch(["/bin/sh", "-c", read])
    os.waitpid(script, 0)

    wait_until(lambda: told.exists() and told.read_text(), within=5, host=HERE, what="the daemon")

    assert int(told.read_text()) not in (1, HERE.reaper())
