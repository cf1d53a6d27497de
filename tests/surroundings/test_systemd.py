"""On a machine that systemd runs: the native unit, the generated one, and who is in charge."""

from __future__ import annotations

from contextlib import closing

import pytest
from real_daemons import Client, Nginx, wait_until

pytestmark = pytest.mark.real


class Unit:
    """A daemon that is installed in a chamber, as a unit of systemd."""

    def __init__(self, chamber, site, *options):
        self.chamber, self.site = chamber, site
        self.name, self.script = f"{site.name}.service", f"/etc/init.d/{site.name}"
        facts = ("--name", site.name, "--daemon", site.daemon, "--config", site.config)
        self.installed = chamber("initpy", "install", site.kind, *facts, *options)
        assert 0 == self.installed.code, self.installed

    def systemctl(self, verb, *options):
        """Ask systemd to do something with it."""
        return self.chamber("systemctl", verb, *options, self.name)

    def show(self, name):
        """Return a property of it."""
        return self.systemctl("show", "--value", f"--property={name}").out.strip()

    def act(self, *argv, **options):
        """Call its script as a person does."""
        return self.chamber(self.script, *argv, **options)

    def follows(self):
        """Tell whether systemd takes the process that the pidfile names for the main one."""
        return self.show("ActiveState") == "active" and self.show("MainPID") == str(self.site.named)


@pytest.fixture
def unit(systemd, site):
    """Give each of the daemons with a native unit, started by systemd."""
    mine = Unit(systemd, site, "--format", "systemd")
    assert 0 == mine.systemctl("start").code, systemd.said()
    return mine


@pytest.fixture
def web(systemd, nginx):
    """Give an nginx with a native unit, started by systemd."""
    mine = Unit(systemd, nginx, "--format", "systemd")
    assert 0 == mine.systemctl("start").code, systemd.said()
    return mine


@pytest.fixture
def asking(web):
    """Give a client that asks that nginx without a pause."""
    with closing(Client(web.site)) as client:
        yield client


def test_native_unit(unit):
    """It passes systemd's own check, is enabled, serves once it is up, and stops whole."""
    path = f"/etc/systemd/system/{unit.name}"
    verified = unit.chamber("systemd-analyze", "verify", path)

    assert (0, "", "") == (verified.code, verified.out, verified.err)
    assert "enabled" == unit.show("UnitFileState")
    assert unit.follows()
    assert unit.site.ask()
    assert unit.site.place.processes()
    assert 0 == unit.systemctl("stop").code
    assert "inactive" == unit.show("ActiveState")
    assert {} == unit.site.place.processes()


def test_reload_is_the_verified_one(unit):
    """Systemd's reload fails where ours does, and the old workers serve on."""
    before = unit.site.named
    good = unit.systemctl("reload")
    assert 0 == good.code, unit.chamber.said()
    assert unit.follows()

    unit.site.place.write(f"{unit.site.folder}/daemon.conf", "oops;\n")
    bad = unit.systemctl("reload")

    assert 0 != bad.code
    assert "active" == unit.show("ActiveState")
    assert unit.site.ask()
    assert (before == unit.site.named) == (unit.site.kind == "nginx")  # php-fpm's changes


def test_failed_start(systemd, site):
    """A bad configuration is a failed unit, and is not tried again and again."""
    site.place.write(f"{site.folder}/daemon.conf", "oops;\n")
    unit = Unit(systemd, site, "--format", "systemd", "--pidfile", site.pidfile)

    assert 0 != unit.systemctl("start").code
    assert ("failed", "0") == (unit.show("ActiveState"), unit.show("NRestarts"))


def test_upgrade_of_nginx(web, asking):
    """Service NAME upgrade works; systemd follows the new master; no request is lost."""
    before = web.site.named
    web.site.replace_binary()

    upgraded = web.chamber("service", web.site.name, "upgrade")

    assert 0 == upgraded.code, upgraded
    assert before != web.site.named
    wait_until(web.follows, "systemd to follow the new master")
    assert [] == asking.bad
    assert 0 == web.systemctl("stop").code
    assert {} == web.site.place.processes()


def test_upgrade_of_php_fpm(systemd, fpm):
    """It is systemd's: upgrade touches nothing, and says what replaces the binary."""
    unit = Unit(systemd, fpm, "--format", "systemd")
    unit.systemctl("start")
    before = fpm.named

    refused = systemd("service", fpm.name, "upgrade")

    assert 3 == refused.code
    assert f"systemctl restart {unit.name}" in refused.err
    assert (before, True) == (fpm.named, unit.follows())


