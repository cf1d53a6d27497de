"""Less than all rights, other namespaces, full and read-only file systems: said, and no harm."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from real_daemons import NOBODY, Fpm, can_bind, wait_until
from real_load import WITHOUT_KILL, WITHOUT_PTRACE, Shop, crash, load, run

from initpy.state.record import DIRECTORY as LOCKS
from initpy.state.record import record_path

pytestmark = pytest.mark.fault

AS_NOBODY = ["setpriv", "--reuid", f"{NOBODY}", "--regid", f"{NOBODY}", "--clear-groups"]


def mounting(command):
    """Return what runs a program in a mount namespace of its own, after a shell *command*."""
    return ["unshare", "--mount", "sh", "-ec", f'{command}\nexec "$@"', "sh"]


def no_traceback(result):
    """Check that it has said something, and like a person; return its code."""
    assert "Traceback" not in result.err, result
    assert result.code == 0 or (result.out + result.err).strip(), result
    return result.code


# Without CAP_SYS_PTRACE, as in Docker.


def confined(site, action):
    return run([*WITHOUT_PTRACE, site.wrapper, action])


@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "unix socket"])
def test_takeover_without_ptrace(place, unix):
    """CAP_SYS_PTRACE is missing everywhere: php-fpm is upgraded by takeover all the same."""
    shop = Shop(place, unix=unix, children=6)
    assert 0 == confined(shop.fpm, "start").code
    shop.open()
    with shop.load(asking=4, slowest=0.3) as clients:
        for _ in range(3):
            old = shop.fpm.master

            result = confined(shop.fpm, "upgrade")

            assert 0 == result.code, result
            assert old != shop.fpm.master

        assert [] == clients.bad
    shop.see_settled()


def test_takeover_that_is_refused(fpm):
    """The master has CAP_SYS_PTRACE, the script has not: upgrade is 3 and changes nothing."""
    seen = fpm.start(), fpm.workers

    result = confined(fpm, "upgrade")

    assert 3 == no_traceback(result), result
    assert "cannot be copied: " in result.err
    assert "use restart or reload" in result.err
    assert seen == (fpm.master, fpm.workers)
    assert not os.path.exists(fpm.service.oldbin)
    assert fpm.ask()


@pytest.mark.parametrize("user", ["root", "www-data"])
def test_upgrade_of_a_master_with_more_rights(nginx, user):
    """The master has CAP_SYS_PTRACE, the script has not: the new master is known by its parent."""
    nginx.configure(user=user)
    old = nginx.start()
    nginx.replace_binary()

    result = confined(nginx, "upgrade")

    assert 0 == no_traceback(result), result
    assert not nginx.alive(old)
    nginx.see_only(nginx.master)


@pytest.mark.parametrize("body", ["exit 1", "exec {sleep} 600", "{sleep} 600"])
def test_failed_upgrade_of_a_master_with_more_rights(nginx, body):
    """The same, with a binary that is broken: what the upgrade has started is ended."""
    nginx.configure(user="www-data")
    old = nginx.start()
    nginx.fake_binary(body.format(sleep=nginx.place.tool("sleep")))

    result = run([*WITHOUT_PTRACE, nginx.wrapper, "upgrade", "--timeout", "2"])

    assert 150 == no_traceback(result), result
    nginx.see_only(old)
    assert nginx.ask()


def test_recovery_without_ptrace(site):
    """CAP_SYS_PTRACE is missing, orphans are www-data's: start ends them, says so, and starts."""
    if site.kind == "nginx":
        site.configure(user="www-data")
    assert 0 == confined(site, "start").code
    wait_until(lambda: len(site.workers) == site.crew, "all workers")
    orphans = crash(site)

    told = confined(site, "status")
    result = confined(site, "start")

    assert 1 == told.code, told
    assert "orphaned" in told.out
    assert 0 == no_traceback(result), result
    assert "cannot be copied: " in result.err
    assert all(str(orphan) in result.err for orphan in orphans)
    assert [] == [orphan for orphan in orphans if site.alive(orphan)]
    wait_until(lambda: len(site.workers) == site.crew, "all workers")
    assert {site.master, *site.workers} == set(site.place.processes())
    assert site.ask()


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "record lost"])
def test_pidfile_lost_without_ptrace(site, recorded):
    """CAP_SYS_PTRACE and the pidfile are missing: the record tells whose www-data's orphans are."""
    if site.kind == "nginx":
        site.configure(user="www-data")
    assert 0 == confined(site, "start").code
    wait_until(lambda: len(site.workers) == site.crew, "all workers")
    orphans = crash(site)
    os.unlink(site.pidfile)
    if not recorded:
        os.unlink(record_path(site.service))

    result = confined(site, "start")
    no_traceback(result)

    if recorded:
        assert 0 == result.code, result
        assert not orphans & set(site.place.processes())
    else:  # whose they are cannot be seen
        assert 1 == result.code, result
        assert f"127.0.0.1:{site.port}" in result.err
        assert orphans == set(site.place.processes())
    assert site.ask()


