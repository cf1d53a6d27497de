"""What every test in virtual time gets."""

from __future__ import annotations

import pytest
from daemons import FakeFpm, FakeNginx
from fakes import FakeHost
from hypothesis import settings

# The same examples in every run, and nothing kept beside the tests.
settings.register_profile("initpy", derandomize=True, database=None, deadline=None)
settings.load_profile("initpy")


@pytest.fixture
def host():
    """Return a machine in memory, with nothing on it."""
    return FakeHost()


@pytest.fixture
def nginx(host):
    """Return an nginx, installed and stopped."""
    return FakeNginx(host)


@pytest.fixture
def fpm(host):
    """Return a php-fpm, installed and stopped."""
    return FakeFpm(host)
