"""The exit codes of every action on both daemons, as LSB 20.2 has them."""

from __future__ import annotations

import json
import os
import signal

import pytest
from real_daemons import ROUNDS, can_bind

pytestmark = pytest.mark.real


def kill_all(site):
    """Kill master and workers, and leave the pidfile behind."""
    for process in [site.master, *site.workers]:
        site.host.kill(process, signal.SIGKILL)
    site.see_gone(*site.place.processes())


def test_a_life(site):
    """Start, status, start, stop, status, stop exit with 0 0 0 0 3 0."""
    actions = ["start", "status", "start", "stop", "status", "stop"]

    codes = [site.act(action).code for action in actions]

    assert [0, 0, 0, 0, 3, 0] == codes


def test_a_life_by_the_wrapper(site):
    """The generated script exits with the same codes, run as a person runs it."""
    actions = ["start", "status", "start", "stop", "status", "stop"]

    results = [site.script(action) for action in actions]

    assert [0, 0, 0, 0, 3, 0] == [result.code for result in results], results
    assert "[  OK  ]" in results[0].out
    assert [""] * 6 == [result.err for result in results]


def test_status_of_the_killed(site):
    """Status is 1 when master and workers were killed and the pidfile is left, and stays so."""
    site.start()
    kill_all(site)

    codes = [site.act("status").code, site.act("status").code]

    assert [1, 1] == codes
    assert os.path.exists(site.pidfile)


def test_start_after_a_crash(site):
    """Start works when a stale pidfile is there."""
    site.start()
    kill_all(site)

    result = site.act("start")

    assert 0 == result.code, result
    assert site.master.pid == site.named
    assert site.ask()


def test_status_with_a_lock_file(site):
    """Status is 2 when only Red Hat's lock file is left."""
    lockfile = site.place.write("subsys", "")

    result = site.act("status", lockfile=lockfile)

    assert 2 == result.code, result
    assert os.path.exists(lockfile)


def test_the_lock_file_is_kept(site):
    """Start makes Red Hat's lock file, and stop removes it."""
    lockfile = site.place.path("subsys")

    seen = [
        (site.act(action, lockfile=lockfile).code, os.path.exists(lockfile))
        for action in ("start", "stop")
    ]

    assert [(0, True), (0, False)] == seen


@pytest.mark.parametrize("action", ["reload", "force-reload", "upgrade", "reopen", "rotate"])
def test_needs_it_running(site, action):
    """Reload, upgrade and reopen of a stopped service are 7, and start nothing."""
    result = site.act(action)

    assert 7 == result.code, result
    assert "not running" in result.err
    assert {} == site.place.processes()


@pytest.mark.parametrize("action", ["try-restart", "condrestart", "stop", "force-quit"])
def test_stopped_is_well(site, action):
    """Try-restart and stop of a stopped service are 0, and start nothing."""
    result = site.act(action)

    assert 0 == result.code, result
    assert {} == site.place.processes()


@pytest.mark.parametrize("action", ["restart", "try-restart", "condrestart"])
def test_restart_of_the_running(site, action):
    """Restart of a running service ends with another master that serves."""
    old = site.start()

    result = site.act(action)

    assert 0 == result.code, result
    assert old != site.master
    assert not site.alive(old)
    assert site.ask()


def test_restart_of_the_stopped(site):
    """Restart of a stopped service starts it."""
    result = site.act("restart")

    assert 0 == result.code, result
    assert site.ask()


@pytest.mark.parametrize(
    "argv",
    [(), ("frobnicate",), ("start", "extra"), ("status", "extra"), ("start", "--frobnicate")],
    ids=" ".join,
)
def test_usage(site, argv):
    """A missing, an unknown and an excess argument are 2, with the usage line."""
    result = site.script(*argv)

    assert 2 == result.code, result
    assert f"Usage: /etc/init.d/{site.name} {{start|stop|" in result.err.splitlines()[-1]
    assert {} == site.place.processes()


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("start", 5),
        ("restart", 5),
        ("stop", 0),
        ("status", 3),
        ("configtest", 5),
        ("reload", 5),
        ("try-restart", 5),
    ],
)
def test_daemon_missing(site, action, code):
    """A daemon that is not installed is 0 to stop, 3 to status, 5 to everything else."""
    os.unlink(site.daemon)

    result = site.script(action)

    assert code == result.code, result
    assert "Traceback" not in result.err


