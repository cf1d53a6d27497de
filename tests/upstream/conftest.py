"""The fixtures of this folder: the host of the document."""

from __future__ import annotations

from contextlib import closing

import pytest

pytest.register_assert_rewrite("real_daemons", "real_fixtures", "chamber", "server")

from chamber import Chamber  # noqa: E402
from real_fixtures import place  # noqa: E402, F401
from server import Server  # noqa: E402

# Not for --doctest-modules: there is one conftest in every folder.
collect_ignore = ["conftest.py"]


@pytest.fixture
def server(place):  # noqa: F811 - the fixture
    """Give that host; nothing runs there yet."""
    with closing(Chamber(place, island=True)) as chamber:
        yield Server(place, chamber)