def test_everything_else_without_ptrace(site):
    """CAP_SYS_PTRACE is missing: every other action works as before."""
    actions = ("start", "status", "reload", "reopen", "restart", "upgrade", "stop")

    codes = [no_traceback(confined(site, action)) for action in actions]

    assert [0] * 7 == codes
    assert {} == site.place.processes()


@contextmanager
def stopped(site, process):
    """Have a process stopped meanwhile."""
    site.kill(process, signal.SIGSTOP)
    wait_until(lambda: site.host.look(process.pid).state == "T", "it to stop")
    try:
        yield
    finally:
        site.kill(process, signal.SIGCONT)


def test_reopen_without_ptrace(nginx):
    """CAP_SYS_PTRACE is missing: a child of the script looks at nginx's workers as their user."""
    nginx.configure(user="www-data")
    assert 0 == confined(nginx, "start").code
    wait_until(lambda: len(nginx.workers) == nginx.crew, "all workers")
    log, worker = nginx.path("access.log"), min(nginx.workers, key=lambda one: one.pid)
    os.rename(log, f"{log}.1")

    with stopped(nginx, worker):
        held = confined(nginx, "reopen")
    closed = confined(nginx, "reopen")

    assert 1 == no_traceback(held), held
    assert f"pid {worker} (stopped by a signal (state T)) still writes to {log}.1" in held.err
    assert 0 == no_traceback(closed), closed
    assert "cannot be looked at" not in closed.err
    assert f"{log}.1" not in nginx.held(nginx.master, *nginx.workers)


def test_reopen_of_php_without_ptrace(fpm):
    """CAP_SYS_PTRACE is missing: php-fpm's workers cannot be looked at; reopen is 0 and says so."""
    log = fpm.path("access.log")
    fpm.configure(pool=f"access.log = {log}")
    assert 0 == confined(fpm, "start").code
    wait_until(lambda: len(fpm.workers) == fpm.crew, "all workers")
    old = fpm.workers
    os.rename(log, f"{log}.1")

    result = confined(fpm, "reopen")
    # php-fpm replaces workers that have an access.log: they may have ended in time.
    left = old & fpm.workers
    again = confined(fpm, "reopen")

    assert 0 == no_traceback(result), result
    said = "cannot be looked at: whether they still write to a rotated log" in result.err
    assert said or not left
    assert f"{log}.1" not in fpm.held(fpm.master)
    assert (0, "") == (no_traceback(again), again.err)


@pytest.mark.parametrize("works", [True, False], ids=["works", "worker stopped"])
def test_reopen_of_a_master_with_more_rights(nginx, works):
    """The master has CAP_SYS_PTRACE, the script has not: nginx's workers tell of its logs."""
    nginx.configure(user="www-data")
    nginx.start()
    log, worker = nginx.path("access.log"), min(nginx.workers, key=lambda one: one.pid)
    os.rename(log, f"{log}.1")

    if works:
        result = confined(nginx, "reopen")
        assert 0 == no_traceback(result), result
    else:
        with stopped(nginx, worker):
            result = confined(nginx, "reopen")
        assert 1 == no_traceback(result), result
        assert f"pid {worker} (stopped by" in result.err
    assert f"master {nginx.master} cannot be looked at" in result.err


