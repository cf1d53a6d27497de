"""Several versions of PHP-FPM on one Debian: each is a service of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cache import cached
from commands import completed
from machines import Machine, sh
from php_versions import VERSIONS, versions_root

HERE = Path(__file__).parent
NAMES = [f"php{version}-fpm" for version in VERSIONS]
STATIC = "s/^pm = .*/pm = static/; s/^pm.max_children = .*/pm.max_children = 2/"


@pytest.fixture
def several(tmp_path):
    """Return a machine with three versions of Debian's php-fpm."""
    machine = Machine(versions_root(), tmp_path)
    machine.sh("echo '<?php echo PHP_VERSION;' >/srv/version.php")
    machine.sh(f"sed -i '{STATIC}' /etc/php/*/fpm/pool.d/www.conf")
    return machine


def install(machine, debs):
    """Install packages where others break what PHP's own packages want."""
    machine.dpkg("--force-breaks", "--force-depends", "--install", *machine.put(debs))


def what_went_wrong(machine):
    """Do all actions to all versions; return what was not as it should have been."""
    shutil.copy(HERE / "several_versions.py", machine.mnt)
    said = machine.run("/usr/bin/python3", "/mnt/several_versions.py", *VERSIONS).stdout
    return json.loads(said)


def test_packages(several, debs):
    """One package has a wrapper for each; none of them touches another one."""
    install(several, debs)

    assert [] == what_went_wrong(several)
    for name in NAMES:
        assert "from initpy" in several.read(f"/etc/init.d/{name}")
        assert "start-stop-daemon" in several.read(f"/etc/initpy/{name}.distrib")
    links = several.sh("cd /etc/rc2.d; ls -d S*fpm S*nginx").split()
    assert [*NAMES, "nginx"] == [link[3:] for link in links]
    said = several.run("initpy", "status", check=False).stdout
    assert [f"{name}: stopped" for name in ("nginx", *NAMES)] == said.splitlines()
    assert "" == several.sh("ls -d /etc/init.d/php-fpm || :").partition("\n")[2]


def test_install(several, debs):
    """The command finds them all; without a pidfile in its configuration each has its own."""
    install(several, [deb for deb in debs if deb.name.startswith("python3-")])
    several.sh("sed -i '/^pid =/d' /etc/php/*/fpm/php-fpm.conf")

    said = several.sh("initpy install php-fpm").splitlines()

    assert [f"/etc/init.d/{name} written" for name in NAMES] == [
        line.partition(",")[0] for line in said if " written, " in line
    ]
    assert [] == what_went_wrong(several)