@pytest.mark.parametrize("action", ["status", "stop", "force-quit"])
@pytest.mark.parametrize("how", ["deleted", "renamed", "replaced"])
def test_running_without_its_binary(site, how, action):
    """A running master whose binary was deleted, renamed or replaced is still seen and stopped."""
    master = site.start()
    if how == "deleted":
        os.unlink(site.daemon)
    elif how == "renamed":
        os.rename(site.daemon, site.daemon + ".old")
    else:
        site.place.copy(site.binary, f"sbin/{site.kind}")

    result = site.act(action)

    assert 0 == result.code, result
    if action == "status":
        assert f"running, master {master}" in result.out
    else:
        assert {} == site.place.processes()


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_running_without_its_binary_nor_pidfile(site, how):
    """It is seen and stopped without its pidfile, too."""
    master = site.start()
    os.unlink(site.pidfile)
    if how == "deleted":
        os.unlink(site.daemon)
    else:
        os.rename(site.daemon, site.daemon + ".old")

    told, result = site.act("status"), site.act("stop")

    assert (0, 0) == (told.code, result.code), result
    assert f"running, master {master}" in told.out
    assert {} == site.place.processes()


@pytest.mark.parametrize(
    "action", ["stop", "reload", "configtest", "restart", "force-quit", "reopen", "force-reload"]
)
def test_as_nobody(site, action):
    """Who may not signal the service gets 4, and the service is untouched."""
    master, workers = site.start(), site.workers

    result = site.as_nobody(action)

    assert 4 == result.code, result
    assert result.err.splitlines()[-1].startswith(f"{site.name}: ")
    assert (master, workers) == (site.master, site.workers)
    assert master.pid == site.named
    assert site.ask()


def test_upgrade_as_nobody(nginx):
    """An upgrade by who may not signal the service is 4, and nothing was touched."""
    master, workers = nginx.start(), nginx.workers
    nginx.replace_binary()

    result = nginx.as_nobody("upgrade")

    assert 4 == result.code, result
    assert (master, workers) == (nginx.master, nginx.workers)


def test_status_as_nobody(site):
    """Anybody may ask for the status."""
    master = site.start()

    result = site.as_nobody("status")

    assert 0 == result.code, result
    assert f"running, master {master}" in result.out


def test_status_as_nobody_of_the_stopped(site):
    """Anybody may see that it is stopped."""
    result = site.as_nobody("status")

    assert 3 == result.code, result


def test_start_as_nobody(site):
    """Who is not root cannot start it: 4, and nothing is left."""
    result = site.as_nobody("start")

    assert 4 == result.code, result
    assert {} == site.place.processes()


def test_start_then_ask(site):
    """A request made in the instruction after start is answered, every time."""
    for _ in range(ROUNDS):
        assert 0 == site.act("start").code
        answer = site.ask()
        assert 0 == site.act("force-quit").code

        assert answer


def test_stop_then_bind(site):
    """When stop returns nothing is left and the port can be bound, every time."""
    for _ in range(ROUNDS):
        site.start()
        site.ask()

        result = site.act("stop")

        assert can_bind(site.port)
        assert 0 == result.code, result
        assert {} == site.place.processes()
        assert not os.path.exists(site.pidfile)


