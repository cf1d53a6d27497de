"""Two scripts for one daemon at once, as at boot: whichever starts it, one master serves."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from real_daemons import Fpm, Nginx, wait_until
from real_load import moments

pytestmark = pytest.mark.fault

RIVALS = int(os.environ.get("INITPY_TEST_RIVALS", "3"))  # moments at which one comes


@pytest.fixture(params=["nginx", "fpm", "fpm on a unix socket"])
def rivalled(request, place):
    """Give each of the daemons in turn, stopped; php-fpm also on a unix socket."""
    if request.param == "nginx":
        return Nginx(place)
    fpm = Fpm(place)
    if "unix" in request.param:
        fpm.listen = fpm.path("fpm.sock")
        fpm.configure()
    return fpm


def test_start_at_any_moment_of_a_start(rivalled):
    """Another script starts the daemon during ours: start is 0, and one master serves."""
    service = rivalled.service
    at = {"at": rivalled.listen} if getattr(rivalled, "listen", "") else {}
    command = service.command(service.start_args)
    began = time.monotonic()
    rivalled.start()
    duration = time.monotonic() - began
    assert 0 == rivalled.act("stop").code

    for seconds in (0, *moments(duration, RIVALS)):
        with rivalled.running_script("start") as ours:
            time.sleep(seconds)
            rival = subprocess.run(
                command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
            )
            _, complaints = ours.communicate(timeout=60)

        told = (seconds, rival.returncode, complaints)
        assert 0 == ours.returncode, told
        assert rivalled.ask(**at), told
        wait_until(lambda: len(rivalled.workers) == rivalled.crew, "all workers")
        rivalled.see_only(rivalled.master)  # a daemon that has lost may still be ending
        assert rivalled.master.pid == rivalled.named, told
        assert 0 == rivalled.act("stop").code
        assert {} == rivalled.place.processes()
