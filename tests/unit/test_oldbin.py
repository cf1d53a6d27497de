from __future__ import annotations

import pytest
from daemons import FakeNginx
from fakes import ALL_SIGNALS, FakeHost, Run
from moments import at_every_look, looks_of_recording

from initpy.actions.upgrade import upgrade
from initpy.control.stable import require_running
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import (
    ConfigTestFailed,
    HostError,
    InitError,
    Interrupted,
    NotInstalled,
    NotPermitted,
    NotRunning,
    Refused,
    Reverted,
    RollbackFailed,
    SettingsError,
    Unimplemented,
)

CHECKED = NGINX.replace(upgrade_check=("/bin/check", "now"))


def outdated(nginx):
    """Have nginx run, and its binary be replaced; return the master."""
    master = nginx.run()
    nginx.replace()
    return master


@pytest.fixture
def old(nginx):
    """Return the master of a running nginx whose binary has been replaced."""
    return outdated(nginx)


def scene():
    """Return a host, an nginx that runs there, and its master, whose binary has been replaced."""
    host = FakeHost()
    nginx = FakeNginx(host)
    return host, nginx, outdated(nginx)


def smooth(host, nginx, old):
    """Upgrade with nothing in the way."""
    upgrade(NGINX, host)


def asserts_old_serves(nginx, old):
    """Assert that the old master serves as before, and nobody else is there."""
    assert [old.pid] == nginx.serving()
    assert [old] == [master for master in nginx.masters if nginx.alive(master)]
    assert old.pid == nginx.named()
    assert nginx.service.oldbin not in nginx.host.files


def asserts_new_serves(nginx, old):
    """Assert that another master serves alone, on the binary on disk."""
    (new,) = [master for master in nginx.masters if nginx.alive(master)]
    assert old is not new
    assert [new.pid] == nginx.serving()
    assert new.pid == nginx.named()
    assert nginx.host.file_id(nginx.service.daemon) == new.exe_id
    assert nginx.service.oldbin not in nginx.host.files


def test_upgrade(host, nginx, old):
    """USR2, a moment of both, QUIT: then the new binary serves alone."""
    upgrade(NGINX, host)

    asserts_new_serves(nginx, old)
    assert [(0.0, old.pid, "SIGUSR2"), (0.11, old.pid, "SIGQUIT")] == host.sent


def test_lock_is_freed(host, nginx, old):
    """Afterwards the next action may go on."""
    upgrade(NGINX, host)

    assert {} == host.locks


def test_old_workers_may_finish(host, nginx, old):
    """The old master is waited for while its workers finish their requests."""
    nginx.drain = 45
    said = []
    host.progress = said.append

    upgrade(NGINX, host)

    asserts_new_serves(nginx, old)
    assert 45 < host.now < 46
    assert said[0].endswith("1 s")
    assert "old workers to finish" in said[0]


def test_drain_has_its_end(host, nginx, old):
    """What still works after the drain timeout is ended, and that is said."""
    nginx.drain = 1000

    upgrade(NGINX, host)

    asserts_new_serves(nginx, old)
    assert ["2 old workers had not finished after 60 s: terminated"] == host.told
    assert 60 < host.now < 61


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("fails", "ended before it was up"),
        ("late", "ended before it was up"),
        ("freezes", "waited 30 s for the new /usr/sbin/nginx to write /run/nginx.pid"),
        ("workerless", "waited 30 s for the workers of master"),
        ("dies", "died"),
    ],
)
def test_bad_binary_is_reverted(host, nginx, old, new, reason):
    """However the new binary fails, the old master serves as before, and the reason is told."""
    nginx.replace(new)

    with pytest.raises(Reverted, match=f"Upgrade failed! .*{reason}.*serves as before"):
        upgrade(NGINX, host)

    asserts_old_serves(nginx, old)


