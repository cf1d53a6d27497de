"""Cgroups that are called like the services of systemd."""

from __future__ import annotations

import os

import pytest
from real_load import run

pytestmark = pytest.mark.fault

# $1 is a folder, $2 a name; the rest is done where the hierarchy of systemd is mounted there.
MOUNTED = """
mount -t cgroup -o none,name=systemd cgroup "$1"
group="$1/$2"
shift 2
"""
INSIDE = MOUNTED + 'mkdir "$group"; echo 0 >"$group/cgroup.procs"; exec "$@"'
REMOVED = MOUNTED + 'rmdir "$group"'


def test_cgroup_of_another_service(fpm):
    """What has started php-fpm is in a cgroup called x.service, without systemd: upgrade is 0."""
    hierarchy, name = fpm.place.path("cgroup"), f"{fpm.place.name}.service"
    os.mkdir(hierarchy)
    shell = ["unshare", "--mount", "sh", "-euc"]
    started = run([*shell, INSIDE, "sh", hierarchy, name, fpm.wrapper, "start"])
    assert 0 == started.code, started
    try:
        old = fpm.master
        assert name == fpm.host.systemd_unit(old)

        result = fpm.act("upgrade")

        assert 0 == result.code, result
        assert not fpm.alive(old)
        assert 0 == fpm.act("restart").code
        assert fpm.ask()
    finally:
        assert 0 == fpm.act("stop").code
        removed = run([*shell, REMOVED, "sh", hierarchy, name])
    assert 0 == removed.code, removed
