"""What the settings export is the environment of the daemon."""

from __future__ import annotations

import subprocess

import pytest
from real_load import crash

from initpy.host import Host

pytestmark = pytest.mark.real

ASKING = "<?php echo getenv('DSN'), ' ', getenv('BY_HAND');"


def environment(site):
    """Return what the master has of the variables of these tests."""
    has = Host().surroundings(site.master).environment
    return {key: has[key] for key in ("TZ", "APP_TOKEN", "DSN") if key in has}


def test_nginx(nginx):
    """TZ and what ``env`` names are there after every start; what else is exported is told."""
    nginx.configure(main="env APP_TOKEN;")
    nginx.place.settings(nginx.name, "export TZ=UTC APP_TOKEN='a b'\nexport MALLOC_ARENA_MAX=2\n")
    wanted = {"TZ": "UTC", "APP_TOKEN": "a b"}

    for action in ("start", "reload", "upgrade", "restart"):
        result = nginx.script(action)

        assert (0, wanted) == (result.code, environment(nginx)), (action, result)
        assert (action == "upgrade") == ("export: MALLOC_ARENA_MAX; restart" in result.err), result

    crash(nginx)
    assert (0, wanted) == (nginx.script("start").code, environment(nginx))


def test_php_fpm(fpm):
    """Its pools, and its configuration, see what is exported, after every start."""
    fpm.configure(pool="env[DSN] = $DSN", settings="emergency_restart_threshold = ${LEAST}")
    fpm.place.settings(fpm.name, 'export DSN="mysql://db/x" LEAST=7\n')
    script = fpm.place.write("e.php", ASKING)

    for action in ("configtest", "start", "upgrade", "reload", "restart"):
        result = fpm.script(action)

        assert 0 == result.code, (action, result)
        if action != "configtest":
            assert "mysql://db/x " == fpm.ask(script), action
        assert "does not have" not in result.err, result

    crash(fpm)
    assert (0, "mysql://db/x ") == (fpm.script("start").code, fpm.ask(script))


def test_upgrade_of_one_that_was_started_by_hand(fpm):
    """The new master has the environment of the old one, and what is exported on top."""
    fpm.configure(pool="env[DSN] = $DSN\nenv[BY_HAND] = $BY_HAND")
    script = fpm.place.write("e.php", ASKING)
    fpm.place.settings(fpm.name, "export DSN=exported\n")
    subprocess.run(
        [fpm.daemon, "-D", "-y", fpm.config],
        env={"DSN": "given", "BY_HAND": "yes"},
        check=True,
    )
    before = fpm.ask(script)

    reloaded = fpm.script("reload"), fpm.ask(script)
    upgraded = fpm.script("upgrade"), fpm.ask(script)

    assert ("given yes", 0, 0) == (before, reloaded[0].code, upgraded[0].code)
    assert ("given yes", "exported yes") == (reloaded[1], upgraded[1])
    assert "does not have what the settings export: DSN; restart" in reloaded[0].err
    assert "does not have" not in upgraded[0].err