def test_worker_that_is_lost_is_reverted(host, nginx, old):
    """A new master whose workers do not last is not proven."""
    host.at(0.05, lambda: host.end(nginx.workers(nginx.masters[-1])[0]))

    with pytest.raises(Reverted, match=r"Upgrade failed! .*lost its workers.*serves as before"):
        upgrade(NGINX, host)

    asserts_old_serves(nginx, old)


def test_other_binary_is_reverted(host, nginx, old):
    """A new master that does not run what is on disk is not the new one."""
    own = nginx.new_master
    nginx.new_master = lambda **facts: own(**facts, exe_id=(1, -1))

    with pytest.raises(Reverted, match=r"does not run /usr/sbin/nginx.*serves as before"):
        upgrade(NGINX, host)

    asserts_old_serves(nginx, old)


def test_daemons_own_words_are_told(host, nginx, old):
    """What the old master's log has said since is handed up."""
    nginx.log(old, "[emerg] long ago")
    nginx.replace("fails")

    with pytest.raises(Reverted) as caught:
        upgrade(NGINX, host)

    said = f"2026/11/23 19:19:50 [emerg] {nginx.masters[-1].pid}#0: it cannot go on"
    assert said == caught.value.output


def test_failure_at_once_is_told_at_once(host, nginx, old):
    """A binary that cannot start costs milliseconds, not a deadline."""
    nginx.replace("fails")

    with pytest.raises(Reverted):
        upgrade(NGINX, host)

    assert host.now < 0.05


def test_ignored_usr2_is_reverted(host, nginx, old):
    """A master that ignores USR2 serves as before, and that is told after a second."""
    nginx.silent = True

    with pytest.raises(Reverted, match="ignored USR2"):
        upgrade(NGINX, host)

    asserts_old_serves(nginx, old)
    assert host.now < 1.1


@pytest.mark.parametrize("facts", [{"ppid": 50}, {"ppid": 0}])
def test_ignored_usr2_in_the_foreground(host, nginx, old, facts):
    """Under a supervisor, or as process 1, no upgrade is possible; it serves as before."""
    host.add(50, argv=("tini", "--", "nginx"))
    vars(old).update(facts, forked=False)
    nginx.silent = True

    with pytest.raises(Unimplemented, match=f"its parent, pid {facts['ppid']}, still runs"):
        upgrade(NGINX, host)

    asserts_old_serves(nginx, old)


def test_ignored_usr2_below_an_older_master(host, nginx, old):
    """A master that another one has started was not forked since either: it may work later."""
    host.add(50, exe=old.exe, exe_id=old.exe_id)
    vars(old).update(ppid=50, forked=False)
    nginx.silent = True

    with pytest.raises(Reverted, match="an older master has not ended"):
        upgrade(NGINX, host)


def test_old_master_that_dies_is_a_failed_rollback(host, nginx, old):
    """With the old master dead before the new one is up there is neither forward nor back."""
    nginx.replace("freezes")
    host.at(0.5, lambda: host.end(old))

    with pytest.raises(RollbackFailed, match=r"Upgrade failed! old master \d+ died; and "):
        upgrade(NGINX, host)

    assert [] == nginx.serving()


def test_old_master_that_ends_by_itself_leaves_the_new_one(host, nginx, old):
    """A script that was killed had told it to; the new one serves, and there is only forward."""
    host.on("SIGUSR2", lambda old: (nginx.hand_over(old), host.at(0.05, lambda: host.end(old))))

    upgrade(NGINX, host)

    asserts_new_serves(nginx, old)


def test_lost_oldbin_is_repaired(host, nginx, old):
    """With both masters up, an upgrade whose .oldbin is gone is finished all the same."""
    nginx.usr2(old)
    host.sleep(5)
    del host.files[NGINX.oldbin]

    upgrade(NGINX, host)

    asserts_new_serves(nginx, old)


def test_new_master_that_dies_after_quit_is_a_failed_rollback(host, nginx, old):
    """With the old master let go already there is no way back."""
    nginx.drain = 10
    host.at(5, lambda: host.end(nginx.masters[-1]))

    with pytest.raises(RollbackFailed, match="has quit already"):
        upgrade(NGINX, host)

    assert 5 <= host.now < 6


