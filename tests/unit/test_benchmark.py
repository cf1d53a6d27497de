"""The examples in the docstrings of scripts/benchmark, which pytest does not collect."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import initpy

ROOT = os.path.dirname(os.path.dirname(initpy.__file__))


@pytest.mark.parametrize("name", ["page", "telling"])
def test_the_examples_of_the_page_hold(name):
    """What the page says of rounds and ratios is as its functions' examples say."""
    path = os.path.join(ROOT, "scripts", "benchmark", f"{name}.py")

    done = subprocess.run(
        [sys.executable, "-B", "-m", "doctest", path], capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stdout), done.stderr
