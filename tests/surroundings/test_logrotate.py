"""The logrotate snippets as they are committed, with the real logrotate."""

from __future__ import annotations

import gzip
import os
from contextlib import closing

import pytest
from real_daemons import Client

pytestmark = pytest.mark.real

HERE = os.path.dirname(os.path.abspath(__file__))
SNIPPETS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "etc", "logrotate.d")
LOG = "/var/log/nginx/access.log"


@pytest.fixture
def rotate(chamber):
    """Give what rotates the logs of a daemon now; it returns the exit code and the words."""

    def rotated(name):
        snippet = os.path.join(SNIPPETS, name)
        told = chamber("logrotate", "--force", "--state", "/run/logrotate.state", snippet)
        return told.code, told.out + told.err

    return rotated


def install(chamber, site, *, start=True):
    """Install a daemon under the name that the snippet knows."""
    facts = ("--daemon", site.daemon, "--config", site.config, "--pidfile", site.pidfile)
    chamber("initpy", "generate", site.kind, *facts, "-o", f"/etc/init.d/{site.kind}")
    if start:
        assert 0 == chamber(f"/etc/init.d/{site.kind}", "start").code


def test_nginx(chamber, rotate, nginx):
    """After it the new log gets the lines, the old one is compressed whole; none is lost."""
    nginx.configure(server=f"access_log {LOG};", user="www-data")
    chamber("mkdir", "-p", os.path.dirname(LOG))
    chamber("sh", "-c", f"rm -f {LOG}*")
    install(chamber, nginx)
    with closing(Client(nginx)) as client:
        first, second = rotate("nginx"), rotate("nginx")
        client.stop()
    chamber("/etc/init.d/nginx", "stop")  # the last lines are written
    lines = {}
    for name, opener in ((LOG, open), (f"{LOG}.1.gz", gzip.open), (f"{LOG}.2.gz", gzip.open)):
        with opener(chamber.path(name), "rt") as file:
            lines[name] = len(file.readlines())
    assert (0, "") == first == second
    assert [] == client.bad
    assert sum(client.answered.values()) == sum(lines.values()), lines
    assert all(lines.values()), lines


def test_php_fpm(chamber, rotate, fpm):
    """After it php-fpm writes to the new log."""
    log = "/var/log/php8.2-fpm.log"
    fpm.log = log
    fpm.configure()
    chamber("rm", "-f", log)
    install(chamber, fpm)

    assert (0, "") == rotate("php-fpm")
    with open(chamber.path(log)) as file:
        assert "error log file re-opened" in file.read()
    with gzip.open(chamber.path(f"{log}.1.gz"), "rt") as file:
        assert "ready to handle connections" in file.read()


def test_stopped(chamber, rotate, site):
    """A service that is stopped writes to nothing: that is no error."""
    install(chamber, site, start=False)
    chamber("mkdir", "-p", "/var/log/nginx")
    for log in (LOG, "/var/log/php8.2-fpm.log"):
        chamber.write(log, "a line\n")

    assert (0, "") == rotate(site.kind)


def test_failure_is_told(chamber, rotate, nginx):
    """What cannot be opened anew is logrotate's error, too."""
    install(chamber, nginx)
    chamber("mkdir", "-p", "/var/log/nginx")
    chamber.write(LOG, "a line\n")
    chamber.write("/etc/default/nginx", "NICELEVEL=high\n")

    code, words = rotate("nginx")

    assert 0 != code
    assert "NICELEVEL" in words
