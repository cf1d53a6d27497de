"""Every action in every kind of container, with an init and without: one table has the codes."""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from boxes import Box, log_to_standard_output
from confined import NOBODY, PROFILES
from real_daemons import Fpm, Nginx, wait_until
from real_load import run

pytestmark = pytest.mark.fault

SITES = {"nginx": Nginx, "php-fpm": Fpm}

# What confines it, process 1, the daemon, and the code of each action in their order. "crash"
# is the start after the master was killed. "ends": the container ends with its process 1, and
# the script with it. "-": it cannot be tried there. docs/containers.rst says the rest, and has
# this table from here, by scripts/mkcontainers.
CODES = """
confined by   process 1    daemon   start status configtest reload reopen upgrade restart stop crash
privileged    script       nginx    0 0 0 0 0 0 0 0 0
privileged    script       php-fpm  0 0 0 0 0 0 0 0 0
privileged    tini, script nginx    0 0 0 0 0 0 0 0 0
privileged    tini, script php-fpm  0 0 0 0 0 0 0 0 0
no seccomp    script       nginx    0 0 0 0 0 0 0 0 0
no seccomp    script       php-fpm  0 0 0 0 0 0 0 0 0
docker        script       nginx    0 0 0 0 0 0 0 0 0
docker        script       php-fpm  0 0 0 0 0 3 0 0 0
docker        tini, script nginx    0 0 0 0 0 0 0 0 0
docker        tini, script php-fpm  0 0 0 0 0 3 0 0 0
docker        daemon       nginx    0 0 0 0 0 3 3 ends -
docker        daemon       php-fpm  0 0 0 0 0 3 3 ends -
docker        tini         nginx    0 0 0 0 0 3 3 ends -
docker        tini         php-fpm  0 0 0 0 0 3 3 ends -
docker        shell        nginx    0 0 0 0 0 3 3 1 -
docker        shell        php-fpm  0 0 0 0 0 3 3 1 -
docker, 2019  script       nginx    0 0 0 1 1 1 1 0 0
docker, 2019  script       php-fpm  0 0 0 1 1 1 1 0 0
docker, 2019  tini, script nginx    0 0 0 1 1 1 1 0 0
docker, 2019  tini, script php-fpm  0 0 0 1 1 1 1 0 0
docker, 2019  daemon       nginx    0 0 0 1 1 1 1 ends -
docker, 2019  daemon       php-fpm  0 0 0 1 1 1 1 ends -
docker, 2019  tini         nginx    0 0 0 1 1 1 1 ends -
docker, 2019  tini         php-fpm  0 0 0 1 1 1 1 ends -
docker, 2019  shell        nginx    0 0 0 1 1 1 1 1 -
docker, 2019  shell        php-fpm  0 0 0 1 1 1 1 1 -
gVisor        script       nginx    0 0 0 1 1 1 1 0 0
gVisor        script       php-fpm  0 0 0 1 1 1 1 0 0
gVisor        tini, script nginx    0 0 0 1 1 1 1 0 0
gVisor        tini, script php-fpm  0 0 0 1 1 1 1 0 0
gVisor        daemon       nginx    0 0 0 1 1 1 1 ends -
gVisor        daemon       php-fpm  0 0 0 1 1 1 1 ends -
gVisor        tini         nginx    0 0 0 1 1 1 1 ends -
gVisor        tini         php-fpm  0 0 0 1 1 1 1 ends -
gVisor        shell        nginx    0 0 0 1 1 1 1 1 -
gVisor        shell        php-fpm  0 0 0 1 1 1 1 1 -
rootless      script       nginx    0 0 0 0 0 0 0 0 0
rootless      script       php-fpm  0 0 0 0 0 3 0 0 0
rootless      tini, script nginx    0 0 0 0 0 0 0 0 0
rootless      tini, script php-fpm  0 0 0 0 0 3 0 0 0
rootless      daemon       nginx    0 0 0 0 0 3 3 ends -
rootless      daemon       php-fpm  0 0 0 0 0 3 3 ends -
rootless      tini         nginx    0 0 0 0 0 3 3 ends -
rootless      tini         php-fpm  0 0 0 0 0 3 3 ends -
rootless      shell        nginx    0 0 0 0 0 3 3 1 -
rootless      shell        php-fpm  0 0 0 0 0 3 3 1 -
one user      script       nginx    0 0 0 0 0 0 0 0 0
one user      script       php-fpm  0 0 0 0 0 3 0 0 0
one user      daemon       nginx    0 0 0 0 0 3 3 ends -
one user      daemon       php-fpm  0 0 0 0 0 3 3 ends -
read-only     script       nginx    0 0 0 0 0 0 0 0 0
read-only     script       php-fpm  0 0 0 0 0 3 0 0 0
read-only     tini, script nginx    0 0 0 0 0 0 0 0 0
read-only     tini, script php-fpm  0 0 0 0 0 3 0 0 0
read-only     daemon       nginx    0 0 0 0 0 3 3 ends -
read-only     daemon       php-fpm  0 0 0 0 0 3 3 ends -
read-only     tini         nginx    0 0 0 0 0 3 3 ends -
read-only     tini         php-fpm  0 0 0 0 0 3 3 ends -
read-only     shell        nginx    0 0 0 0 0 3 3 1 -
read-only     shell        php-fpm  0 0 0 0 0 3 3 1 -
log: script   script       nginx    0 0 0 0 0 0 0 0 0
log: script   script       php-fpm  0 0 0 0 0 3 0 0 0
log: pipe     daemon       nginx    0 0 0 0 0 3 3 ends -
log: pipe     daemon       php-fpm  0 0 0 0 0 3 3 ends -
log: file     daemon       nginx    0 0 0 0 0 3 3 ends -
log: file     daemon       php-fpm  0 0 0 0 0 3 3 ends -
log: tty      daemon       nginx    0 0 0 0 0 3 3 ends -
log: tty      daemon       php-fpm  0 0 0 0 0 3 3 ends -
log: null     daemon       nginx    0 0 0 0 0 3 3 ends -
log: null     daemon       php-fpm  0 0 0 0 0 3 3 ends -
log: pipe     tini         nginx    0 0 0 0 0 3 3 ends -
log: pipe     tini         php-fpm  0 0 0 0 0 3 3 ends -
exec          script       nginx    0 0 0 0 0 0 0 0 0
exec          script       php-fpm  0 0 0 0 1 3 0 0 0
exec          daemon       nginx    0 0 0 0 0 3 3 ends -
exec          daemon       php-fpm  0 0 0 0 1 3 3 ends -
nsenter       script       nginx    0 0 0 0 0 0 0 0 0
nsenter       script       php-fpm  0 0 0 0 0 0 0 0 0
not root      daemon       nginx    4 0 0 4 4 4 4 4 -
not root      daemon       php-fpm  4 0 0 4 4 4 4 4 -
not root      tini         nginx    4 0 0 4 4 4 4 4 -
not root      tini         php-fpm  4 0 0 4 4 4 4 4 -
paused        script       nginx    1 0 0 1 1 1 1 1 -
paused        script       php-fpm  1 0 0 1 1 1 1 1 -
paused        daemon       nginx    1 0 0 1 1 1 1 1 -
paused        daemon       php-fpm  1 0 0 1 1 1 1 1 -
"""
EVERY = int(os.environ.get("INITPY_TEST_CONTAINERS", "7"))  # one in how many is tried


