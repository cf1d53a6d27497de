"""Units of Debian's packages: what is translated of them, and what the scripts are worth.

In the normal run these are the units of nginx and php-fpm. scripts/units tries them all.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from debian_root import daemons_root
from translated_units import POPULAR, daemon_units, popular_root, refusals, tried

ALL = "INITPY_TEST_UNITS" in os.environ
PACKAGES = [] if ALL else ["nginx-common php8.2-fpm"]
REFUSED = 14  # units of all packages at most: docs/units.rst has the reasons
# What cannot be: docs/units.rst says why.
KNOWN = {
    "cups": ("life", "lost pidfile", "crash", "restart", "reload", "check"),
    "privoxy": ("check",),
    "prometheus-node-exporter": ("reload", "check"),
}


@pytest.fixture
def folder():
    """Give a folder beside the cached roots: the layers of a disk are on one file system."""
    path = Path(tempfile.mkdtemp(prefix="units-", dir=daemons_root().path.parent))
    yield path
    shutil.rmtree(path)


def test_translated(record_property):
    """Nearly every unit is translated; the others are refused, each with a reason."""
    units = daemon_units(*PACKAGES)

    refused = refusals(units)

    record_property("units", f"{len(units)}")
    for name, why in refused.items():
        record_property(f"refused {name}", why)
    assert len(refused) <= (REFUSED if ALL else 0)
    assert all(refused.values())


@pytest.mark.parametrize("unit", POPULAR if ALL else ["nginx"])
def test_popular(unit, folder, record_property):
    """Its script starts it, tells what is so, and stops it, whatever happens between."""
    root = popular_root() if ALL else daemons_root()

    failed = tried(unit, root, folder, checked=ALL)

    for what, why in failed.items():
        record_property(f"failed {what}", why)
    assert {} == {what: why for what, why in failed.items() if what not in KNOWN.get(unit, ())}
