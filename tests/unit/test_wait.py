from __future__ import annotations

import pytest

from initpy.errors import HostError, InitError, Interrupted, WaitTimeout
from initpy.host.wait import POLL_FIRST, POLL_MOST, insist, wait_until


def test_found_at_once(host):
    """What is there already costs no time."""
    assert 42 == wait_until(lambda: 42, within=5, host=host, what="the answer")
    assert 0 == host.now


def test_found_later(host):
    """What comes is seen at most one pause later."""
    came = []
    host.at(3, lambda: came.append("news"))

    found = wait_until(lambda: came, within=5, host=host, what="news")

    assert ["news"] == found
    assert 3 <= host.now <= 3 + POLL_MOST


def test_deadline(host):
    """What never comes is told when the time is over, not before and not much later."""
    with pytest.raises(WaitTimeout, match=r"waited 5 s for news") as caught:
        wait_until(lambda: None, within=5, host=host, what="news")

    assert 5 == round(host.now, 6)
    assert 5 == caught.value.seconds


def test_last_look_comes_after_the_deadline(host):
    """Suspended for an hour, we look once more: it may have happened."""
    looks = []

    def probe():
        looks.append(host.now)
        host.sleep(3600)
        return len(looks) == 2

    assert wait_until(probe, within=5, host=host, what="news")
    assert [0, 3601] == looks


def test_looks_that_take_long(host):
    """Half of the time is left to what is awaited."""
    looks = []

    def probe():
        looks.append(host.now)
        host.sleep(0.2)

    with pytest.raises(WaitTimeout):
        wait_until(probe, within=2, host=host, what="news")

    assert [0, 0.4, 0.8, 1.2, 1.6, 2.0] == [round(look, 1) for look in looks]


def test_first_pauses_are_short(host):
    """A failure that shows for milliseconds only is not slept over."""
    looks = []
    with pytest.raises(WaitTimeout):
        wait_until(lambda: looks.append(host.now), within=0.01, host=host, what="news")

    assert len([look for look in looks if look < 0.005]) >= 4


def test_words_are_looked_for_when_they_are_said(host):
    """What is awaited may cost a look at the whole host: not at every poll."""
    looks = []

    def what():
        looks.append(host.now)
        return "news"

    with pytest.raises(WaitTimeout, match="news"):
        wait_until(lambda: None, within=2.5, host=host, what=what)

    assert [1, 2, 2.5] == [round(look, 1) for look in looks]


@pytest.mark.parametrize("moment", [0.0042, 0.1, 0.4, 3])
def test_seen_soon(host, moment):
    """Nothing is seen later than by a tenth of the time that it took, or a millisecond."""
    came = []
    host.at(moment, lambda: came.append("news"))

    wait_until(lambda: came, within=5, host=host, what="news")

    assert host.now <= moment + max(0.1 * moment, 0.001) + 1e-9


def test_exception_ends_the_wait(host):
    """What *probe* raises is passed on."""
    with pytest.raises(ZeroDivisionError):
        wait_until(lambda: 1 / 0, within=5, host=host, what="news")

    assert 0 == host.now


def test_interrupted(host):
    """Told to end, an interruptible wait is given up, and says by what."""
    host.at(2, lambda: setattr(host, "interrupted_by", "SIGHUP"))

    with pytest.raises(Interrupted, match="SIGHUP while waiting for news"):
        wait_until(lambda: None, within=5, host=host, what="news", interruptible=True)

    assert 2 <= host.now < 2.1


def test_not_interruptible(host):
    """A wait that must not be left half done goes on."""
    host.interrupted_by = "SIGHUP"
    came = []
    host.at(2, lambda: came.append("news"))

    assert wait_until(lambda: came, within=5, host=host, what="news")


def test_end_of_a_process_is_worth_a_look(host):
    """The end of the watched process is seen when it comes."""
    process = host.add(42)
    host.at(3, lambda: host.end(process))

    wait_until(
        lambda: host.find(42) is None, within=5, host=host, what="42 to end", until=process.id
    )

    assert 3 == host.now


def test_dead_process_is_no_reason_to_spin(host):
    """Once the watched process has ended, the pauses are as long as ever."""
    process = host.add(42)
    host.end(process)
    looks = []

    with pytest.raises(WaitTimeout):
        wait_until(lambda: looks.append(1), within=5, host=host, what="news", until=process.id)

    assert len(looks) < 160


def test_progress_is_told_each_second(host):
    """After a second of silence the operator hears what is awaited."""
    said = []
    host.progress = said.append
    with pytest.raises(WaitTimeout):
        wait_until(lambda: None, within=3.5, host=host, what=lambda: "news")

    assert [f"waiting for news, {second} s" for second in (1, 2, 3)] == said


@pytest.mark.parametrize(
    "error", [HostError("it", OSError(24, "no")), MemoryError(), ImportError()]
)
def test_insist(host, error):
    """What must not be left half done is done again while a system call fails."""
    came = []
    host.at(3, lambda: came.append("done"))

    def act():
        if not came:
            raise error
        return came

    assert ["done"] == insist(act, host)
    assert 3 <= host.now <= 3 + POLL_MOST


def test_insist_in_vain(host):
    """What goes on failing is told when the time is over; any other failure at once."""
    with pytest.raises(HostError):
        insist(fails(HostError("it", OSError(24, "no"))), host, within=2)
    assert 2 == round(host.now, 1)

    with pytest.raises(InitError):
        insist(fails(InitError("no")), host, within=2)
    assert 2 == round(host.now, 1)


def fails(error):
    """Return a function that raises that."""

    def act():
        raise error

    return act


def test_end_of_the_process_that_comes_before(host):
    """What is awaited follows soon: then it is looked for as often as in the beginning."""
    worker = host.add(title="worker")
    host.at(3, lambda: host.end(worker))
    host.at(3.002, lambda: came.append("news"))
    came = []

    wait_until(lambda: came, within=5, host=host, what="news", until=worker.id)

    assert 3.002 <= host.now <= 3.004


def test_moment_that_is_known(host):
    """What is known to come at a moment is looked for at that moment."""
    moment = host.monotonic() + 3.14
    looks = []

    def probe():
        looks.append(host.monotonic())
        return host.monotonic() >= moment

    wait_until(
        probe, within=5, host=host, what="news", due=lambda: moment if host.now > 1 else None
    )

    assert moment <= looks[-1] <= moment + POLL_FIRST
    assert len(looks) < 110


def test_moment_that_has_passed(host):
    """If it has not come by then, it is looked for as ever."""
    moment = host.monotonic() + 1
    looks = []

    with pytest.raises(WaitTimeout):
        wait_until(
            lambda: looks.append(host.now), within=5, host=host, what="news", due=lambda: moment
        )

    assert len(looks) < 200