def test_pidfile_that_names_another_in_the_end_is_told(host, nginx, old):
    """An upgrade after which the pidfile leads elsewhere has not succeeded."""
    nginx.drain = 10
    stranger = FakeNginx(host).new_master

    def intrude():
        host.put(NGINX.pidfile, f"{stranger().pid}\n")

    host.at(5, intrude)

    with pytest.raises(RollbackFailed, match="does not name new master"):
        upgrade(NGINX, host)


@at_every_look(scene, smooth)
def test_handover_between_any_two_looks(number, host, nginx, old):
    """The rename may land between any two looks; the upgrade is none the worse."""

    def hand_over():
        nginx.hand_over(old)
        old.blocked = 0

    def begin(old):
        old.blocked = ALL_SIGNALS
        host.before_look(number, hand_over)

    host.on("SIGUSR2", begin)

    upgrade(NGINX, host)

    asserts_new_serves(nginx, old)


def test_new_master_that_dies_before_its_workers_have_titles(host, nginx, old):
    """They bear their master's title for a moment, and accept: the rollback ends them, too."""
    start_workers = nginx.new_workers

    def start_and_die(master, **facts):
        start_workers(master, infancy=0.3)
        if master is not old:
            for worker in nginx.workers(master):
                worker.uid, worker.forked = 33, True
            host.end(master)

    nginx.new_workers = start_and_die

    with pytest.raises(Reverted):
        upgrade(NGINX, host)

    asserts_old_serves(nginx, old)
    assert {old.pid} == {one.ppid for one in host.processes.values() if one is not old}


LAST = 2 + looks_of_recording(NGINX, scene)  # after which nothing is noticed any more


@at_every_look(scene, smooth)
def test_death_between_any_two_looks(number, host, nginx, old):
    """A new master may die between any two looks: it is noticed, but for the last ones.

    Its workers, where they are all that serves, are left alone.
    """
    dead = []

    def die():
        dead.append(host.looks)
        host.end(nginx.masters[-1])

    host.on("SIGUSR2", lambda old: (nginx.hand_over(old), host.before_look(number, die)))

    try:
        upgrade(NGINX, host)
    except Reverted:
        asserts_old_serves(nginx, old)
    except RollbackFailed:
        assert "SIGQUIT" == host.sent[-1][2]
        assert [] != [one for one in host.processes.values() if one.ppid == 1 and not one.retired]
    else:
        assert all(look >= host.looks - LAST for look in dead)


def test_interrupted_before_the_master_has_taken_usr2(host, nginx, old):
    """The way back waits until it has: the upgrade would begin after the script has left."""

    def be_slow(old):
        nginx.occupy(old, 2.0)
        host.at(1.9, lambda: nginx.hand_over(old), by=old)

    host.on("SIGUSR2", be_slow, old)
    host.at(0.5, lambda: setattr(host, "interrupted_by", "SIGINT"))

    with pytest.raises(Reverted, match="SIGINT"):
        upgrade(NGINX, host)

    assert host.now >= 2
    host.sleep(5)
    asserts_old_serves(nginx, old)


@at_every_look(scene, smooth)
def test_interrupted_at_any_look(number, host, nginx, old):
    """Told to end at any look: forward to the end, or back, and never in between."""
    host.before_look(number, lambda: setattr(host, "interrupted_by", "SIGTERM"))
    try:
        upgrade(NGINX, host)
    except Interrupted as exc:
        if "upgrade is done" not in str(exc):
            assert [] == host.sent
            asserts_old_serves(nginx, old)
            return
        host.sleep(1)
        asserts_new_serves(nginx, old)
    except Reverted:
        assert (0.0, old.pid, "SIGUSR2") == host.sent[0]
        asserts_old_serves(nginx, old)
    else:
        asserts_new_serves(nginx, old)


