"""The fixtures of tests/real, for tests that break something on purpose."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("real_daemons", "real_fixtures")

from real_fixtures import client, fpm, nginx, place, site, stranger  # noqa: E402, F401

# Not for --doctest-modules: there is one conftest in every folder.
collect_ignore = ["conftest.py"]
