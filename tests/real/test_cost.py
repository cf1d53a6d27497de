"""What a wrapper costs over the start of its interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.real

RUNS = 30


def timed(argv):
    began = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def test_status_costs_little_more_than_the_interpreter(nginx, capsys):
    """The median time of status is at most 1.5 times that of an empty program."""
    nginx.start()
    bare, status = [], []

    for _ in range(RUNS):  # alternating, since a machine's speed drifts
        bare.append(timed([sys.executable, "-I", "-c", "pass"]))
        status.append(timed([nginx.wrapper, "status"]))

    ratio = statistics.median(status) / statistics.median(bare)
    with capsys.disabled():
        print(f"\nstatus costs {ratio:.2f} times an empty program ({RUNS} runs)")  # noqa: T201 - to be seen
    assert ratio <= 1.5
