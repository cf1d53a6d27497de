"""The bench itself: that it still works, and that docs/measurements.rst has its figures."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess

import psutil
import pytest

import initpy

ROOT = os.path.dirname(os.path.dirname(initpy.__file__))
BENCH = os.path.join(ROOT, "scripts", "bench")
PAGE = os.path.join(ROOT, "docs", "measurements.rst")


@pytest.mark.real
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


@pytest.mark.real
def test_figures_are_the_measured_ones():
    """The page says what the last whole run has measured, which has kept every promise."""
    done = subprocess.run([BENCH, "--check"], capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr


def test_promises_can_be_broken():
    """Of a run in which initpy was slow, fat and lost requests, no promise is kept."""
    path = os.path.join(ROOT, "scripts", "benchmark")
    spec = importlib.util.spec_from_file_location("promises", os.path.join(path, "promises.py"))
    promises = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(promises)
    with open(os.path.join(path, "measured", "figures.json")) as file:
        figures = json.load(file)

    for row in (*figures["times"], *figures["growth"]):
        if "initpy" == row["peer"]:
            row["seconds"] = [1000.0 * (1 + row.get("size", 0)) for _ in row["seconds"]]
            row["codes"] = [1 for _ in row["seconds"]]
    figures["startup"]["status"] = [1000.0]
    for row in figures["losses"]:
        if "initpy" == row["peer"]:
            row["runs"] = [{**run, "lost": run["lost"] + 500} for run in row["runs"]]
            row["runs"][0]["lost"] += 1000  # from run to run it differs
    for row in figures["memory"]:
        row["own"] = 1 << 20
    for row in figures["instances"]:
        row["failed"] = 1
        row.update({"lost": {"reset": 1}} if "lost" in row else {})
    kept = [promise.claim for promise in promises.all_of(figures) if promise.kept]

    assert [] == kept


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
