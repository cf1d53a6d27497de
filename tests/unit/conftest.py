"""What every test in virtual time gets."""

from __future__ import annotations

import pytest
from daemons import FakeFpm, FakeNginx
from fakes import FakeHost


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