def test_status_for_machines(site):
    """Status --json has all of it under stable keys."""
    master = site.start()

    told = site.script("status", "--json")

    assert 0 == told.code, told
    facts = json.loads(told.out)
    documented = "name state code master workers orphans old_master listening pidfile"
    assert {*documented.split(), "binary_replaced"} <= set(facts)
    assert site.name == facts["name"]
    assert ("running", 0) == (facts["state"], facts["code"])
    assert master.pid == facts["master"]
    assert {worker.pid for worker in site.workers} == set(facts["workers"])
    assert ([], None) == (facts["orphans"], facts["old_master"])
    assert [f"127.0.0.1:{site.port}"] == facts["listening"]
    assert site.pidfile == facts["pidfile"]
    assert facts["binary_replaced"] is False


def test_status_for_machines_of_the_stopped(site):
    """Status --json of a stopped service says so, and exits with 3."""
    told = site.act("status", "--json")

    assert 3 == told.code
    assert ("stopped", 3) == (told.json["state"], told.json["code"])
    assert (None, []) == (told.json["master"], told.json["workers"])


def test_quiet(site):
    """Nothing is printed with --quiet when all goes well."""
    results = [site.script(action, "--quiet") for action in ("start", "status", "stop")]

    assert [(0, "", "")] * 3 == [(result.code, result.out, result.err) for result in results]


def test_an_action_for_machines(site):
    """An action with --json answers with one object."""
    site.start()

    result = site.act("reload", "--json")

    assert 0 == result.code, result
    expected = {"name": site.name, "action": "reload", "code": 0, "message": "", "cut": 0}
    assert expected == result.json


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams(site, closed):
    """Closed streams matter to no action, and leave no descriptor of ours with the daemon."""
    line = f"{site.wrapper} start {closed} && {site.wrapper} reload {closed}"
    command = ["/bin/sh", "-c", f"{line} && {site.wrapper} status {closed}"]

    code = os.spawnv(os.P_WAIT, command[0], command)

    assert 0 == code
    assert site.ask()
    assert [] == [path for path in site.held(site.master) if path.startswith("/run/initpy")]


def test_full_disk_for_the_output(site):
    """An action whose output cannot be written is done all the same."""
    command = ["/bin/sh", "-c", f"{site.wrapper} start > /dev/full 2> /dev/full"]

    code = os.spawnv(os.P_WAIT, command[0], command)

    assert 0 == code
    assert site.ask()


def test_what_the_daemon_inherits(site):
    """A daemon gets the same whatever the caller's environment, directory and descriptors."""
    odd = {"NGINX": "3;", "FPM_SOCKETS": "x=3", "LISTEN_FDS": "1", "PATH": "/nonexistent"}
    umask = os.umask(0o077)
    try:
        with open(site.place.path("held"), "w") as held:
            result = site.script("start", env=odd, cwd=site.place.root, pass_fds=[held.fileno()])
    finally:
        os.umask(umask)

    assert 0 == result.code, result
    master = site.master
    assert site.place.path("held") not in site.held(master)
    assert "/" == os.readlink(f"/proc/{master}/cwd")
    with open(f"/proc/{master}/environ") as file:
        inherited = file.read()
    assert "LISTEN_FDS" not in inherited
    assert "FPM_SOCKETS=x" not in inherited
    with open(f"/proc/{master}/status") as file:
        facts = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    assert "0022" == facts["Umask"].strip() or site.kind == "nginx"  # nginx sets its own


def test_a_port_that_somebody_holds(site):
    """A start that cannot bind fails with the daemon's own words, and leaves nothing running."""
    site.start()
    site.place.write("elsewhere", "")
    other = type(site)(site.place, "other")
    other.port = site.port
    other.configure()

    result = other.act("start")

    assert 1 == result.code, result
    assert "ddress already in use" in result.err
    assert other.master is None
    assert not os.path.exists(other.pidfile)
    assert {site.master, *site.workers} == set(site.place.processes())


def test_settings_that_may_not_be_read(site):
    """Status as nobody, who may not read the settings, is 4: unknown. No traceback."""
    site.place.settings(site.name, "STOP_SCHEDULE=TERM/5\n", 0o600)

    result = site.as_nobody("status")

    assert 4 == result.code, result
    assert "Traceback" not in result.err
