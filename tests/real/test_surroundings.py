"""What a php-fpm that is upgraded keeps of its surroundings, whoever calls the upgrade."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import uuid
from contextlib import suppress

import pytest
from real_daemons import wait_until
from real_load import crash

pytestmark = pytest.mark.real

PR_CAPBSET_DROP, CAP_SYS_NICE, CAP_SYS_RESOURCE = 24, 23, 24
GETENV = "<?php echo getenv('DSN'), ' ', getenv('CALLER') === false ? 'clean' : 'of the caller';"
ODD = {"DSN": "mysql://db/x y", "PATH": "/usr/bin:/bin", "BASH_FUNC_f%%": "() {  echo\n}"}
OTHERS = {"DSN": "of the caller", "CALLER": "1", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def odd():
    """Give this process odd surroundings: those of the master."""
    os.nice(5)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.umask(0o027)
    for name, value in (("NOFILE", 777), ("CORE", 4096), ("STACK", 1 << 22)):
        number = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(number, (value, resource.getrlimit(number)[1]))
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("300")
    # A kernel without audit(8) has no such file, and it may be immutable.
    with suppress(OSError), open("/proc/self/loginuid", "w") as file:
        file.write("1234")


def others():
    """Give this process other surroundings: those of the caller."""
    os.nice(9)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_NOFILE, (99, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGQUIT, signal.SIGUSR2})


def by_hand(fpm, before, environment):
    """Start php-fpm as a person would, after *before* in its process; return the master."""
    argv = [fpm.daemon, "--daemonize", "--fpm-config", fpm.config, "--pid", fpm.pidfile]
    subprocess.run(argv, check=True, preexec_fn=before, env=environment, capture_output=True)
    return wait_until(lambda: len(fpm.workers) == fpm.crew and fpm.master, "php-fpm to come up")


def limits(process):
    """Return the limits of a process as the kernel writes them."""
    with open(f"/proc/{process.pid}/limits") as file:
        return file.read()


def masks(fpm):
    """Return which signals its master ignores and which it blocks."""
    found = fpm.host.signals(fpm.master)
    return found.ignored, found.blocked


@pytest.mark.parametrize("reloads", [0, 1])
def test_upgrade_keeps_the_surroundings(fpm, reloads):
    """After upgrade master and workers have what the old master had, and nothing of the caller."""
    script = fpm.place.write("getenv.php", GETENV)
    fpm.configure(pool="clear_env = no")
    by_hand(fpm, odd, ODD)
    for _ in range(reloads):  # it executes itself anew, told of its sockets
        assert 0 == fpm.act("reload").code
    old, before = fpm.host.surroundings(fpm.master), masks(fpm)

    result = fpm.script("upgrade", preexec_fn=others, env=OTHERS)

    assert 0 == result.code, result
    assert "does not have" not in result.err
    new = fpm.host.surroundings(fpm.master)
    assert (5, (os.SCHED_BATCH, 0), 300, 0o027) == (
        (new.nice, new.scheduler, new.oom_score_adj, new.umask)
    )
    assert 777 == new.limits["RLIMIT_NOFILE"][0]
    assert ODD == {name: value for name, value in new.environment.items() if name in ODD}
    assert "CALLER" not in new.environment
    same = {"environment": None}
    assert old.replace(**same) == new.replace(**same)
    wait_until(lambda: len(fpm.workers) == fpm.crew, "the workers")
    for worker in fpm.workers:
        assert limits(fpm.master) == limits(worker)
        same["limits"] = {}  # prlimit(2) does not tell those of another user
        assert new.replace(**same) == fpm.host.surroundings(worker).replace(**same)
    assert f"{ODD['DSN']} clean" == fpm.ask(script)
    assert before == masks(fpm)


def test_settings_come_first(fpm):
    """What the settings say of nice level and limits is in force after upgrade, not the old."""
    by_hand(fpm, odd, ODD)
    fpm.place.settings(fpm.name, 'NICELEVEL=3\nULIMIT="-n 888"\n')

    result = fpm.script("upgrade")

    assert 0 == result.code, result
    new = fpm.host.surroundings(fpm.master)
    assert (3, 888, 4096) == (
        (new.nice, new.limits["RLIMIT_NOFILE"][0], new.limits["RLIMIT_CORE"][0])
    )


def mounted():
    """Return the cgroup hierarchies that are mounted here and need no preparation, by name."""
    found = {}
    with open("/proc/self/mountinfo") as file:
        for line in file:
            kind, _, options = line.partition(" - ")[2].split()
            one = {"pids", "freezer"} & set(options.split(","))
            if "cgroup2" == kind or ("cgroup" == kind and one):
                found[max(one, default="")] = line.split()[4]
    return found


def empty(folder):
    """Tell whether no process is in a cgroup."""
    with open(f"{folder}/cgroup.procs") as file:
        return not file.read()


@pytest.fixture
def groups():
    """Give a cgroup of one's own in each hierarchy: name and folder."""
    name = f"initpy-{uuid.uuid4().hex}"  # the number of a process tells nothing in a namespace
    made = {hierarchy: f"{point}/{name}" for hierarchy, point in mounted().items()}
    for folder in made.values():
        os.mkdir(folder)
    try:
        yield name, made.values()
    finally:
        for folder in made.values():
            wait_until(lambda: empty(folder), f"{folder} to be empty")  # noqa: B023
            os.rmdir(folder)