def test_reopen_of_a_php_master_with_more_rights(fpm):
    """The master has CAP_SYS_PTRACE, the script has not: of php-fpm's logs nothing is known."""
    fpm.start()

    result = confined(fpm, "reopen")

    assert 1 == no_traceback(result), result
    assert "whether its logs are open anew is not known" in result.err


# As somebody to whom /proc tells nothing of others.


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_hidepid(site, running):
    """/proc hides the processes of others from the user: every action is 4, and says so."""
    if running:
        site.start()
        alone = lambda: {site.master, *site.workers} == set(site.place.processes())  # noqa: E731
        wait_until(alone, "whatever has started it to end")
    before = site.place.processes()
    hidden = mounting("mount -t proc -o hidepid=2 proc /proc")
    nobody = lambda *argv: run([*hidden, *AS_NOBODY, *site.nobodys_command(*argv)], cwd="/")  # noqa: E731

    told = nobody("status")
    machine = nobody("status", "--json")
    results = {action: nobody(action) for action in ("start", "stop", "reload", "upgrade")}

    assert 4 == told.code, told
    assert "unknown" in told.out, told
    assert "hide" in told.out + told.err, told
    assert ("unknown", 4) == (machine.json["state"], machine.json["code"])
    assert {4} == {no_traceback(result) for result in results.values()}, results
    assert before == site.place.processes()


@pytest.mark.parametrize("action", ["start", "stop", "reload", "upgrade"])
def test_hidepid_of_root(site, action):
    """/proc hides processes, but not from root: root's actions work as before."""
    site.start()
    hidden = mounting("mount -t proc -o hidepid=2 proc /proc")

    result = run([*hidden, site.wrapper, action])

    assert 0 == no_traceback(result), result
    assert (action == "stop") == ({} == site.place.processes())


# Without CAP_KILL: root may signal a master, which is root's, and not its workers.


def test_restart_without_kill(nginx):
    """CAP_KILL is missing everywhere: nginx restarts through its master, no worker stays."""
    nginx.configure(user="www-data")
    assert 0 == run([*WITHOUT_KILL, nginx.wrapper, "start"]).code
    old = nginx.master, nginx.workers

    result = run([*WITHOUT_KILL, nginx.wrapper, "restart"])

    assert 0 == no_traceback(result), result
    assert "it is stopped, then started" in result.err
    assert not {old[0], *old[1]} & set(nginx.place.processes())
    nginx.see_only(nginx.master)
    assert 0 == run([*WITHOUT_KILL, nginx.wrapper, "stop"]).code
    assert {} == nginx.place.processes()


@pytest.mark.parametrize("action", ["restart", "stop", "upgrade"])
def test_php_fpm_without_kill(fpm, action):
    """CAP_KILL is missing everywhere, and php-fpm's master needs it: 4, and nothing is touched."""
    assert 0 == run([*WITHOUT_KILL, fpm.wrapper, "start"]).code
    wait_until(lambda: len(fpm.workers) == fpm.crew, "all workers")
    before = fpm.place.processes()

    result = run([*WITHOUT_KILL, fpm.wrapper, action])

    assert 4 == no_traceback(result), result
    assert "not permitted to signal pid" in result.err
    assert before == fpm.place.processes()
    assert fpm.ask()


def test_recovery_without_kill(site):
    """CAP_KILL is missing, orphans are www-data's: start is 4, and they serve on."""
    if site.kind == "nginx":
        site.configure(user="www-data")
    assert 0 == run([*WITHOUT_KILL, site.wrapper, "start"]).code
    wait_until(lambda: len(site.workers) == site.crew, "all workers")
    crash(site)
    before = site.place.processes()

    result = run([*WITHOUT_KILL, site.wrapper, "start"])

    assert 4 == no_traceback(result), result
    assert "not permitted to signal pid" in result.err
    assert before == site.place.processes()
    assert site.ask()


@pytest.mark.parametrize("hidepid", [1, 2, 4])
def test_hidepid_of_the_workers_user(nginx, hidepid):
    """/proc shows the workers to their own user and hides the master: unknown, never dead."""
    nginx.configure(user="www-data")
    nginx.start()
    hidden = mounting(f"mount -t proc -o hidepid={hidepid} proc /proc")
    user = ["setpriv", "--reuid", "www-data", "--regid", "www-data", "--clear-groups"]

    told = run([*hidden, *user, *nginx.nobodys_command("status")], cwd="/")

    assert 4 == no_traceback(told), told
    assert "dead" not in told.out + told.err, told


