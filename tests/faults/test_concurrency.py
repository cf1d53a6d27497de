"""Many actions at once on one real service: each as if it were alone, or told to wait."""

from __future__ import annotations

import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from real_daemons import can_bind, wait_until
from real_load import ACTIONS, crash

pytestmark = pytest.mark.fault

CODES = {
    "start": {0},
    "stop": {0},
    "restart": {0},
    "reload": {0, 7},
    "upgrade": {0, 7},
    "status": {0, 1, 2, 3},  # as it is just then
}
LIFE = 300  # seconds for them all


def together(site, actions):
    """Run all those actions at once; return what each has said, in the order of their ends."""
    told = []

    def see(script, action):
        said, _ = script.communicate(timeout=LIFE)
        told.append((action, script.returncode, said))

    scripts = [
        subprocess.Popen(
            [site.wrapper, action, "--timeout", str(LIFE)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for action in actions
    ]
    try:
        with ThreadPoolExecutor(len(scripts)) as pool:
            list(pool.map(see, scripts, actions))
    finally:
        for script in scripts:
            script.kill()
            script.wait()
    return told


def test_mixed_actions(site):
    """Many actions at once on one service: none fails, and the last one decides its state."""
    actions = random.choices(list(CODES), k=ACTIONS)
    site.start()

    told = together(site, actions)

    # A stop may end what an upgrade or a restart has just done, and it says so.
    stopped_meanwhile = ("was stopped meanwhile", "and started again")
    failed = [one for one in told if one[1] not in CODES[one[0]]]
    assert [] == [one for one in failed if not any(said in one[2] for said in stopped_meanwhile)]
    assert [] == [one for one in told if "Traceback" in one[2]]
    # One that has nothing to do may end before the one that had it all to do: they agree. One
    # that has failed was done before the stop of which it says so, however late it ends.
    action, code, _ = [one for one in told if one[0] != "status" and one not in failed][-1]
    stopped = action == "stop" or code == 7
    status = site.act("status")
    assert (3 if stopped else 0) == status.code, (action, status)
    if stopped:
        assert {} == site.place.processes()
        assert can_bind(site.port)
    else:
        assert site.ask()
        wait_until(lambda: len(site.workers) == site.crew, "all workers")
        assert {site.master, *site.workers} == set(site.place.processes())
        assert site.master.pid == site.named
    assert 0 == site.act("stop").code
    assert {} == site.place.processes()


def test_upgrades_at_once(site):
    """Several upgrades at once: they are done one after another, and one master is left."""
    old = site.start()

    told = together(site, ["upgrade"] * 4)

    assert [0] * 4 == [code for _, code, _ in told], told
    wait_until(lambda: len(site.workers) == site.crew, "all workers")
    assert {site.master, *site.workers} == set(site.place.processes())
    assert old != site.master
    assert site.ask()


def test_starts_of_orphans_at_once(site):
    """The master was killed, several starts at once: one recovers it, and one master is left."""
    site.start()
    orphans = crash(site)

    told = together(site, ["start"] * 4)

    assert [0] * 4 == [code for _, code, _ in told], told
    wait_until(lambda: len(site.workers) == site.crew, "all workers")
    assert {site.master, *site.workers} == set(site.place.processes())
    assert not orphans & site.workers
    assert site.ask()


def test_lock_held_too_long(site):
    """Another action holds the lock for too long: 152, naming that action; no signal is sent."""
    site.start()
    before = site.master, site.workers
    sleep = site.place.tool("sleep")
    site.place.settings(site.name, f"UPGRADE_CHECK='{sleep} 600'\n")
    checks = lambda: any(t.startswith(sleep) for t in site.place.processes().values())  # noqa: E731
    with site.running_script("upgrade") as upgrade:
        wait_until(checks, "the check to run")

        results = [
            site.act(action, "--timeout", "0.2")
            for action in ("start", "stop", "reload", "upgrade", "restart", "reopen")
        ]

        assert [152] * 6 == [result.code for result in results], results
        assert all(f"upgrade (pid {upgrade.pid})" in result.err for result in results), results
        upgrade.terminate()
        upgrade.communicate(timeout=20)
    assert 150 == upgrade.returncode
    assert before[0] == site.master
    assert site.ask()