def test_killed_when_it_has_stopped_the_new_master(host, nginx, old):
    """A script that is killed in the middle of a rollback leaves nobody stopped for long."""
    nginx.hand_over(old)
    host.sleep(0.003)
    (new,) = (master for master in nginx.masters if master is not old)
    new.state = "T"

    upgrade(NGINX, host)

    assert host.now < 1
    asserts_new_serves(nginx, old)


@pytest.mark.parametrize(("sig", "served"), [("SIGUSR2", "old"), ("SIGQUIT", "new")])
def test_quit_is_the_point_of_no_return(host, nginx, old, sig, served):
    """Told to end before QUIT it goes back; after QUIT the old master goes on to its end."""
    own = old.on[sig]

    def interrupt(master):
        own(master)
        host.interrupted_by = "SIGINT"

    host.on(sig, interrupt, old)
    nginx.drain = 5

    if served == "old":
        with pytest.raises(Reverted, match="SIGINT while waiting"):
            upgrade(NGINX, host)
        asserts_old_serves(nginx, old)
    else:
        with pytest.raises(Interrupted, match=r"upgrade is done, master \d+ serves; SIGINT"):
            upgrade(NGINX, host)
        assert {} == host.locks
        host.sleep(6)
        asserts_new_serves(nginx, old)


class Killed(BaseException):
    """The script was killed: nothing of it runs any more."""


def killed():
    """Stand for SIGKILL."""
    raise Killed


@at_every_look(scene, smooth)
def test_killed_at_any_look_and_run_again(number, host, nginx, old):
    """A script that is killed at any look leaves what the next upgrade finishes."""
    host.before_look(number, killed)
    with pytest.raises(Killed):
        upgrade(NGINX, host)
    host.bury_script()

    upgrade(NGINX, host)

    asserts_new_serves(nginx, old)


@at_every_look(scene, lambda host, *_: require_running(NGINX, host, thorough=True))
def test_upgrade_at_any_look_at_what_runs(number, host, nginx, old):
    """The master may heed the USR2 of a killed script, and the new one be up, at any look."""

    def be_upgraded():
        nginx.hand_over(old)
        new = nginx.masters[-1]
        new.blocked, new.title = 0, nginx.title
        nginx.write_pid(new)
        nginx.new_workers(new, infancy=0)

    host.before_look(number, be_upgraded)

    upgrade(NGINX, host)

    asserts_new_serves(nginx, old)
    assert [one for one in host.told if "restored" in one] == []


@pytest.mark.parametrize("moment", [0.003, 0.05, 2])
def test_unfinished_upgrade_is_finished(host, nginx, old, moment):
    """An upgrade that somebody else has begun is carried on, without another USR2."""
    nginx.usr2(old)
    host.sleep(moment)

    upgrade(NGINX, host)

    asserts_new_serves(nginx, old)
    assert ["SIGQUIT"] == [sig for _, _, sig in host.sent]
    new = nginx.masters[-1]
    assert [f"finished the upgrade that was under way: master {new.pid} serves"] == host.told


def test_unfinished_upgrade_to_an_older_binary_goes_back(host, nginx, old):
    """One that leads to a binary which is no longer on disk is undone."""
    nginx.usr2(old)
    host.sleep(0.05)
    nginx.replace()

    with pytest.raises(Reverted, match="does not run /usr/sbin/nginx"):
        upgrade(NGINX, host)

    asserts_old_serves(nginx, old)


def test_binary_replaced_while_an_upgrade_is_finished(host, nginx, old):
    """A binary that comes while an upgrade is finished is upgraded to as well."""
    nginx.usr2(old)
    host.sleep(0.02)  # its workers are to run for a moment yet
    nginx.drain = 5
    host.at(0.05, nginx.replace)

    upgrade(NGINX, host)

    asserts_new_serves(nginx, old)
    assert ["SIGQUIT", "SIGQUIT", "SIGUSR2", "SIGQUIT"] == [sig for _, _, sig in host.sent]


