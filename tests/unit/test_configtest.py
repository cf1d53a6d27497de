from __future__ import annotations

import os

import pytest
from fakes import Run

from initpy.control.configtest import TestCannotRun, configtest, configtest_stopped
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import (
    ConfigTestFailed,
    Interrupted,
    NotInstalled,
    Refused,
    Unimplemented,
)

LOG, BODY = "/var/log/nginx/error.log", "/var/lib/nginx/body"


def test_good(host, nginx):
    """A test that passes says nothing."""
    configtest(NGINX, host)

    assert [[NGINX.daemon, "-t", "-q", "-c", NGINX.config]] == [argv for argv, _, _ in host.spawned]


TIME, PHP = "[26-Nov-2026 14:07:02]", "NOTICE: PHP message: PHP"


@pytest.mark.parametrize(
    ("service", "said", "told"),
    [
        (NGINX, 'nginx: [warn] conflicting server name "x"', 'conflicting server name "x"'),
        (NGINX, "2026/11/26 14:07:02 [warn] 42#42: 7 workers\n", "7 workers"),
        (NGINX, "nginx: [notice] no\n2026/11/26 14:07:02 [warn] 42#42: *1 a client\n", ""),
        (
            PHP_FPM,
            f"{TIME} {PHP} Warning:  no 'x' in Unknown on line 0\n",
            "no 'x' in Unknown on line 0",
        ),
        (PHP_FPM, f"{TIME} WARNING: [pool a] x\n", "[pool a] x"),
        (PHP_FPM, f"{TIME} NOTICE: test is successful\n", ""),
    ],
)
def test_warnings(host, nginx, fpm, service, said, told):
    """What the daemon, or its interpreter, warns of is told, although its test passes."""
    nginx.tested = fpm.tested = Run(output=said)

    configtest(service, host)

    assert host.told == ([f"{service.daemon} warns: {told}"] if told else [])


def test_fatal_error_of_a_script(host, fpm):
    """The reason is the line that names it, and not the end of its trace."""
    fatal = "PHP Fatal error:  Uncaught Exception: Foo in /srv/p.php:1"
    said = (
        f"{TIME} {PHP[:-3]}{fatal}\nStack trace:\n#0 {{main}}\n  thrown in /srv/p.php on line 1\n"
    )
    fpm.tested = Run(code=70, output=said)

    with pytest.raises(ConfigTestFailed) as caught:
        configtest(PHP_FPM, host)

    assert fatal == str(caught.value)


def test_bad(host, nginx):
    """The daemon's words are handed up, the one that matters in the message."""
    said = "nginx: [emerg] unexpected }\nnginx: configuration file test failed"
    nginx.tested = Run(code=1, output=said)

    with pytest.raises(ConfigTestFailed, match=r"^unexpected }$") as caught:
        configtest(NGINX, host)

    assert said == caught.value.output


@pytest.mark.parametrize(("code", "how"), [(2, "code 2"), (-11, "signal 11")])
def test_bad_without_a_word(host, nginx, code, how):
    """One that says nothing is told by how it ended."""
    nginx.tested = Run(code=code)

    with pytest.raises(ConfigTestFailed, match=f"ended with {how} in its configuration test"):
        configtest(NGINX, host)


def test_another_binary(host, nginx):
    """The running binary can be asked as well as the one on disk."""
    host.put("/opt/nginx", mode=0o755)

    configtest(NGINX, host, binary="/opt/nginx")

    assert "/opt/nginx" == host.spawned[0][0][0]


def test_limits_of_the_settings(host, nginx):
    """It runs under those of the daemon: it opens as many logs."""
    configtest(NGINX.replace(limits={"RLIMIT_NOFILE": (9, 9)}), host)

    assert [{"RLIMIT_NOFILE": (9, 9)}] == [limits for _, _, limits in host.spawned]


def test_undeclared(host):
    """A daemon without such a test cannot be asked: 3."""
    with pytest.raises(Unimplemented):
        configtest(NGINX.replace(test_args=None), host)


def test_hung(host, nginx):
    """A test that hangs is the binary's fault, not the configuration's."""
    nginx.tested = Run(seconds=1000)

    with pytest.raises(TestCannotRun, match="waited 30 s"):
        configtest(NGINX, host)

    assert {} == host.processes


def test_interrupted(host, nginx):
    """Told to end, the test is given up."""
    nginx.tested = Run(seconds=20)
    host.at(1, lambda: setattr(host, "interrupted_by", "SIGTERM"))

    with pytest.raises(Interrupted):
        configtest(NGINX, host)


def test_only_an_empty_pidfile_is_removed(host, nginx):
    """The test's own empty pidfile goes; logs and folders that the daemon makes are its own."""

    def litter():
        host.put(NGINX.pidfile)
        host.put(LOG)
        host.put(BODY, kind="dir")

    nginx.tested = Run(then=litter)

    configtest_stopped(NGINX, host)

    assert NGINX.pidfile not in host.files
    assert {LOG, BODY} <= set(host.files)


def test_pidfile_of_a_start_meanwhile_stays(host, nginx):
    """A pidfile with a pid in it is of a daemon that was started by hand meanwhile."""
    nginx.tested = Run(then=lambda: host.put(NGINX.pidfile, "42\n"))

    configtest_stopped(NGINX, host)

    assert "42\n" == host.files[NGINX.pidfile].text


def test_no_trace_of_a_bad_one(host, nginx):
    """A test that fails leaves as little."""
    nginx.tested = Run(code=1, then=lambda: host.put(NGINX.pidfile))

    with pytest.raises(ConfigTestFailed):
        configtest_stopped(NGINX, host)

    assert NGINX.pidfile not in host.files


def test_empty_pidfile_that_was_there_stays(host, nginx):
    """What was there before the test is not the test's."""
    host.put(NGINX.pidfile)

    configtest_stopped(NGINX, host)

    assert NGINX.pidfile in host.files


def test_runtime_directory(host, fpm):
    """A runtime directory that is gone after a boot does not fail the test, and goes again."""
    folder = os.path.dirname(fpm.service.pidfile)
    seen = []
    fpm.tested = Run(then=lambda: seen.append(folder in host.files))

    configtest_stopped(fpm.service, host)

    assert [True] == seen
    assert folder not in host.files


def test_not_installed(host):
    """What is not there cannot be tested: 5."""
    with pytest.raises(NotInstalled):
        configtest_stopped(NGINX, host)


@pytest.mark.parametrize("facts", [{"seconds": 1000}, {"error": True}])
def test_binary_that_cannot_test(host, nginx, facts):
    """A binary that hangs, or cannot be executed, is broken."""

    def program(argv):
        if facts.get("error"):
            raise Refused("it", OSError(8, "Exec format error"))
        return Run(**facts)

    host.programs[NGINX.daemon] = program

    with pytest.raises(TestCannotRun):
        configtest_stopped(NGINX, host)


def test_service_without_a_reader(host, nginx):
    """Where the configuration is unknown, the pidfile at least is looked after."""
    nginx.tested = Run(then=lambda: host.put(NGINX.pidfile))

    configtest_stopped(NGINX.replace(read_configuration=None), host)

    assert NGINX.pidfile not in host.files
