"""A Debian is booted on which initpy has installed its scripts, without a package of ours."""

from __future__ import annotations

import os

import pytest
from booting import INITPY, Disk, Request, booted

pytestmark = pytest.mark.boot

BOOTS = int(os.environ.get("INITPY_TEST_BOOTS", "1"))  # of one machine, one after the other

# Everything that installing changes: scripts, how they are started, and diversions. The site
# is changed by this test. What insserv knows of scripts has no order.
THERE_AND_BACK = rf"""
state() {{
    cd /etc
    find rc?.d init.d initpy ! -type d ! -name '.depend.*' -printf '%p %l %m %u %g\n' | sort
    find init.d initpy -type f ! -name '.depend.*' -exec sha256sum {{}} + | sort
    for file in init.d/.depend.*; do echo $file; tr ' ' '\n' <$file | sort; done
    dpkg-divert --list | sort
    echo verified:
    dpkg --verify | grep -v sites-available/default
}}
exec 2>/dev/null  # of folders that are not there
state >/before
{INITPY} install nginx
{INITPY} install php-fpm
state >/installed
for file in /etc/initpy/*.json; do
    {INITPY} uninstall $(basename $file .json)
done
state >/after
exit 0
"""


def see_both_serve(machine):
    """See every service of initpy run, and nginx answer, by itself and with php-fpm."""
    told = machine.run(INITPY, "status", "--json").json
    assert [0, 0] == [one["code"] for one in told], told
    assert {"nginx": 1} == Request(machine, "/").answered
    assert {"php 14": 1} == Request(machine, "/index.php").answered
    assert "FAILED" not in machine.console
    return [one["name"] for one in told]


def test_boots(tmp_path, folder, taken_over):
    """Installed beside Debian's scripts, both daemons serve after every boot."""
    disk = Disk(folder / tmp_path.name, *taken_over.layers)

    for number in range(BOOTS):
        with booted(disk) as machine:
            names = see_both_serve(machine)
            started = machine.run("sh", "-c", "ls /etc/rc2.d").out
            links = [link for link in started.split() if "nginx" in link or "php" in link]
            assert sorted(names) == sorted(link[3:] for link in links), number


def test_uninstall(tmp_path, folder, stock):
    """Uninstalled, Debian's scripts, links and diversions are as before, and boot as before."""
    disk = Disk(folder / tmp_path.name, *stock.layers)

    disk.run("sh", "-c", THERE_AND_BACK)

    texts = [(disk.written / name).read_text() for name in ("before", "installed", "after")]
    assert all(text.endswith("verified:\n") for text in texts)
    assert texts[0] != texts[1]
    assert texts[0] == texts[2]
    with booted(disk) as machine:
        assert {"php 14": 1} == Request(machine, "/index.php").answered


def test_two_scripts_for_each_daemon(tmp_path, folder, stock):
    """Where a second script was left registered, all start at once: each daemon serves."""
    disk = Disk(folder / tmp_path.name, *stock.layers)
    for daemon, name in (("nginx", "www"), ("php-fpm", "fpm")):
        script = f"/etc/init.d/{name}"
        disk.run(INITPY, "generate", daemon, "--name", name, "-o", script)
        disk.run("update-rc.d", name, "defaults")

    for _ in range(BOOTS):
        with booted(disk) as machine:
            assert ["fpm", "www"] == see_both_serve(machine)
