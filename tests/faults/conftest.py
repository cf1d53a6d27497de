"""The fixtures of tests/real, for tests that break something on purpose."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "real"))
pytest.register_assert_rewrite("real_daemons", "real_fixtures")

from real_fixtures import client, fpm, nginx, place, site  # noqa: E402, F401

# Not for --doctest-modules: there is one conftest in every folder.
collect_ignore = ["conftest.py"]
