"""The bench's promises, held against figures that were measured."""

from __future__ import annotations

import importlib.util
import json
import os

import initpy

ROOT = os.path.dirname(os.path.dirname(initpy.__file__))


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
