"""What a daemon warns of in the test of its configuration."""

from __future__ import annotations

import subprocess

import pytest
from real_daemons import free_port

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


def test_key_with_a_passphrase(nginx):
    """Nobody can be asked for it: the directive that gives it is named."""
    key, certificate = nginx.path("key.pem"), nginx.path("certificate.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:secret"]
    command += ["-subj", "/CN=x", "-days", "2", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    listen = f"listen 127.0.0.1:{free_port()} ssl;"
    secured = f"{listen} ssl_certificate {certificate}; ssl_certificate_key {key};"
    nginx.configure(http=f"server {{ {secured} }}")

    result = nginx.script("start")

    assert 6 == result.code, result
    assert "its passphrase: give it by ssl_password_file" in result.err.splitlines()[-1]
