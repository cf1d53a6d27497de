from __future__ import annotations

import pytest
from fakes import Run

from initpy.control.configtest import TestCannotRun, configtest, traceless_configtest
from initpy.daemons.nginx import NGINX
from initpy.errors import ConfigTestFailed, Interrupted, NotInstalled, Unimplemented

LOG, BODY = "/var/log/nginx/error.log", "/var/lib/nginx/body"


def test_good(host, nginx):
    """A test that passes says nothing."""
    configtest(NGINX, host)

    assert [[NGINX.daemon, "-t", "-q", "-c", NGINX.config]] == [argv for argv, _, _ in host.spawned]


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


def test_no_trace(host, nginx):
    """An empty pidfile, log and directory that were not there before are removed."""
    host.put("/var/lib/nginx", kind="dir")
    host.put("/var/log/nginx", kind="dir")

    def litter():
        host.put(NGINX.pidfile)
        host.put(LOG)
        host.put(BODY, kind="dir")

    before = set(host.files)
    nginx.tested = Run(then=litter)

    traceless_configtest(NGINX, host)

    assert before == set(host.files)


def test_no_trace_of_a_bad_one(host, nginx):
    """A test that fails leaves as little."""
    nginx.tested = Run(code=1, then=lambda: host.put(NGINX.pidfile))

    with pytest.raises(ConfigTestFailed):
        traceless_configtest(NGINX, host)

    assert NGINX.pidfile not in host.files


def test_what_was_there_stays(host, nginx):
    """What was there before, and a directory with something in it, is not ours to remove."""
    host.put(LOG)
    nginx.tested = Run(then=lambda: host.put(BODY + "/1", "a request"))

    traceless_configtest(NGINX, host)

    assert {LOG, BODY, BODY + "/1"} <= set(host.files)


def test_log_with_a_line_in_it(host, fpm):
    """A log that was not there before goes, whatever php-fpm has written to it."""
    fpm.tested = Run(then=lambda: host.put("/var/log/php-fpm.log", "NOTICE: test is successful"))

    traceless_configtest(fpm.service, host)

    assert "/var/log/php-fpm.log" not in host.files


def test_runtime_directory(host, fpm):
    """A runtime directory that is gone after a boot does not fail the test, and goes again."""
    seen = []
    fpm.tested = Run(then=lambda: seen.append("/run/php" in host.files))

    traceless_configtest(fpm.service, host)

    assert [True] == seen
    assert "/run/php" not in host.files


def test_not_installed(host):
    """What is not there cannot be tested: 5."""
    with pytest.raises(NotInstalled):
        traceless_configtest(NGINX, host)


@pytest.mark.parametrize("facts", [{"seconds": 1000}, {"error": True}])
def test_binary_that_cannot_tell_its_paths(host, nginx, facts):
    """A binary that hangs on -V is broken."""

    def program(argv):
        if facts.get("error"):
            raise OSError(8, "Exec format error")
        return Run(**facts)

    host.programs[NGINX.daemon] = program

    with pytest.raises(TestCannotRun):
        traceless_configtest(NGINX, host)


def test_service_without_a_reader(host, nginx):
    """Where the configuration is unknown, the pidfile at least is looked after."""
    nginx.tested = Run(then=lambda: host.put(NGINX.pidfile))

    traceless_configtest(NGINX.replace(read_configuration=None), host)

    assert NGINX.pidfile not in host.files
