"""What a daemon warns of in the test of its configuration."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.real


@pytest.mark.parametrize("action", ["configtest", "start", "reload", "upgrade", "restart"])
def test_missing_extension(fpm, action):
    """php-fpm goes on without it, and with 0; it is said once."""
    fpm.place.settings(fpm.name, "DAEMON_OPTS='-d extension=nowhere.so'\n")
    if action != "start":
        fpm.start()

    result = fpm.script(action)

    assert 0 == result.code, result
    assert 1 == result.err.count("warns: PHP Startup: Unable to load dynamic library 'nowhere.so'")


@pytest.mark.parametrize("action", ["configtest", "reload"])
def test_conflicting_names(nginx, action):
    """Of two servers with one name nginx ignores one, and passes its test."""
    server = f"server {{ listen 127.0.0.1:{nginx.port}; server_name a; }}\n"
    nginx.configure(http=2 * server)
    nginx.start()

    result = nginx.script(action)

    assert 0 == result.code, result
    assert 1 == result.err.count('warns: conflicting server name "a"')


def test_fatal_error_of_a_preloaded_script(fpm):
    """The line that names the exception is the reason."""
    script = fpm.place.write("preload.php", '<?php throw new Exception("class Foo is missing");')
    fpm.start()
    fpm.place.settings(
        fpm.name,
        f"DAEMON_OPTS='-d opcache.enable=1 -d opcache.preload={script} "
        "-d opcache.preload_user=www-data'\n",
    )

    result = fpm.script("reload")

    assert 6 == result.code, result
    assert "Uncaught Exception: class Foo is missing" in result.err.splitlines()[-1]