CONTROL = """\
Package: php9.9-fpm
Version: 1.0
Architecture: all
Maintainer: nobody <nobody@initpy.invalid>
Provides: php-fpm
Description: a php-fpm of a later version
"""
SCRIPT = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides: php9.9-fpm
# Required-Start: $remote_fs
# Required-Stop: $remote_fs
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
# Short-Description: php9.9-fpm
### END INIT INFO
"""


@pytest.fixture
def later(debian, tmp_path):
    """Return the package of one more version, as the machine sees it."""
    tree = tmp_path / "later"
    for name, text, mode in (
        ("usr/sbin/php-fpm9.9", "#!/bin/sh\n", 0o755),
        ("usr/lib/php/9.9/sapi/fpm", "", 0o644),
        ("etc/init.d/php9.9-fpm", SCRIPT, 0o755),
        ("etc/php/9.9/fpm/php-fpm.conf", "[global]\n", 0o644),
        ("DEBIAN/control", CONTROL, 0o644),
        ("DEBIAN/conffiles", "/etc/init.d/php9.9-fpm\n/etc/php/9.9/fpm/php-fpm.conf\n", 0o644),
        ("DEBIAN/postinst", "#!/bin/sh\nupdate-rc.d php9.9-fpm defaults\n", 0o755),
        ("DEBIAN/postrm", "#!/bin/sh\n[ $1 != purge ] || update-rc.d php9.9-fpm remove\n", 0o755),
    ):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
    deb = tmp_path / "php9.9-fpm.deb"
    sh("dpkg-deb", "--root-owner-group", "--build", tree, deb)
    return debian.put([deb])[0]


def test_version_comes_and_goes(debian, debs, later):
    """A version that is installed later gets a wrapper; one that is purged leaves nothing."""
    debian.install(debs)
    before = debian.files()

    debian.dpkg("--install", later)

    assert "php9.9-fpm: stopped\n" == debian.service("php9.9-fpm", "status")[1]
    assert "Default-Stop" in debian.read("/etc/initpy/php9.9-fpm.distrib")
    assert "/etc/init.d/php-fpm" not in debian.sh("ls -d /etc/init.d/*").split()
    debian.dpkg("--remove", "php9.9-fpm")
    assert 3 == debian.service("php9.9-fpm", "status")[0]
    assert "php8.2-fpm: stopped\n" == debian.service("php-fpm", "status")[1]
    debian.dpkg("--purge", "php9.9-fpm")
    assert before == debian.files()


def test_versions_are_there_after_us(debian, debs, later):
    """Purged, the package has put back the script of each version."""
    debian.dpkg("--install", later)
    before = debian.files()
    debian.install(debs)

    debian.dpkg("--purge", "initpy-php-fpm", "initpy-nginx", "python3-initpy")

    assert before == debian.files()


@pytest.mark.parametrize("path", ["/etc/initpy/php8.2-fpm", "/etc/default/php8.2-fpm"])
def test_changed_file(debian, debs, newer, path):
    """A change of the administrator's outlives upgrade and removal, and not a purge."""
    before = debian.files()
    debian.install(debs)
    debian.sh(f"echo '# mine' >>{path}")

    debian.install(newer)
    debian.dpkg("--remove", "initpy-php-fpm")
    debian.install(debs)

    assert debian.read(path).endswith("# mine\n")
    debian.dpkg("--purge", "initpy-php-fpm", "initpy-nginx", "python3-initpy")
    assert before == debian.files()


def test_settings_that_were_there(debian, debs):
    """Settings that the administrator had before stay after a purge, too."""
    debian.sh("echo TIMEOUT=60 >/etc/default/php8.2-fpm")
    before = debian.files()

    debian.install(debs)

    assert "TIMEOUT=60\n" == debian.read("/etc/default/php8.2-fpm")
    debian.dpkg("--purge", "initpy-php-fpm", "initpy-nginx", "python3-initpy")
    assert before == debian.files()


NEXT = "deb http://deb.debian.org/debian trixie main\n"


def apt(folder, *words):
    """Run apt-get with nothing of this host but its keys; return what it said."""
    finished = completed(["apt-get", "-o", f"Dir={folder}", *words], within=900, LC_ALL="C.UTF-8")
    assert 0 == finished.returncode, finished.stdout
    return finished.stdout


@pytest.fixture(scope="session")
def next_debian():
    """Return a folder with what apt knows of the next Debian."""

    def make(folder):
        for name in ("etc/apt/preferences.d", "etc/apt/apt.conf.d", "var/lib/dpkg"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/apt/sources.list").write_text(NEXT)
        keys = "/etc/apt/trusted.gpg.d"
        apt(folder, "-o", f"Dir::Etc::TrustedParts={keys}", "-o", "Dir::State::status=", "update")

    return cached("next-debian", NEXT, make)


def test_distribution_upgrade(debian, debs, next_debian, tmp_path):
    """An upgrade to the next Debian, which removes php8.2-fpm, removes nothing of ours.

    Without the metapackage php-fpm it installs no other version.
    """
    debian.install(debs)
    debian.dpkg("--remove", "php-fpm")
    status = tmp_path / "status"
    status.write_text(debian.read("/var/lib/dpkg/status"))

    said = apt(next_debian, "-o", f"Dir::State::status={status}", "--simulate", "dist-upgrade")

    removed = {line.split()[1] for line in said.splitlines() if line.startswith("Remv ")}
    assert "php8.2-fpm" in removed
    assert "Inst php8.4-fpm " not in said
    assert not {"initpy-nginx", "initpy-php-fpm", "python3-initpy"} & removed