def test_crashed_master(web, asking):
    """Systemd starts another, which takes over from the workers: no request is lost."""
    crashed = web.site.named
    assert 0 == web.chamber("sh", "-c", f"kill -KILL {crashed}").code
    restarted = lambda: "1" == web.show("NRestarts") and web.show("MainPID") != "0"  # noqa: E731
    wait_until(lambda: restarted() and web.follows(), "systemd to start another")

    assert crashed != web.site.named
    assert [] == asking.bad


def test_script_is_systemctl(unit):
    """What systemctl can do is left to it, with its words and codes: the unit is what runs."""
    before = unit.site.named

    asked = unit.act("status")
    restarted = unit.act("restart")

    assert (0, True) == (asked.code, f"Main PID: {before} (" in asked.out)
    assert (0, "", "") == (restarted.code, restarted.out, restarted.err)
    assert before != unit.site.named
    assert unit.follows()
    assert [0, 0, 0, 0] == [
        unit.act(action).code for action in ("reload", "force-reload", "try-restart", "stop")
    ]
    assert ("inactive", 3) == (unit.show("ActiveState"), unit.act("status").code)


def test_restart_with_a_bad_configuration(unit):
    """To systemd it would be a stop, and no start: the script tests it before."""
    before = unit.site.named
    unit.site.place.write(f"{unit.site.folder}/daemon.conf", "oops;\n")

    assert 6 == unit.act("restart").code
    assert (before, True) == (unit.site.named, unit.follows())


def test_what_is_done_here(unit):
    """What systemctl has not is the script's own; so is everything, if that is asked for."""
    ours = [unit.act(action) for action in ("configtest", "reopen")]
    told = unit.act("status", "--json")
    skipped = unit.act("status", env={"SYSTEMCTL_SKIP_REDIRECT": "1"})

    assert [0, 0] == [result.code for result in ours]
    assert unit.site.named == told.json["master"]
    assert skipped.out.startswith(f"{unit.site.name}: running, master {unit.site.named}, 2 workers")
    assert unit.follows()


def test_script_through_the_generator(systemd, place):
    """Systemd's generator makes of our header all that a unit needs, of three instances."""
    units = [Unit(systemd, Nginx(place, name)) for name in ("nginx", "rtmp", "web_2.0")]

    for unit in units:
        assert "update-rc.d" in unit.installed.out
        assert "LSB: nginx web server" == unit.show("Description")
        assert unit.site.pidfile == unit.show("PIDFile")
        assert f"path={unit.script} ; argv[]={unit.script} reload ;" in unit.show("ExecReload")
        assert {"network-online.target", "remote-fs.target", "nss-lookup.target"} <= set(
            unit.show("After").split()
        )
        assert "network-online.target" in unit.show("Wants").split()
        assert "generated" == unit.show("UnitFileState")
        assert "multi-user.target" in unit.show("WantedBy").split()


def test_generated_unit(systemd, site):
    """A script that systemd has made a unit of works as one, from start to stop."""
    unit = Unit(systemd, site)
    assert "active" != unit.show("ActiveState")
    assert ("nginx.service" in unit.show("Before")) == (site.kind == "php-fpm")

    assert 0 == unit.act("start").code, systemd.said()
    assert unit.follows()
    assert 0 == unit.act("reload").code
    assert unit.follows()
    upgraded = unit.act("upgrade").code
    assert {"nginx": 0, "php-fpm": 3}[site.kind] == upgraded
    wait_until(unit.follows, "systemd to follow the new master")
    site.place.write(f"{site.folder}/daemon.conf", "oops;\n")
    assert 0 != unit.systemctl("reload").code  # the generator calls 5 and 6 a success
    assert unit.follows()
    assert 0 == unit.systemctl("stop").code
    assert {} == site.place.processes()
    assert 0 != unit.act("start").code
    assert "failed" == unit.show("ActiveState")


def test_pidfile_in_somebodys_directory(systemd):
    """Debian's php-fpm, all of it as it is packaged: /run/php belongs to www-data."""
    systemd("install", "-d", "-o", "www-data", "/run/php")
    installed = systemd("initpy", "install", "php-fpm", "--format", "systemd")
    assert 0 == installed.code, installed

    for verb in ("start", "reload", "restart"):
        done = systemd("systemctl", verb, "php-fpm")
        main = systemd("systemctl", "show", "--value", "--property=MainPID", "php-fpm").out.strip()
        told = systemd("/etc/init.d/php-fpm", "status", "--json").json
        assert (0, main) == (done.code, str(told["master"])), verb
