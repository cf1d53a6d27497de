from __future__ import annotations

import signal

import pytest

from initpy.control.signals import killproc, suspend, terminate
from initpy.errors import InitError, Interrupted, NotPermitted, NotRunning, WaitTimeout
from initpy.schedule import parse_schedule

SCHEDULE = parse_schedule("QUIT/30/TERM/5/KILL/5")


def test_stubborn_process_gets_the_whole_schedule(host):
    """Each signal comes when the last one's seconds are over, and not before."""
    process = host.add(42)

    killproc(process.id, schedule=SCHEDULE, host=host)

    assert [(0, 42, "SIGQUIT"), (30, 42, "SIGTERM"), (35, 42, "SIGKILL")] == host.sent


def test_obedient_process_gets_one_signal(host):
    """Once it is gone, nothing more is sent."""
    process = host.add(42)
    host.on("SIGQUIT", lambda process: host.at(3, lambda: host.end(process)))

    killproc(process.id, schedule=SCHEDULE, host=host)

    assert [(0, 42, "SIGQUIT")] == host.sent
    assert 3 == host.now


def test_stopped_process_is_woken(host):
    """A process that somebody has stopped is let take what it is sent."""
    process = host.add(42, state="T")
    host.on("SIGCONT", host.end)

    killproc(process.id, schedule=SCHEDULE, host=host)

    assert [(0, 42, "SIGQUIT"), (0, 42, "SIGCONT")] == host.sent


def test_gone_already_is_success(host):
    """To end what is gone already is to do nothing."""
    process = host.add(42)
    host.end(process)

    killproc(process.id, host=host)

    assert [] == host.sent


def test_number_that_was_given_away_is_not_signalled(host):
    """Another process of the same number is another process."""
    process = host.add(42).id
    host.sleep(10)
    host.add(42)

    killproc(process, host=host)

    assert [] == host.sent


def test_zombie_is_gone(host):
    """One that only waits for its parent needs no signal."""
    process = host.add(42, state="Z")

    killproc(process.id, host=host)

    assert [] == host.sent


def test_outliving_the_schedule_is_an_error(host):
    """A process that outlives even KILL is told, with how long it was given."""
    process = host.add(42, state="D")
    host.end = lambda process: None

    with pytest.raises(WaitTimeout, match=r"waited 5 s for .*\b42\b"):
        killproc(process.id, host=host)

    assert ["SIGTERM", "SIGKILL"] == [sig for _, _, sig in host.sent]


def test_signal_is_delivered(host):
    """With a signal, that is sent and nothing awaited."""
    process = host.add(42)

    killproc(process.id, signal.SIGHUP, host=host)

    assert [(0, 42, "SIGHUP")] == host.sent
    assert 0 == host.now


def test_signal_for_the_gone_is_7(host):
    """A signal that finds nobody is told: LSB says 7."""
    process = host.add(42)
    host.end(process)

    with pytest.raises(NotRunning):
        killproc(process.id, signal.SIGHUP, host=host)


@pytest.mark.parametrize("sig", ["SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_request_that_would_kill_is_refused(host, sig):
    """A php-fpm that does not catch HUP would die of it: nothing is sent."""
    process = host.add(42, caught=0)

    with pytest.raises(InitError, match=f"does not catch {sig} and would die of it"):
        killproc(process.id, signal.Signals[sig], host=host)

    assert [] == host.sent


@pytest.mark.parametrize(
    ("sig", "facts"),
    [("SIGTERM", {"caught": 0}), ("SIGHUP", {"caught": 0, "ignored": 1}), ("SIGHUP", {})],
)
def test_what_is_meant_is_sent(host, sig, facts):
    """TERM is meant to kill; what is caught or ignored kills nobody."""
    process = host.add(42, **facts)

    killproc(process.id, signal.Signals[sig], host=host)

    assert [(0, 42, sig)] == host.sent


def test_not_permitted_is_never_already_stopped(host):
    """EPERM is an error of its own."""
    process = host.add(42)
    host.euid = 33

    with pytest.raises(NotPermitted):
        killproc(process.id, host=host)


def test_rest_is_left_to_its_leader(host):
    """While a leader lives, the rest gets nothing but KILL."""
    leader, worker = host.add(1001), host.add(1002)

    terminate([leader.id, worker.id], SCHEDULE, host, leaders=[leader.id])

    assert [
        (0, 1001, "SIGQUIT"),
        (30, 1001, "SIGTERM"),
        (35, 1001, "SIGKILL"),
        (35, 1002, "SIGKILL"),
    ] == host.sent


def test_rest_is_told_itself_once_the_leader_is_gone(host):
    """Workers that outlive their master get the next signal."""
    leader, worker = host.add(1001), host.add(1002)
    host.on("SIGQUIT", host.end)

    terminate([leader.id, worker.id], SCHEDULE, host, leaders=[leader.id])

    assert [(0, 1001, "SIGQUIT"), (30, 1002, "SIGTERM"), (35, 1002, "SIGKILL")] == host.sent


def test_kin_is_ended_too(host):
    """A worker that is started meanwhile does not escape."""
    master = host.add(1001)
    born = []
    host.at(2, lambda: born.append(host.add(1002).id))

    terminate([master.id], SCHEDULE, host, more=lambda: born)

    assert {} == host.processes
    assert (35, 1002, "SIGKILL") in host.sent


def test_kin_born_between_look_and_kill(host):
    """A master that forks just before its KILL leaves nobody: what is born gets it, too."""
    master = host.add(argv=("x",))
    born = []

    def fork():
        born.append(host.add(argv=("x",)).id)

    master.at_end.append(fork)

    terminate([master.id], parse_schedule("KILL/5"), host, more=lambda: born)

    assert {} == host.processes
    assert host.now < 1


def test_interrupted_half_way(host):
    """A wait that may be given up is, when we are told to end."""
    process = host.add(42)
    host.at(10, lambda: setattr(host, "interrupted_by", "SIGINT"))

    with pytest.raises(Interrupted, match=r"SIGINT while waiting for .*\b42\b"):
        terminate([process.id], SCHEDULE, host, interruptible=True)

    assert [(0, 42, "SIGQUIT")] == host.sent


def test_nobody_to_end(host):
    """To end nobody is done at once."""
    terminate([], SCHEDULE, host)

    assert 0 == host.now


@pytest.mark.parametrize("seconds", [0, 0.02, 1])
def test_freeze(host, seconds):
    """It returns when the process has stopped, which may be a while after the signal."""
    process = host.add()
    host.stopping = seconds

    suspend(process.id, host)

    assert "T" == process.state
    assert seconds <= host.now <= seconds * 1.11 + 0.001


def test_freeze_of_the_traced(host):
    """Under strace(1) a stopped process has another letter."""
    process = host.add(state="t")
    host.stopping = 60

    suspend(process.id, host)

    assert 0 == host.now


def test_freeze_of_the_gone(host):
    """What has ended bears nobody either."""
    process = host.add()
    host.stopping = 1
    host.at(0.5, lambda: host.end(process))

    suspend(process.id, host)

    assert host.now < 1


@pytest.mark.parametrize("where", ["blocked", "waited"])
def test_signal_that_a_thread_waits_for(host, where):
    """A daemon that takes a request by signalfd(2) or sigwait(3) blocks it, and does not die."""
    process = host.add(caught=0, **{where: 1 << (signal.SIGHUP - 1)})

    killproc(process.id, signal.SIGHUP, host=host)

    assert [(0, process.pid, "SIGHUP")] == host.sent
