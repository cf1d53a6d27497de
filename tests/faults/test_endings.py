"""INT and TERM end every action soon, or it finishes what must not be left half done."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from contextlib import suppress

import pytest
from real_daemons import wait_until
from real_load import heeds, moments

pytestmark = pytest.mark.fault

MOMENTS = int(os.environ.get("INITPY_TEST_ENDINGS", "2"))
BEFORE = {"start": "stop"}  # what is done before an action: "start" before the others
ACTIONS = ("start", "stop", "restart", "reload", "upgrade", "configtest", "reopen")


def duration(site, action):
    """Return how many seconds an action takes."""
    site.script(BEFORE.get(action, "start"))
    return site.script(action).seconds


@pytest.mark.parametrize("action", ACTIONS)
def test_at_any_moment(site, action):
    """INT or TERM at any moment of any action: it ends soon, and is done or undone."""
    for seconds in moments(duration(site, action), MOMENTS):
        site.script(BEFORE.get(action, "start"))
        sig = random.choice([signal.SIGINT, signal.SIGTERM])
        with site.running_script(action) as script:
            wait_until(lambda: heeds(script), "the script to heed signals")
            with suppress(subprocess.TimeoutExpired):
                script.wait(seconds)
            script.send_signal(sig)
            # If it did not heed the signal, it would wait until its deadline.
            _, err = script.communicate(timeout=site.service.timeout / 2)

        assert "Traceback" not in err, err
        assert script.returncode in (0, 1, 150), (seconds, err)
        if action not in ("start", "stop"):
            assert site.ask(), (seconds, err)
        result = site.script("start")
        assert 0 == result.code, (seconds, err, result)
        site.see_only(site.master)
        assert site.ask(), (seconds, err)
