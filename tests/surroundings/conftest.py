"""Places to install into, for the tests of what surrounds a script."""

from __future__ import annotations

from contextlib import closing

import pytest

pytest.register_assert_rewrite("real_daemons", "real_fixtures", "chamber")

from chamber import Chamber  # noqa: E402
from real_fixtures import client, fpm, nginx, place, site  # noqa: E402, F401

# Not for --doctest-modules: there is one conftest in every folder.
collect_ignore = ["conftest.py"]


@pytest.fixture
def chamber(place):  # noqa: F811 - the fixture
    """Give a private copy of this machine, with no init scripts."""
    with closing(Chamber(place)) as mine:
        yield mine


@pytest.fixture
def island(place):  # noqa: F811 - the fixture
    """Give a private copy of this machine, with a network of its own."""
    with closing(Chamber(place, island=True)) as mine:
        yield mine


@pytest.fixture
def systemd(place):  # noqa: F811 - the fixture
    """Give a private copy of this machine that systemd runs."""
    with closing(Chamber(place, systemd=True)) as mine:
        yield mine