def cells():
    """Return each line of the table: what confines it, process 1, the daemon, and the codes."""
    lines = CODES.strip().splitlines()
    (*_, actions), *rows = (
        [one[:14].strip(), one[14:27].strip(), one[27:].split()] for one in lines
    )
    return [
        (confined, first, kind, dict(zip(actions[1:], codes)))
        for confined, first, (kind, *codes) in rows
    ]


def box(place, confined, first, kind):
    """Return a container with its daemon."""
    site, options = SITES[kind](place), {}
    if kind == "nginx" and confined != "one user":
        site.configure(user="www-data")
    if confined.startswith("log: "):
        log_to_standard_output(site)
        options["output"] = confined[len("log: ") :] if "script" not in first else "null"
    elif confined == "one user":
        with_one_user(site)
        options["users"] = 1
    elif confined == "rootless":
        options["users"] = 65536
    elif confined == "not root":
        with_nobody(site)
    elif confined == "exec":
        return Box(site, first, "privileged", acting="docker")
    elif confined == "nsenter":
        return Box(site, first, "docker", acting="privileged")
    elif confined == "read-only":
        write_to_memory(site)
        options["read_only"] = True
    profile = confined if confined in PROFILES else "docker"
    return Box(site, first, profile, **options)


def with_one_user(site):
    """Have its workers be root's: nobody else is there."""
    if site.kind == "php-fpm":
        site.configure(pool="user = root\ngroup = root")
        site.place.settings(site.name, 'DAEMON_OPTS="--allow-to-run-as-root"\n')


