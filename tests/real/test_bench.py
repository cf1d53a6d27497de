"""The bench itself: that it still works, and that docs/measurements.rst has its figures."""

from __future__ import annotations

import os
import signal
import subprocess

import psutil
import pytest

import initpy

pytestmark = pytest.mark.real

ROOT = os.path.dirname(os.path.dirname(initpy.__file__))
BENCH = os.path.join(ROOT, "scripts", "bench")
PAGE = os.path.join(ROOT, "docs", "measurements.rst")


def test_bench_works():
    """A small run measures everybody, keeps what does not hang on speed, and writes nothing."""
    with open(PAGE) as file:
        before = file.read()

    done = subprocess.run([BENCH, "--quick"], capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr
    for name in ("floor", "initpy", "Debian", "s-s-d", "systemctl", "supervisor"):
        assert name in done.stdout
    with open(PAGE) as file:
        assert before == file.read()


def test_figures_are_the_measured_ones():
    """The page says what the last whole run has measured, which has kept every promise."""
    done = subprocess.run([BENCH, "--check"], capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr


def name_of(process):
    """Return the name of a process, or "" if it has ended meanwhile."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_bench_leaves_nothing_behind(sig):
    """However it ends, whatever it has started ends with it."""
    bench = subprocess.Popen(
        [BENCH, "--quick"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    measuring = bench.stderr.readline()
    inside = psutil.Process(bench.pid).children(recursive=True)
    names = {name_of(process) for process in inside}

    bench.send_signal(sig)
    _, left = psutil.wait_procs(inside, timeout=20)
    bench.communicate(timeout=20)

    assert "beside 0 other processes" in measuring
    assert {"unshare", "supervisord"} <= names
    assert [] == left
