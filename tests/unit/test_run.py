from __future__ import annotations

import pytest
from fakes import Run

from initpy.control.run import CannotExecute, Finished, run, start_daemon
from initpy.errors import Interrupted, NotInstalled, NotPermitted, WaitTimeout

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
        start_daemon([PROGRAM], host)


def test_dangling_link(host):
    """A link to nowhere is not installed either."""
    host.put(PROGRAM, "/bin/nowhere", kind="link")

    with pytest.raises(NotInstalled):
        start_daemon([PROGRAM], host)


@pytest.mark.parametrize(("euid", "error"), [(0, CannotExecute), (33, NotPermitted)])
def test_not_executable(host, euid, error):
    """For root it is the file's fault, for others it may be the user's."""
    host.put(PROGRAM, mode=0o644)
    host.euid = euid

    with pytest.raises(error):
        start_daemon([PROGRAM], host)


def test_no_program_at_all(host, program):
    """What the kernel says of a file that is no program is told."""

    def refused(argv):
        raise OSError(8, "Exec format error")

    host.programs[PROGRAM] = refused

    with pytest.raises(CannotExecute, match="/bin/check cannot be executed: Exec format error"):
        start_daemon([PROGRAM], host)