def with_nobody(site):
    """Have it write its pidfile and its logs as nobody."""
    folders = (site.path(), site.path("tmp"))
    for folder in folders:
        os.makedirs(folder, exist_ok=True)
        shutil.chown(folder, NOBODY, NOBODY)


def write_to_memory(site):
    """Have its pidfile and logs where a read-only container has file systems in memory."""
    site.pidfile, site.log = "/run/daemon.pid", "/var/log/error.log"
    os.symlink("/var/log/access.log", site.path("access.log"))
    site.configure(**({"user": "www-data"} if site.kind == "nginx" else {}))
    site.generate()
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        os.makedirs(site.path("tmp", kind), exist_ok=True)
        shutil.chown(site.path("tmp", kind), "www-data")


def see(container, action, code):
    """Do an action; see its code, and that what it claims is so."""
    family = container.family()
    result = container.act(action, "--timeout", "3")
    if code == "ends":
        assert result.code in (0, -9, 137), (action, result)
        wait_until(lambda: container.has_ended, "the container to end")
        return
    assert int(code) == result.code, (action, result)
    assert "Traceback" not in result.err, (action, result)
    assert result.code == 0 or result.err.strip(), (action, result)
    assert action != "stop" or ("less safe" in result.err) == container.refuses_pidfds, result
    if action == "stop" and result.code == 0:
        assert not container.site.place.processes(), result
        return
    assert result.code or container.answers(), (action, result)
    up = lambda: f"{action}: one master and its workers, {container.family()}, {result}"  # noqa: E731
    wait_until(container.is_up, up)
    if result.code and action != "stop":  # it was not touched
        assert family == container.family(), (action, result)


def crash(container):
    """Kill the master, and see the workers of which the next start must take care."""
    (master,) = container.family()[0]
    container.site.kill(master, signal.SIGKILL)
    container.site.see_gone(master)


@pytest.mark.parametrize(
    ("confined", "first", "kind", "codes"),
    cells()[::EVERY],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_container(place, confined, first, kind, codes):
    """Every action of a container has the code of the table, and what it says is so."""
    container = box(place, confined, first, kind)
    try:
        wait_until(container.is_up, "it to be up")
        if confined == "paused":
            see_paused(container, codes)
            return
        if "script" in first:
            assert codes["start"] == container.started.strip()
        for action, code in codes.items():
            if code == "-":
                continue
            if action == "crash":
                assert 0 == container.act("start").code
                wait_until(container.is_up, "it to be up")
                crash(container)
            see(container, "start" if action == "crash" else action, code)
    finally:
        container.close()


def test_script_as_process_1(site):
    """A start by a script that is process 1 says that the container ends with it."""
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]

    result = run([*alone, site.wrapper, "start"])

    assert 0 == result.code, result
    assert "this script is process 1: the container ends with it" in result.err
    wait_until(lambda: not site.place.processes(), "the container to end")


def see_paused(container, codes):
    """See what is said of a container that is frozen, and that nothing of it was touched."""
    family = container.family()
    for action, code in codes.items():
        if code == "-":
            continue
        with container.paused():
            result = container.act(action, "--timeout", "2")

        assert int(code) == result.code, (action, result)
        assert "Traceback" not in result.err, (action, result)
        assert "frozen" in result.out + result.err or action == "configtest", (action, result)
    wait_until(container.is_up, "it to serve as before")
    assert family == container.family()