def test_upgrade_keeps_the_cgroup(groups, fpm):
    """The new master is in the cgroups of the old one."""
    name, folders = groups
    assert folders, "no cgroup hierarchy is mounted: this test needs one"

    def enter():
        for folder in folders:
            with open(f"{folder}/cgroup.procs", "w") as file:
                file.write("0")

    old = fpm.host.surroundings(by_hand(fpm, enter, ODD))

    result = fpm.script("upgrade")

    assert 0 == result.code, result
    new = fpm.host.surroundings(fpm.master)
    assert len(folders) == list(new.cgroups.values()).count(f"/{name}")
    assert old.cgroups == new.cgroups


def test_what_cannot_be_handed_on_is_named(fpm):
    """A limit above the caller's hard one is named, and the new master serves."""
    by_hand(fpm, odd, ODD)

    def confined():
        capless = ctypes.CDLL(None)
        for capability in (CAP_SYS_RESOURCE, CAP_SYS_NICE):
            capless.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
        os.nice(9)

    result = fpm.script("upgrade", preexec_fn=confined)

    assert 0 == result.code, result
    assert "does not have the old master's nice 5; RLIMIT_NOFILE 777 " in result.err
    new = fpm.host.surroundings(fpm.master)
    assert (9, (300, 300)) == (new.nice, new.limits["RLIMIT_NOFILE"])


def without_streams(site, action):
    """Run an action with standard input, output and error closed; return its code."""
    closed = f"exec {site.wrapper} {action} <&- >&- 2>&-"
    return subprocess.run(["/bin/sh", "-c", closed], check=False, timeout=60).returncode


def test_upgrade_without_streams(fpm):
    """No copy of a socket becomes a standard stream of the new master."""
    old = fpm.start()

    assert 0 == without_streams(fpm, "upgrade")

    assert not fpm.alive(old)
    assert fpm.ask().startswith("14 ")


def test_recovery_without_streams(site):
    """The same when the master is dead and start takes the workers' sockets."""
    site.start()
    crash(site)

    assert 0 == without_streams(site, "start")

    wait_until(lambda: len(site.workers) == site.crew, "the new workers")


def test_more_sockets_than_the_caller_may_open(fpm):
    """1,100 pools are upgraded by a caller whose soft limit is 1,024 files."""
    pools = "".join(
        f"[more{number}]\nuser = www-data\nlisten = {fpm.path(f'{number}.sock')}\n"
        "pm = ondemand\npm.max_children = 1\n"
        for number in range(1100)
    )
    fpm.place.write(f"{fpm.folder}/pool.d/more.conf", pools)

    def files(most):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

    old = by_hand(fpm, lambda: files(3000), ODD)

    result = fpm.script("upgrade", preexec_fn=lambda: files(1024))

    assert 0 == result.code, result
    assert not fpm.alive(old)
    assert 3000 == fpm.host.surroundings(fpm.master).limits["RLIMIT_NOFILE"][0]
    assert 1101 <= len(fpm.host.socket_inodes(fpm.master))