@pytest.mark.parametrize("hidepid", [1, 2, 4])
def test_hidepid_without_ptrace(site, hidepid):
    """/proc hides workers from a root without CAP_SYS_PTRACE: they are not said to be missing."""
    site.start()
    hidden = mounting(f"mount -t proc -o hidepid={hidepid} proc /proc")

    told = run([*hidden, *WITHOUT_PTRACE, site.wrapper, "status"])

    assert no_traceback(told) in (0, 4), told
    assert "takes requests" not in told.out + told.err, told


# Other pid namespaces.


@contextmanager
def as_init(nginx):
    """Run nginx as process 1 of a pid namespace; yield what goes before a command inside."""
    argv = [nginx.daemon, "-g", "daemon off;", "-c", nginx.config]
    child = subprocess.Popen(
        ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *argv],
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: nginx.named == 1 and can_ask(nginx), "nginx to be up as process 1")
        (master,) = wait_until(lambda: master_of_two(nginx), "its workers")
        yield child, ["nsenter", "--target", f"{master}", "--pid", "--mount"]
    finally:
        child.kill()
        child.wait()
        wait_until(lambda: not nginx.place.processes(), "the namespace to end")


def master_of_two(nginx):
    """Return the only master, in a list, once it has two workers.

    A worker bears its master's title for a moment.
    """
    titles = nginx.place.processes()
    masters = [one for one, title in titles.items() if "master" in title]
    return masters if (len(masters), len(titles)) == (1, 3) else []


def can_ask(nginx):
    try:
        return nginx.ask()
    except OSError:
        return False


def test_process_1(nginx):
    """Nginx is process 1 of a container: status, reload and reopen work inside, upgrade is 3."""
    with as_init(nginx) as (_, inside), load(nginx.port) as clients:
        results = {
            action: run([*inside, nginx.wrapper, action])
            for action in ("status", "start", "reload", "reopen", "upgrade")
        }

        codes = {action: no_traceback(result) for action, result in results.items()}
        assert {"status": 0, "start": 0, "reload": 0, "reopen": 0, "upgrade": 3} == codes, results
        assert "running, master 1, 2 workers" in results["status"].out
        assert nginx.named == 1
        assert [] == clients.bad
        assert "one" == nginx.ask()


@contextmanager
def in_a_container(site, *entry):
    """Run a daemon in the foreground below *entry*, in a pid namespace of its own.

    Yield what goes before a command inside.
    """
    argv = {
        "nginx": [site.daemon, "-g", "daemon off;", "-c", site.config],
        "php-fpm": [site.daemon, "--nodaemonize", "--fpm-config", site.config],
    }[site.kind]
    with subprocess.Popen(
        ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *entry, *argv],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        titles = lambda: list(site.place.processes().values())  # noqa: E731
        up = lambda: sum("pool" in one or "worker" in one for one in titles()) == site.crew  # noqa: E731
        try:
            wait_until(lambda: site.named and up(), "it to be up")
            (master,) = (one for one, t in site.place.processes().items() if "master" in t)
            yield ["nsenter", "--target", f"{master}", "--pid", "--mount"]
        finally:
            child.kill()
            child.wait()
            wait_until(lambda: not site.place.processes(), "the namespace to end")


SHELL = ["sh", "-c", '"$@"; echo it has ended', "sh"]


@pytest.mark.parametrize("entry", [["tini", "--"], SHELL], ids=["tini", "shell"])
def test_init_of_a_container(site, entry):
    """A container's init waits for the daemon: upgrade is 3 and touches nothing, reload is 0."""
    with in_a_container(site, *entry) as inside:
        before = site.place.processes()

        refused = run([*inside, site.wrapper, "upgrade"])

        assert 3 == no_traceback(refused), refused
        assert before == site.place.processes()
        for action in ("status", "reload", "status"):
            result = run([*inside, site.wrapper, action])
            assert 0 == no_traceback(result), result
        assert site.ask()


