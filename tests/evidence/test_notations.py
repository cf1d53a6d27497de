"""What a daemon's own notation means: it was asked of the daemon, or of its sockets."""

from __future__ import annotations

import os
import signal
import socket

import pytest
from real_daemons import PORTS, can_bind, wait_until
from real_load import crash

from initpy.tools import command

pytestmark = pytest.mark.real

# Of one pool with one worker; {at} is the folder of its socket.
POOL = "[www]\nuser = www-data\npm = static\npm.max_children = 1\n"
CAPITALS = "[www]\nUser = www-data\nPM = Static\nPM.Max_Children = 1\n"
COMMENTED = POOL.replace("]", "] ; the first")
MORE = COMMENTED.replace("www]", "more]") + "prefix = {place}\nlisten = more.sock\n"
STATUS = "pm.status_path = /status\npm.status_listen = {at}/status.sock\n"
POOLS = {
    "capitals": CAPITALS + "Listen = {at}/www.sock\n",
    "on demand": POOL.replace("static", "OnDemand") + "listen = {at}/www.sock\n",
    "comments": COMMENTED + "prefix = {at}\nlisten = www.sock\n" + MORE,
    "dots": POOL + "listen = {at}/../sockets/./www.sock\n",
    "slashes": POOL + "listen = {at}//www.sock\n",
    "prefix": POOL + "prefix = {place}/$pool\nlisten = www.sock\n",
    "status page": POOL + "listen = {at}/www.sock\n" + STATUS,
    "build": POOL + "listen = {relative}/www.sock\n",
}


@pytest.fixture(params=POOLS)
def pool(request, fpm):
    """Give a php-fpm, stopped, with one pool that is written in one of the ways."""
    at = fpm.path("sockets")
    os.mkdir(at)
    os.symlink(at, fpm.place.path("www"))
    if request.param == "build":  # whose prefix is another one, that relative paths start from
        with open(fpm.binary, "rb") as file:
            build = file.read().replace(b"\0/usr\0", b"\0/tmp\0")
        with open(fpm.place.path("built"), "wb") as file:
            file.write(build)
        os.chmod(fpm.place.path("built"), 0o755)
        fpm.place.copy(fpm.place.path("built"), "sbin/php-fpm")
    fpm.generate()
    names = {"at": at, "place": fpm.place.root, "relative": os.path.relpath(at, "/tmp")}
    fpm.place.write("php-fpm/pool.d/www.conf", POOLS[request.param].format(**names))
    return fpm


def answers(fpm):
    """Tell whether its socket takes requests."""
    with socket.socket(socket.AF_UNIX) as connection:
        return not connection.connect_ex(fpm.path("sockets", "www.sock"))


def test_pool(pool):
    """However its pool is written, php-fpm is started, upgraded, recovered and stopped."""
    for action in ("start", "status", "upgrade", "reload"):
        result = pool.act(action)

        assert 0 == result.code, (action, result)
    crash(pool)
    told, recovered = pool.act("status"), pool.act("start")
    served = answers(pool)
    ended = pool.act("stop")

    assert (1, 0, 0) == (told.code, recovered.code, ended.code), (told, recovered, ended)
    assert served
    assert {} == pool.place.processes()


LOOPS = {
    "nginx": "events {{}}\nhttp {{ include {at}/*.conf; }}\n",
    "php-fpm": "[global]\ninclude = {at}/*.conf\n",
}


def test_files_that_include_each_other(site):
    """A loop of includes is the daemon's own error, 6, and not our reading for hours."""
    at = site.path("loop")
    for name in "abcd":
        line = f"include {at}/*.conf;" if site.kind == "nginx" else f"include = {at}/*.conf"
        site.place.write(f"{site.folder}/loop/{name}.conf", f"{line}\n")
    site.place.write(f"{site.folder}/daemon.conf", LOOPS[site.kind].format(at=at))

    results = [site.script(action) for action in ("configtest", "start")]

    assert [6, 6] == [result.code for result in results], results
    # At the deadline it would be 6, too.
    assert all(result.seconds < site.service.timeout for result in results), results


# What nginx -V may say of a build; and the configuration and the pidfile that it has then.
BUILDS = [
    ("--with-stream", "/usr/local/nginx/conf/nginx.conf", "/usr/local/nginx/logs/nginx.pid"),
    ("--prefix=/opt/n --conf-path=c/n.conf", "/opt/n/c/n.conf", "/opt/n/logs/nginx.pid"),
    ("--prefix='/opt/my n' --pid-path=n.pid", "/opt/my n/conf/nginx.conf", "/opt/my n/n.pid"),
    (
        "--with-cc-opt='-g --prefix=/wrong --pid-path=/wrong' --prefix=/opt/n",
        "/opt/n/conf/nginx.conf",
        "/opt/n/logs/nginx.pid",
    ),
]