def test_unfinished_upgrade_that_fails_is_reverted(host, nginx, old):
    """One whose new master hangs is undone."""
    nginx.replace("freezes")
    nginx.usr2(old)
    host.sleep(0.05)

    with pytest.raises(Reverted):
        upgrade(NGINX, host)

    asserts_old_serves(nginx, old)


def test_log_that_cannot_be_read(host, nginx, old, monkeypatch):
    """The new master hangs, and why is not known: it is undone all the same."""
    nginx.replace("freezes")
    whole = host.read_from

    def read_from(path, *args, **options):
        if path.endswith("error.log") or "/fd/" in path:
            raise HostError("read", OSError(5, "Input/output error"))
        return whole(path, *args, **options)

    monkeypatch.setattr(host, "read_from", read_from)

    with pytest.raises(Reverted, match="its log cannot be read"):
        upgrade(NGINX, host)

    asserts_old_serves(nginx, old)


def test_stopped_service_is_7(host, nginx):
    """There is nothing to upgrade in a stopped service."""
    with pytest.raises(NotRunning):
        upgrade(NGINX, host)


def test_not_ours_to_signal_is_4(host, nginx, old):
    """EPERM comes before anything is tried."""
    host.euid = 33
    old.uid = 0

    with pytest.raises(NotPermitted):
        upgrade(NGINX, host)

    assert [] == host.spawned


def test_daemon_that_cannot_is_3(host, fpm):
    """A daemon that declares no upgrade is left alone."""
    fpm.run()

    with pytest.raises(Unimplemented):
        upgrade(PHP_FPM.replace(upgrade=None), host)

    assert [] == host.sent


def test_nothing_on_disk_is_5(host, nginx, old):
    """Without a binary on disk there is nothing to upgrade to."""
    del host.files[NGINX.daemon]

    with pytest.raises(NotInstalled):
        upgrade(NGINX, host)

    assert [] == host.sent


@pytest.mark.parametrize("argv0", ["nginx", "./nginx", "/opt/nginx"])
def test_wrong_argv0_is_told_before_usr2(host, nginx, old, argv0):
    """A master that would execute something else is left alone, with that sentence."""
    old.title = f"nginx: master process {argv0} -c {NGINX.config}"

    with pytest.raises(Reverted, match=f"was started as '{argv0}'"):
        upgrade(NGINX, host)

    assert [] == host.sent


def test_bad_configuration_is_6(host, nginx, old):
    """A configuration that both binaries refuse is the configuration's fault."""
    nginx.tested = Run(code=1, output="unexpected }")
    host.programs[f"/proc/{old.pid}/exe"] = nginx.program

    with pytest.raises(ConfigTestFailed, match="not upgrading due to") as caught:
        upgrade(NGINX, host)

    assert "unexpected }" == caught.value.output
    assert [] == host.sent


def test_same_binary_is_not_asked_twice(host, nginx):
    """With the same binary on disk a failed test has only one cause."""
    nginx.run()
    nginx.tested = Run(code=1, output="unexpected }")

    with pytest.raises(ConfigTestFailed):
        upgrade(NGINX, host)

    assert 1 == len(host.spawned)


@pytest.mark.parametrize(
    "tested", [Run(code=1, output="unknown directive"), Run(seconds=1000), Run(code=-11)]
)
def test_new_binary_that_fails_the_test_is_reverted(host, nginx, old, tested):
    """A test that the running binary passes is the new binary's fault: 150, nothing signalled."""
    nginx.tested = tested
    host.programs[f"/proc/{old.pid}/exe"] = lambda _argv: Run()

    with pytest.raises(Reverted, match="fails the test that the running one passes") as caught:
        upgrade(NGINX, host)

    assert tested.output == caught.value.output
    assert [] == host.sent


