"""Several instances of a daemon, each with a script of its own, as Debian's tools see them."""

from __future__ import annotations

import re

import pytest
from machines import sh

INSTANCES = ("nginx-edge", "nginx-rtmp", "php-fpm-blog")
CONTROL = """\
Package: instances
Version: 1.0
Architecture: all
Maintainer: Somebody <somebody@example.org>
Depends: python3
Section: admin
Priority: optional
Description: init scripts
 Of several instances of a daemon.
"""


@pytest.fixture
def instances(debian, debs):
    """Return a machine on which each instance was installed as its administrator does."""
    debian.install(debs)
    for name in INSTANCES:
        daemon, _, _ = name.rpartition("-")
        paths = f"--config /etc/{name}.conf --pidfile /run/{name}.pid"
        debian.sh(f"initpy install {daemon} --name {name} {paths}")
    return debian


def test_registered(instances):
    """update-rc.d links each of them, and insserv has no complaint."""
    started = instances.sh("ls /etc/rc2.d").split()
    stopped = instances.sh("ls /etc/rc0.d").split()
    said = instances.sh("/usr/sbin/insserv --dryrun")

    for name in INSTANCES:
        assert 1 == len([link for link in started if re.fullmatch(rf"S\d\d{name}", link)])
        assert 1 == len([link for link in stopped if re.fullmatch(rf"K\d\d{name}", link)])
    assert [] == [line for line in said.splitlines() if "dryrun, not creating" not in line]


def test_lintian(instances, tmp_path):
    """In a package, lintian has one thing to say of each: its interpreter is below /usr.

    That is there when $remote_fs is, which a wrapper requires.
    """
    tree = tmp_path / "tree"
    scripts = tree / "etc/init.d"
    control = tree / "DEBIAN"
    scripts.mkdir(parents=True)
    control.mkdir()
    for name in INSTANCES:
        (scripts / name).write_text(instances.read(f"/etc/init.d/{name}"))
        (scripts / name).chmod(0o755)
    texts = {
        "control": CONTROL,
        "conffiles": "".join(f"/etc/init.d/{name}\n" for name in INSTANCES),
        "postinst": "#!/bin/sh\nset -e\n"
        + "".join(f"update-rc.d {name} defaults\n" for name in INSTANCES),
        "postrm": '#!/bin/sh\nset -e\nif [ "$1" = purge ]; then\n'
        + "".join(f"    update-rc.d {name} remove\n" for name in INSTANCES)
        + "fi\n",
    }
    for name, text in texts.items():
        (control / name).write_text(text)
        (control / name).chmod(0o755 if text.startswith("#!") else 0o644)
    deb = tmp_path / "instances.deb"
    sh("dpkg-deb", "--root-owner-group", "--build", tree, deb)

    said = sh("lintian", "--pedantic", "--allow-root", "--check-part", "init-d,scripts", deb)

    tags = [line.split()[2] for line in said.splitlines()]
    assert ["init.d-script-uses-usr-interpreter"] * len(INSTANCES) == tags
