"""The initpy command, called in odd ways and interrupted."""

from __future__ import annotations

import os
import sys

import pytest
from real_load import run

pytestmark = pytest.mark.fault

INITPY = os.path.join(os.path.dirname(sys.executable), "initpy")


def test_sigchld_ignored(site):
    """The caller of initpy ignores SIGCHLD: the daemon is asked all the same."""
    script = site.path("script")
    command = [INITPY, "generate", site.kind, "--daemon", site.daemon, "-o", script]

    result = run(["env", "--ignore-signal=CHLD", *command])

    assert 0 == result.code, result
    assert os.access(script, os.X_OK)
