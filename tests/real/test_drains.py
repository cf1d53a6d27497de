"""Other actions while old processes finish their requests: none of them is held up."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack, contextmanager

import pytest
from real_daemons import AT_ONCE, wait_until

from initpy.control.lock import lock_path
from initpy.state.phase import told_to_finish

pytestmark = pytest.mark.real


@contextmanager
def request_in_flight(site, *, whole=True):
    """Have a request in flight until the block ends.

    whole: whether php is to answer it in full.
    """
    if site.kind == "nginx":
        with site.download():
            yield
        return
    began, end = site.place.write("began", "", 0o666), site.place.path("end")
    script = site.place.write(
        "long.php",
        f"<?php file_put_contents('{began}', 'x'); "
        f"do {{ usleep(20000); clearstatcache(); }} while (!file_exists('{end}')); echo 'whole';",
    )
    answers = []

    def ask():
        try:
            answers.append(site.ask(script, within=30))
        except (OSError, AssertionError):
            answers.append("cut")

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: os.path.getsize(began), "the request to run")
    try:
        yield
    finally:
        site.place.write("end", "")
        asking.join()
    assert ["whole" if whole else "cut"] == answers


def finishing(site):
    """Return the processes that were told to finish their requests, and live."""
    return list(told_to_finish(site.service, site.host))


def await_drain(site):
    """Wait until the old processes were told, and the lock is free."""

    def told():
        with open(lock_path(site.service)) as lock:
            return not lock.read() and finishing(site)

    wait_until(told, "the upgrade to wait without the lock")


@contextmanager
def draining(site, *options, whole=True):
    """Have an upgrade that waits for a request; after the block the request ends.

    Yields the script; its ``said`` is what it has written, after the block.
    """
    with ExitStack() as ends:
        with request_in_flight(site, whole=whole):
            upgrade = ends.enter_context(site.running_script(*options, "upgrade"))
            await_drain(site)
            yield upgrade
        upgrade.said = upgrade.communicate(timeout=20)


def test_other_actions_are_done_at_once(site):
    """status, reopen, reload and start work on the new master; the request goes on."""
    old = site.start()
    with draining(site) as upgrade:
        told = site.act("status")
        for action in ("reopen", "reload", "start", "configtest"):
            result = site.act(action)

            assert 0 == result.code, (action, result)
            assert result.seconds < AT_ONCE, (action, result)
            assert upgrade.poll() is None, action
        assert finishing(site)

    assert (0, True) == (told.code, "only finish their requests" in told.out), told
    assert 0 == upgrade.returncode, upgrade.said
    assert old != site.master
    site.see_only(site.master)


def test_logs_are_reopened_beside_a_drain(nginx):
    """A rotated log is let go by the old workers, too, though their master only ends."""
    log = nginx.path("access.log")
    nginx.start()
    with draining(nginx):
        os.rename(log, f"{log}.1")

        result = nginx.act("reopen")

        workers = [one for one in finishing(nginx) if "worker" in nginx.host.title(one.pid)]
        held = nginx.held(*workers, nginx.master, *nginx.workers)

    assert 0 == result.code, result
    assert result.seconds < AT_ONCE
    assert workers
    assert f"{log}.1" not in held


@pytest.mark.parametrize("action", ["upgrade", "restart"])
def test_those_that_replace_the_master_wait(site, action):
    """A second upgrade waits for the first one's old workers, and names them; so does restart."""
    site.start()
    with draining(site) as first:
        new = site.master
        second = site.act(action, "--timeout", "0.3")
        assert first.poll() is None
        assert new == site.master

    assert 152 == second.code, second
    assert "old processes finish their requests (pids " in second.err
    assert 0 == first.returncode, first.said
    assert 0 == site.act(action).code
    assert new != site.master


def test_second_upgrade_goes_on_when_the_first_has_ended(site):
    """It waits until the first one has drained and looked again; then both are 0."""
    site.start()
    with draining(site) as first:
        second = site.running_script("upgrade")
        script = second.__enter__()
        wait_until(lambda: "waiting" in script.stdout.readline(), "the second one to wait")
    said = script.communicate(timeout=20)
    second.__exit__(None, None, None)

    assert 0 == first.returncode, first.said
    assert 0 == script.returncode, said
    site.see_only(site.master)


def test_stop_ends_both(site):
    """Stop ends the old processes with the new ones; the upgrade says that it was stopped."""
    site.start()
    with draining(site, whole=False) as upgrade:
        result = site.act("force-quit")
        assert 0 == result.code, result
        said = upgrade.communicate(timeout=AT_ONCE)

    assert 1 == upgrade.returncode, said
    assert "was stopped meanwhile" in said[1]
    assert set() == set(site.place.processes())


def test_script_killed(site):
    """The script that waits is killed: the next upgrade finishes it, the request is answered."""
    site.start()
    with request_in_flight(site), site.running_script("upgrade") as upgrade:
        await_drain(site)
        upgrade.kill()
        upgrade.wait()
        told, reloaded = site.act("status"), site.act("reload")
    result = site.act("upgrade")

    assert "only finish their requests" in told.out
    assert 0 == reloaded.code, reloaded
    assert 0 == result.code, result
    site.see_only(site.master)


def test_new_master_killed(nginx):
    """The new master is killed while the old one finishes: said at once, 151."""
    nginx.start()
    with draining(nginx) as upgrade:
        nginx.kill(nginx.master, signal.SIGKILL)
        said = upgrade.communicate(timeout=AT_ONCE)

    assert 151 == upgrade.returncode, said
    assert "died, the old one has quit already" in said[1]


def test_what_is_cut_is_counted(site):
    """A request that lasts longer than DRAIN_TIMEOUT is cut: 0, and said in JSON."""
    site.start()
    with request_in_flight(site, whole=False):
        result = site.act("--json", "upgrade", drain_timeout=2.0)

    assert 0 == result.code, result
    assert 1 == result.json["cut"]
    assert result.json["message"].startswith("requests were cut: old workers that had not fini")
