"""Private daemons, and copies of this machine with daemons of their own."""

from __future__ import annotations

from contextlib import closing

import pytest

pytest.register_assert_rewrite("real_daemons", "real_fixtures", "chamber", "elsewhere")

from chamber import Chamber  # noqa: E402
from real_fixtures import client, fpm, nginx, place, site  # noqa: E402, F401

# Not for --doctest-modules: there is one conftest in every folder.
collect_ignore = ["conftest.py"]


@pytest.fixture
def island(place):  # noqa: F811 - the fixture
    """Give a private copy of this machine, with a network of its own."""
    with closing(Chamber(place, island=True)) as mine:
        yield mine