@pytest.mark.parametrize("action", ["stop", "force-quit"])
def test_stop_of_process_1(nginx, action):
    """Nginx is process 1 of a container: stop from inside ends it by the schedule."""
    with as_init(nginx) as (child, inside):
        result = run([*inside, nginx.wrapper, action])

        # The script itself ends with process 1.
        assert result.code in (0, -9, 137), result
        assert "Traceback" not in result.err
        assert 0 == child.wait(20)
    assert can_bind(nginx.port)


@pytest.mark.parametrize("action", ["status", "stop", "reload", "upgrade", "start", "restart"])
def test_from_outside_the_container(nginx, action):
    """The pidfile holds a pid of a container's namespace: no process outside is signalled."""
    with as_init(nginx):
        before = nginx.place.processes()

        result = nginx.act(action, "--timeout", "2")

        # Its port is taken; and a pidfile that names nobody of ours is stale.
        expected = {"status": 1, "stop": 0, "reload": 7, "upgrade": 7, "start": 1, "restart": 1}
        assert expected[action] == no_traceback(result), result
        assert before == nginx.place.processes()
        assert "one" == nginx.ask()


RECYCLED = """
import json, os, subprocess, sys
wrapper, pidfile, sleep, where = sys.argv[1:]

def act(action):
    done = subprocess.run([wrapper, action], capture_output=True, text=True, timeout=60)
    return action, done.returncode, done.stdout + done.stderr

def read():
    with open(pidfile) as file:
        return int(file.read())

def reap():
    # Whoever is not waited for keeps his number, and that of his session.
    while os.waitpid(-1, os.WNOHANG)[0]:
        pass

# The session of all is that of the first master, and so is its number: it stays.
told = [act("start"), act("upgrade")]
pid = read()
if where == "oldbin":
    told.append(act("upgrade"))
    reap()
else:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        workers = [int(word) for word in file.read().split()]
    for one in (pid, *workers):
        os.kill(one, 9)
    for one in (pid, *workers):
        os.waitpid(one, 0)
# The number is given away again.
for _ in range(100):
    with open("/proc/sys/kernel/ns_last_pid", "w") as file:
        file.write(str(pid - 1))
    stranger = subprocess.Popen([sleep, "600"])
    if stranger.pid == pid:
        break
    stranger.kill()
    stranger.wait()
else:
    sys.exit("the number was not given away")
results = []
for action in ("status", "reload", "upgrade", "reopen", "start", "restart", "stop", "force-quit"):
    if where == "oldbin" or action != "restart":
        with open(pidfile + (".oldbin" if where == "oldbin" else ""), "w") as file:
            file.write(f"{pid}\\n")
    results.append((*act(action), stranger.poll() is None))
print(json.dumps({"told": told, "results": results}))
"""


@pytest.mark.parametrize("where", ["pidfile", "oldbin"])
def test_recycled_pid(site, where):
    """Another process has got the pid in the pidfile or in .oldbin: it is not signalled."""
    sleep = site.place.tool("sleep")
    argv = [sys.executable, "-c", RECYCLED, site.wrapper, site.pidfile, sleep, where]

    done = run(["unshare", "--pid", "--fork", "--mount-proc", *argv])

    assert 0 == done.code, done
    assert all(code == 0 for _, code, _ in done.json["told"]), done.json["told"]
    results = done.json["results"]
    assert [] == [one for one in results if not one[3]], "the stranger was ended"
    assert [] == [one for one in results if "Traceback" in one[2]]
    codes = {action: code for action, code, _, _ in results}
    if where == "pidfile":
        expected = {"status": 1, "reload": 7, "upgrade": 7, "reopen": 7}
    else:
        expected = {"status": 0, "reload": 0, "upgrade": 0, "reopen": 0}
    assert {**expected, "start": 0, "restart": 0, "stop": 0, "force-quit": 0} == codes, results


# Full disks, and read-only ones.


@pytest.fixture
def small(place):
    """Give a full file system of 64 KiB, in the place; what is in ``filler`` makes room."""
    path = place.path("small")
    os.mkdir(path)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "small", path], check=True)
    try:
        yield path
    finally:
        # Not before: its processes may have files open there.
        subprocess.run(["umount", "--lazy", path], check=True)


