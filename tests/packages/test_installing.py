"""The scripts that initpy installs beside those of Debian's packages, which are upgraded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from machines import repacked

REPOSITORY = Path(__file__).parents[2]
COMMAND = """#!/usr/bin/python3
import sys
sys.path.insert(0, "/opt/initpy")
from initpy.tools.command import main
sys.exit(main())
"""


@pytest.fixture
def installed(debian):
    """Return a machine on which initpy has put its scripts in the place of Debian's."""
    # Other tests, which run beside this one, compile modules: each by way of another file.
    compiled = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "initpy", debian.mnt / "initpy", ignore=compiled)
    (debian.mnt / "command").write_text(COMMAND)
    debian.sh(
        "mkdir /opt/initpy; cp -r /mnt/initpy /opt/initpy/\n"
        "install -m 755 /mnt/command /usr/sbin/initpy\n"
        "initpy install nginx; initpy install php-fpm"
    )
    return debian


def test_name_that_packages_call(installed):
    """When a module of PHP is installed, its package restarts php-fpm by its own name."""
    said = installed.sh("invoke-rc.d php8.2-fpm status 2>&1 || true")

    assert "unknown initscript" not in said


def test_upgrade_of_the_daemons_packages(installed, tmp_path):
    """A new script of a package comes where the old one is kept, and that one is given back."""
    archives = installed.path / "var/cache/apt/archives"
    debs = [next(archives.glob(f"{name}_*.deb")) for name in ("nginx-common", "php8.2-fpm")]

    def edit(tree):
        for script in tree.glob("etc/init.d/*"):
            with script.open("a") as file:
                file.write("# newer\n")

    wrappers = "grep -l 'from initpy.cli' $(find /etc/init.d -type f)"
    before = installed.sh(wrappers)
    for deb in debs:
        new = repacked(deb, tmp_path, edit)
        installed.dpkg("--force-depends", "--install", *installed.put([new]))
    upgraded = installed.sh(wrappers)
    kept = installed.sh("grep -l '^# newer' /etc/initpy/*.kept").split()
    installed.sh("for one in /etc/initpy/*.json; do initpy uninstall $(basename $one .json); done")

    assert before == upgraded
    assert ["/etc/initpy/nginx.kept", "/etc/initpy/php8.2-fpm.kept"] == kept
    given = installed.sh("grep -l '^# newer' /etc/init.d/*").split()
    assert ["/etc/init.d/nginx", "/etc/init.d/php8.2-fpm"] == given
    assert "" == installed.sh("dpkg --verify nginx-common php8.2-fpm")


def test_our_packages_beside(installed, debs):
    """Our packages leave the diversions of ``initpy install`` alone, and come and go."""

    def files():
        return {line for line in installed.files() if "__pycache__" not in line}

    before = files()
    links = installed.sh("find /etc/rc?.d | sort")

    said = installed.dpkg("--force-depends", "--install", *installed.put(debs)).stdout
    status = [installed.service(name, "status")[0] for name in ("nginx", "php8.2-fpm")]
    installed.dpkg("--purge", "initpy-nginx", "initpy-php-fpm", "python3-initpy")

    assert "/etc/init.d/nginx is diverted already, and is left as it is" in said
    assert "/etc/init.d/php8.2-fpm is diverted already, and is left as it is" in said
    assert [3, 3] == status
    assert before == files()
    assert links == installed.sh("find /etc/rc?.d | sort")
    installed.sh("for one in /etc/initpy/*.json; do initpy uninstall $(basename $one .json); done")
    assert "" == installed.sh("dpkg --verify nginx-common php8.2-fpm")


DECLARED = """\
from initpy import Service

SLEEPER = Service(
    name="sleeper",
    daemon="/usr/bin/sleep",
    pidfile="/run/sleeper.pid",
    start_args=("{FOR}",),
    words={"FOR": "1000"},
    background=True,
)
"""


def test_declaration_of_somebody_else(installed):
    """A script of FILE.py is registered, does what service(8) asks for, and leaves nothing."""
    (installed.mnt / "sleeper.py").write_text(DECLARED)
    links = "find /etc/rc?.d -name '*sleeper' | sort"

    installed.sh("install -m 644 /mnt/sleeper.py /opt; initpy install /opt/sleeper.py")
    installed.sh("rm /opt/sleeper.py; echo FOR=2000 >/etc/default/sleeper")
    levels = [line.split("/rc")[1][:3] for line in installed.sh(links).split()]
    said = installed.sh(
        "service sleeper start >/dev/null\n"
        "tr '\\0' ' ' </proc/$(cat /run/sleeper.pid)/cmdline; echo\n"
        "service sleeper status; service sleeper stop >/dev/null; service sleeper status || echo $?"
    ).splitlines()
    installed.sh("initpy uninstall sleeper")

    assert ["0.d", "1.d", "2.d", "3.d", "4.d", "5.d", "6.d"] == levels
    assert "/usr/bin/sleep 2000 " == said[0]
    assert said[1].startswith("sleeper: running, master ")
    assert ["sleeper: stopped", "3"] == said[-2:]
    assert "" == installed.sh(f"{links}; find /etc -name '*sleeper*' ! -path /etc/default/sleeper")
