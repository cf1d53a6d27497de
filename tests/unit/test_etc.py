"""The files of ``etc`` that an administrator fills in: no setting is missing, none is wrong."""

from __future__ import annotations

import os.path
import re

import pytest

import initpy
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.settings import with_settings
from initpy.settings.keys import KEYS

ROOT = os.path.dirname(os.path.dirname(initpy.__file__))


def text(service):
    """Return the committed settings of a service."""
    with open(os.path.join(ROOT, "etc", "default", service.name)) as file:
        return file.read()


def settings(service):
    """Return the lines of it that may be uncommented, by their keys."""
    return {
        key: line for line, key in re.findall(r"^#(([A-Z_]+)=.*)$", text(service), re.MULTILINE)
    }


SETTINGS = [(service, key) for service in (NGINX, PHP_FPM) for key in settings(service)]


@pytest.mark.parametrize("service", [NGINX, PHP_FPM])
def test_every_key_stands_there(service):
    """All that the library knows, and those of this daemon alone."""
    assert {*KEYS, *service.settings} == set(settings(service))


@pytest.mark.parametrize("service", [NGINX, PHP_FPM])
def test_nothing_is_set(service, host):
    """As it is delivered, it changes nothing."""
    host.put(f"/etc/default/{service.name}", text(service))

    assert service == with_settings(service, host)
    assert [] == host.told


@pytest.mark.parametrize(("service", "key"), SETTINGS)
def test_each_line_is_a_setting(service, key, host):
    """Each, uncommented alone, is one that the library takes."""
    line = settings(service)[key]
    host.put(f"/etc/default/{service.name}", text(service).replace(f"#{line}\n", f"{line}\n"))

    with_settings(service, host)

    assert [] == host.told


@pytest.mark.parametrize("service", [NGINX, PHP_FPM])
def test_all_of_them_are_the_defaults(service, host):
    """What stands there is what is done without it."""
    host.put(f"/etc/default/{service.name}", "\n".join(settings(service).values()))

    told = with_settings(service, host)

    assert service.subsys == told.subsys
    assert service == told.replace(lockfile="")
