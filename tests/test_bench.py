"""The bench itself: that it still works, and that the README says what it has measured."""

from __future__ import annotations

import os
import signal
import subprocess

import psutil
import pytest

import initpy

ROOT = os.path.dirname(os.path.dirname(initpy.__file__))
BENCH = os.path.join(ROOT, "scripts", "bench")


@pytest.mark.real
def test_bench_works():
    """A small run measures everybody, keeps what does not hang on speed, and writes nothing."""
    with open(os.path.join(ROOT, "README.rst")) as file:
        readme = file.read()

    done = subprocess.run([BENCH, "--quick"], capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr
    for name in ("floor", "initpy", "Debian", "s-s-d", "systemctl", "supervisor"):
        assert name in done.stdout
    with open(os.path.join(ROOT, "README.rst")) as file:
        assert readme == file.read()


@pytest.mark.real
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_bench_leaves_nothing_behind(sig):
    """However it ends, whatever it has started ends with it."""
    bench = subprocess.Popen(
        [BENCH, "--quick"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    measuring = bench.stderr.readline()
    inside = psutil.Process(bench.pid).children(recursive=True)
    names = {process.name() for process in inside}

    bench.send_signal(sig)
    _, left = psutil.wait_procs(inside, timeout=20)
    bench.communicate(timeout=20)

    assert "beside 0 other processes" in measuring
    assert {"unshare", "supervisord"} <= names
    assert [] == left