@pytest.mark.parametrize(("arguments", "config", "pidfile"), BUILDS)
def test_build(nginx, capsys, arguments, config, pidfile):
    """A script is generated for every build of nginx, with the paths that the build has."""
    nginx.fake_binary(f'echo "configure arguments: {arguments}" >&2', passes_test=False)

    code = command.main(["generate", "nginx", "--name", "built", "--daemon", nginx.daemon])

    written = capsys.readouterr()
    assert 0 == code, written
    assert f' config="{config}"' in written.out
    assert f' pidfile="{pidfile}"' in written.out


# Each is understood as nginx does: it has our pidfile and our log in the end. What begins
# with the second is left out of the configuration.
OPTIONS = {
    "log": ("-g 'error_log {log} notice;'", "error_log "),
    "log by -e": ("-e {log}", "error_log "),
    "prefix": ("-p {folder}", ""),
    "configuration": ("-p {folder} -c daemon.conf", ""),
    "cluster": ("-qc {folder}/whole.conf", "error_log "),
}


def leave_out(nginx, directive):
    """Have its configuration without a directive; return it as it was."""
    with open(nginx.config) as file:
        lines = file.readlines()
    left = [line for line in lines if not (directive and line.startswith(directive))]
    nginx.place.write(f"{nginx.folder}/daemon.conf", "".join(left))
    return "".join(lines)


@pytest.mark.parametrize(("options", "instead"), OPTIONS.values(), ids=OPTIONS)
def test_options(nginx, options, instead):
    """What the settings add to nginx's command line is read as nginx reads it."""
    whole = leave_out(nginx, instead)
    nginx.place.write(f"{nginx.folder}/whole.conf", whole)
    if "-p" in options:
        relative = whole.replace(nginx.path() + "/", "")
        nginx.place.write(f"{nginx.folder}/daemon.conf", relative)
    chosen = options.format(folder=nginx.path(), log=nginx.log)
    nginx.place.settings(nginx.name, f'DAEMON_OPTS="{chosen}"\n')

    for action in ("start", "status", "reload", "upgrade"):
        result = nginx.act(action)

        assert 0 == result.code, (action, result)
    os.rename(nginx.log, nginx.log + ".1")
    titles = nginx.place.processes()
    slow = next(process for process, title in titles.items() if "worker" in title)
    nginx.kill(slow, signal.SIGSTOP)
    wait_until(lambda: nginx.host.look(slow.pid).state == "T", "it to stop")
    held = nginx.act("reopen")
    nginx.kill(slow, signal.SIGCONT)
    reopened = nginx.act("reopen")
    codes = [nginx.act(action).code for action in ("stop", "configtest")]

    assert (1, 0) == (held.code, reopened.code), (held, reopened)
    assert f"pid {slow} " in held.err
    assert [0, 0] == codes
    assert {} == nginx.place.processes()
    assert not os.path.exists(nginx.pidfile)


def test_pidfile_among_the_options(nginx):
    """Another pidfile that the options name is 6 before anything is started."""
    leave_out(nginx, "pid ")
    other = nginx.path("other.pid")
    nginx.place.settings(nginx.name, f"DAEMON_OPTS=\"-g 'pid {other};'\"\n")

    result = nginx.act("start")

    assert 6 == result.code, result
    assert other in result.err
    assert not os.path.exists(other)
    assert {} == nginx.place.processes()


def test_context(nginx):
    """A map's line is no pidfile, and a range of ports is each of them."""
    port = next(port for port in PORTS[::-1] if can_bind(port) and can_bind(port + 1))
    nginx.port = port
    nginx.configure(http="map $uri $kept { pid /elsewhere.pid; }")
    with open(nginx.config) as file:
        text = file.read().replace(f":{port};", f":{port}-{port + 1};")
    nginx.place.write(f"{nginx.folder}/daemon.conf", text)
    words = ["--name", nginx.name, "--daemon", nginx.daemon, "--config", nginx.config]
    assert 0 == command.main(["generate", "nginx", *words, "-o", nginx.wrapper])

    started = nginx.script("start")
    assert 0 == started.code, started
    crash(nginx)
    os.unlink(nginx.pidfile)
    told, recovered = nginx.script("status"), nginx.script("start")
    answer = nginx.ask()
    ended = nginx.script("stop")

    assert (0, 0) == (recovered.code, ended.code), (recovered, ended)
    assert f"still serving 127.0.0.1:{port} 127.0.0.1:{port + 1}" in told.out, told
    assert "one" == answer
    assert {} == nginx.place.processes()
