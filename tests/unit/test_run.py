from __future__ import annotations

import pytest
from fakes import SURROUNDINGS, Run

from initpy.control.run import CannotExecute, Finished, locate, run, run_named, start_daemon
from initpy.daemons.nginx import NGINX
from initpy.errors import (
    InitError,
    Interrupted,
    NotInstalled,
    NotPermitted,
    Refused,
    SettingsError,
    WaitTimeout,
)

PROGRAM = "/bin/check"


@pytest.fixture
def program(host):
    """Return how a program runs, to be changed."""
    host.put(PROGRAM, mode=0o755)
    how = Run()
    host.programs[PROGRAM] = lambda _argv: how
    return how


def test_run(host, program):
    """Code and output come back when it has ended."""
    vars(program).update(code=3, output="no", seconds=2)

    finished = run([PROGRAM, "x"], host, within=5)

    assert Finished(code=3, output="no") == finished
    assert 2 == host.now
    assert host.children_started[0].closed


def test_meanwhile(host, program):
    """Something else is done while it runs, and takes no time of its own."""
    program.seconds = 2

    run([PROGRAM], host, within=5, meanwhile=lambda: host.sleep(1.5))

    assert 2 == host.now


def test_meanwhile_that_fails(host, program):
    """What is raised meanwhile ends the program."""
    program.seconds = 1000

    def fails():
        raise InitError("no")

    with pytest.raises(InitError, match="no"):
        run([PROGRAM], host, within=5, meanwhile=fails)

    assert {} == host.processes


def test_deadline(host, program):
    """One that hangs is killed, with all that it has started."""
    program.seconds = 1000
    host.at(1, lambda: host.add(session=host.children_started[0].pid))

    with pytest.raises(WaitTimeout, match="waited 5 s for /bin/check x to end"):
        run([PROGRAM, "x"], host, within=5)

    assert {} == host.processes
    assert host.children_started[0].closed


def test_interrupted(host, program):
    """Told to end, what runs is ended too."""
    program.seconds = 1000
    host.at(1, lambda: setattr(host, "interrupted_by", "SIGINT"))

    with pytest.raises(Interrupted):
        run([PROGRAM], host, within=5, interruptible=True)

    assert {} == host.processes


def test_missing(host):
    """What is not there is not installed."""
    with pytest.raises(NotInstalled, match="/bin/check is not installed"):
        start_daemon(NGINX, [PROGRAM], host)


def test_dangling_link(host):
    """A link to nowhere is not installed either."""
    host.put(PROGRAM, "/bin/nowhere", kind="link")

    with pytest.raises(NotInstalled):
        start_daemon(NGINX, [PROGRAM], host)


@pytest.mark.parametrize(("euid", "error"), [(0, CannotExecute), (33, NotPermitted)])
def test_not_executable(host, euid, error):
    """For root it is the file's fault, for others it may be the user's."""
    host.put(PROGRAM, mode=0o644)
    host.euid = euid

    with pytest.raises(error):
        start_daemon(NGINX, [PROGRAM], host)


def test_no_program_at_all(host, program):
    """What the kernel says of a file that is no program is told."""

    def refused(argv):
        raise Refused("it", OSError(8, "Exec format error"))

    host.programs[PROGRAM] = refused

    with pytest.raises(CannotExecute, match="/bin/check cannot be executed: Exec format error"):
        start_daemon(NGINX, [PROGRAM], host)


def test_bare_command(host, program):
    """A bare name is looked for along the PATH that our children have, its order kept."""
    host.variables["PATH"] = "/home/me"
    host.put("/home/me/check", mode=0o755)

    assert ("/bin/check", "-q") == locate("UPGRADE_CHECK", ("check", "-q"), host)

    host.put("/usr/bin/check", mode=0o644)
    assert ("/bin/check",) == locate("UPGRADE_CHECK", ("check",), host)
    host.put("/usr/local/bin/check", mode=0o755)
    assert ("/usr/local/bin/check",) == locate("UPGRADE_CHECK", ("check",), host)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("curl", "-f"), "UPGRADE_CHECK 'curl -f': curl is not in /usr/local/sbin:.*:/bin$"),
        (("/opt/curl",), "UPGRADE_CHECK '/opt/curl': /opt/curl does not exist$"),
        (("data",), "UPGRADE_CHECK 'data': /usr/bin/data cannot be executed$"),
        (("/usr/bin/data",), "UPGRADE_CHECK '/usr/bin/data': /usr/bin/data cannot be executed$"),
    ],
)
def test_command_that_cannot_be_run(host, command, reason):
    """The setting, the command, and what is wrong with it are told."""
    host.put("/usr/bin/data", mode=0o644)

    with pytest.raises(SettingsError, match=reason):
        locate("UPGRADE_CHECK", command, host)


def test_command_of_the_settings_that_hangs(host, program):
    """It is told by the name of its setting."""
    program.seconds = 1000

    with pytest.raises(InitError, match="ready 'check -q' has not ended after 5 s"):
        run_named("ready", ("check", "-q"), host, within=5)


def test_surroundings_whose_environment_cannot_be_read(host, program):
    """Then it is that of a start, as it is of a daemon."""
    unread = SURROUNDINGS.replace(environment=None)

    run([PROGRAM], host, within=1, environment={"A": "b"}, surroundings=unread)

    assert [{"A": "b"}] == [child.start["environment"] for child in host.children_started]