def fill(path):
    """Leave not a byte there."""
    with open(os.path.join(path, "filler"), "ab", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue


def on_small(site, small, name):
    """Have the pidfile or the log of a site on the small file system."""
    setattr(site, name, f"{small}/daemon.{name}")
    site.configure()
    site.generate()


def test_start_with_a_full_disk_at_the_pidfile(site, small):
    """The disk is full at the pidfile: start is 1, says why, and leaves nothing behind."""
    on_small(site, small, "pidfile")
    fill(small)

    result = site.act("start", "--timeout", "3")

    assert 1 == no_traceback(result), result
    assert re.search(r"No space left on device|PID file", result.err), result
    assert {} == site.place.processes(), result
    assert can_bind(site.port), result


@pytest.mark.parametrize("action", ["status", "reload", "reopen", "upgrade", "restart", "stop"])
def test_disk_filled_at_the_pidfile(site, small, action):
    """The disk fills up at the pidfile of a running service: it is unharmed, failures say why."""
    on_small(site, small, "pidfile")
    master = site.start()
    fill(small)

    result = site.act(action, "--timeout", "3")

    code = no_traceback(result)
    if action == "stop":
        assert 0 == code, result
        assert {} == site.place.processes()
        return
    # What frees a page by removing a pidfile may well succeed.
    assert code in {"upgrade": (0, 1, 150), "restart": (0, 1), "reload": (0, 1)}.get(action, (0,))
    assert "No space left on device" in result.err or code == 0, result
    if code:
        # php-fpm removes its pidfile and writes it anew as it reloads, and ends if it cannot:
        # there is no room for that while anybody has the old one open, and be it to read it.
        assert (master != site.master) == ("was started again" in result.err), result
        site.see_only(site.master)
    assert site.ask()
    os.unlink(f"{small}/filler")
    assert 0 == site.act("upgrade").code
    assert site.master.pid == site.named
    assert not os.path.exists(site.service.oldbin)


def test_lost_pidfile_on_a_full_disk(site, small):
    """The pidfile is lost and the disk full: upgrade is 1, says so, and sends no signal."""
    on_small(site, small, "pidfile")
    seen = site.start(), site.workers
    os.unlink(site.pidfile)
    fill(small)

    results = {action: site.act(action) for action in ("status", "start", "upgrade", "reopen")}

    codes = {action: no_traceback(result) for action, result in results.items()}
    assert {"status": 0, "start": 0, "upgrade": 1, "reopen": 0} == codes, results
    assert "No space left on device" in results["upgrade"].err
    assert seen == (site.master, site.workers)
    assert 0 == site.act("stop").code
    assert {} == site.place.processes()


def test_full_disk_at_the_log(site, small):
    """The disk is full at the error log: every action works."""
    on_small(site, small, "log")
    fill(small)
    for action in ("start", "status", "reload", "reopen", "upgrade", "restart"):
        result = site.act(action)

        assert 0 == no_traceback(result), (action, result)
        assert site.ask()
    assert 0 == site.act("stop").code
    assert {} == site.place.processes()


READ_ONLY = "mount --bind /run /run; mount -o remount,ro,bind /run"
NO_SPACE = f"mount -t tmpfs -o size=4k,nr_inodes=1,mode=700 none {LOCKS}"


@pytest.mark.parametrize("mount", [READ_ONLY, NO_SPACE], ids=["read-only", "full"])
def test_no_lock(site, mount):
    """/run is read-only or full: stop goes on without a lock; actions that need one are 1."""
    seen = site.start(), site.workers
    confined = lambda action: run([*mounting(mount), site.wrapper, action])  # noqa: E731
    actions = ("status", "start", "reload", "upgrade", "restart", "reopen", "configtest")

    results = {action: confined(action) for action in actions}

    codes = {action: no_traceback(result) for action, result in results.items()}
    assert {"status": 0, "configtest": 0} == {
        action: codes.pop(action) for action in ("status", "configtest")
    }
    assert {1} == set(codes.values()), results
    reason = "Read-only file system" if mount == READ_ONLY else "No space left on device"
    assert all(reason in results[action].err for action in codes), results
    assert seen == (site.master, site.workers)
    stopped = confined("stop")
    assert 0 == no_traceback(stopped), stopped
    assert "going on without a lock" in stopped.err
    assert {} == site.place.processes()


@pytest.mark.parametrize("action", ["status", "start", "reload", "upgrade", "reopen", "stop"])
def test_read_only_pidfile(site, action):
    """The pidfile's directory is read-only: failures say so, and the service is unharmed."""
    run_directory = site.path("run")
    os.mkdir(run_directory)
    site.pidfile = f"{run_directory}/daemon.pid"
    site.configure()
    site.generate()
    master = site.start()
    # The daemon itself can write there: it lives outside.
    frozen = (
        f"mount --bind {run_directory} {run_directory}; mount -o remount,ro,bind {run_directory}"
    )

    result = run([*mounting(frozen), site.wrapper, action])

    code = no_traceback(result)
    if action == "stop":
        assert {} == site.place.processes()
        return
    # The test of nginx itself opens its pidfile.
    failures = {
        ("nginx", "reload"): (6,),
        ("nginx", "upgrade"): (6,),
        ("php-fpm", "upgrade"): (150,),
    }
    assert code in failures.get((site.kind, action), (0,)), result
    assert site.ask()
    if code:
        assert master == site.master
        assert "Read-only file system" in result.err
        assert not os.path.exists(site.service.oldbin)
        assert {master, *site.workers} == set(site.place.processes())


def test_orphans_on_a_full_disk(site, small):
    """The master is killed, the disk full at its pidfile: start is 1, the orphans serve on."""
    on_small(site, small, "pidfile")
    site.start()
    orphans = crash(site)
    fill(small)

    result = site.act("start", "--timeout", "3")

    code = no_traceback(result)
    if code:
        assert 1 == code, result
        assert "No space left on device" in result.err
        assert orphans == set(site.place.processes())
    assert site.ask()
    os.unlink(f"{small}/filler")
    again = site.act("start")
    assert 0 == again.code, again
    assert [] == [orphan for orphan in orphans if site.alive(orphan)]
    assert site.ask()


def test_fpm_of_a_container(place):
    """A php-fpm of a container has the same configuration: it is not touched."""
    fpm = Fpm(place)
    argv = [fpm.daemon, "--nodaemonize", "--fpm-config", fpm.config, "--pid", fpm.pidfile]
    child = subprocess.Popen(
        ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *argv],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: fpm.named == 1, "php-fpm to be up as process 1")
        wait_until(lambda: str(place.processes()).count("pool") == 2, "its workers")
        before = place.processes()
        codes = [fpm.act(action).code for action in ("status", "upgrade", "reload", "stop")]

        assert [1, 7, 7, 0] == codes
        assert before == place.processes()
        assert json.dumps(fpm.ask())
    finally:
        child.kill()
        child.wait()
        wait_until(lambda: not place.processes(), "the namespace to end")


# Where /proc has only processes.


def test_proc_of_processes_only(site):
    """/proc is mounted with subset=pid: every action is done as ever."""
    narrowed = mounting("mount -t proc -o subset=pid proc /proc")

    for action in ("start", "status", "reload", "upgrade", "reopen", "configtest", "restart"):
        result = run([*narrowed, site.wrapper, action])
        assert 0 == no_traceback(result), (action, result)

    assert 0 == run([*narrowed, site.wrapper, "stop"]).code
    assert {} == site.place.processes()


# What others have put where a mark for Red Hat's rc would be.


def test_fifo_in_a_directory_of_others(nginx):
    """Somebody has made /run/lock/subsys, with FIFOs in it: nothing waits for him."""
    theirs = mounting(
        "mount -t tmpfs -o mode=1777 tmpfs /run/lock\nmkdir /run/lock/subsys\n"
        f"mkfifo /run/lock/subsys/{nginx.name}\nchown -R nobody /run/lock/subsys"
    )

    codes = [run([*theirs, nginx.wrapper, action]).code for action in ("start", "stop", "status")]

    assert [0, 0, 3] == codes
