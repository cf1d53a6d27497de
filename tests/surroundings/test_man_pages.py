"""The manual pages, as mandoc(1) reads them."""

from __future__ import annotations

import os
import subprocess

import pytest

pytestmark = pytest.mark.real

MAN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "man")


@pytest.mark.parametrize("page", os.listdir(MAN))
def test_lint(page):
    """Mandoc has nothing to say against it."""
    command = ["mandoc", "-T", "lint", os.path.join(MAN, page)]

    ended = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (0, "", "") == (ended.returncode, ended.stdout, ended.stderr)