def test_binary_that_cannot_be_executed_is_reverted(host, nginx, old):
    """A file that the kernel will not execute is the new binary's fault."""

    def refused(argv):
        raise Refused("it", OSError(8, "Exec format error"))

    host.programs[NGINX.daemon] = refused
    host.programs[f"/proc/{old.pid}/exe"] = lambda _argv: Run()

    with pytest.raises(Reverted, match="Exec format error"):
        upgrade(NGINX, host)

    assert [] == host.sent


def test_lost_pidfile_is_repaired_first(host, nginx, old):
    """Without a pidfile nginx abandons an upgrade, so it gets one."""
    del host.files[NGINX.pidfile]

    upgrade(NGINX, host)

    asserts_new_serves(nginx, old)
    assert [f"restored {NGINX.pidfile}: it names the master, pid {old.pid} (it was missing)"] == (
        host.told
    )


def test_deadly_signal_is_not_sent(host, nginx, old):
    """A master that would die of USR2 does not get it."""
    old.caught = 0

    with pytest.raises(InitError, match="does not catch SIGUSR2"):
        upgrade(NGINX, host)

    asserts_old_serves(nginx, old)


@pytest.fixture
def check(host):
    """Return how the administrator's check runs, to be changed."""
    run = Run()
    host.programs["/bin/check"] = lambda _argv: run
    host.put("/bin/check", mode=0o755)
    return run


def test_check_sees_only_the_new_master(host, nginx, old, check):
    """While UPGRADE_CHECK runs, no worker of the old master takes requests."""
    serving = []
    host.programs["/bin/check"] = lambda _argv: serving.extend(nginx.serving()) or check

    upgrade(CHECKED, host)

    asserts_new_serves(nginx, old)
    assert [nginx.masters[-1].pid] == serving
    assert ["SIGUSR2", "SIGWINCH", "SIGQUIT"] == [sig for _, _, sig in host.sent]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"code": 3, "output": "502"}, "UPGRADE_CHECK '/bin/check now' ended with 3"),
        ({"seconds": 1000}, "UPGRADE_CHECK '/bin/check now' has not ended after 30 s"),
    ],
)
def test_failed_check_is_reverted(host, nginx, old, check, facts, reason):
    """A check that fails or hangs brings the old master back, its workers too."""
    vars(check).update(facts)

    with pytest.raises(Reverted, match=reason) as caught:
        upgrade(CHECKED, host)

    asserts_old_serves(nginx, old)
    assert facts.get("output", "") == caught.value.output


def test_missing_check_is_told_at_once(host, nginx, old):
    """A check that does not exist is a bad setting: no signal was sent."""
    with pytest.raises(SettingsError, match=r"UPGRADE_CHECK '/bin/check now': .* does not exist"):
        upgrade(CHECKED, host)

    assert [] == host.sent
    asserts_old_serves(nginx, old)


def test_check_that_is_lost_meanwhile_is_reverted(host, nginx, old, check):
    """A check that is removed after the signal has not succeeded."""
    host.on("SIGWINCH", lambda master: (nginx.winch(master), host.files.pop("/bin/check")), old)

    with pytest.raises(Reverted, match="/bin/check does not exist"):
        upgrade(CHECKED, host)

    asserts_old_serves(nginx, old)


def checked_scene():
    """Return the same, with a check that takes its time."""
    host, nginx, old = scene()
    host.put("/bin/check", mode=0o755)
    host.programs["/bin/check"] = lambda _argv: Run(seconds=0.1)
    return host, nginx, old


@at_every_look(checked_scene, lambda host, *_: upgrade(CHECKED, host))
def test_interrupted_with_a_check(number, host, nginx, old):
    """With a check too: forward to the end, or back, and never in between."""
    host.before_look(number, lambda: setattr(host, "interrupted_by", "SIGHUP"))
    try:
        upgrade(CHECKED, host)
    except Interrupted as exc:
        assert "upgrade is done" in str(exc) or not host.sent
        host.sleep(1)
        (asserts_new_serves if host.sent else asserts_old_serves)(nginx, old)
    except InitError:
        asserts_old_serves(nginx, old)
    else:
        asserts_new_serves(nginx, old)
