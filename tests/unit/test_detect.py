from __future__ import annotations

import pytest
from fakes import Run

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.daemons.postgresql import POSTGRESQL
from initpy.errors import InitError, NotInstalled, UsageError
from initpy.tools.detect import choose, detect_service

ALL = {"name": "x", "daemon": "/opt/x", "config": "/etc/x.conf", "pidfile": "/run/x.pid"}


def test_nginx_is_asked(host, nginx):
    """What is not given nginx says itself: its built-in paths, then its configuration."""
    nginx.compiled = "--prefix=/opt/n --conf-path=/opt/n/nginx.conf --pid-path=/run/n.pid"
    host.put("/opt/n/nginx.conf", "pid logs/n.pid;")

    found = detect_service(NGINX, {}, host)

    assert ("/opt/n/nginx.conf",) * 2 == (found.config, found.default_config)
    assert ("/opt/n", "/opt/n/logs/n.pid") == (found.prefix, found.pidfile)


@pytest.mark.parametrize(
    ("arguments", "config", "prefix", "pidfile"),
    [
        ("", "/usr/local/nginx/conf/nginx.conf", "/usr/local/nginx", "logs/nginx.pid"),
        ("--with-stream", "/usr/local/nginx/conf/nginx.conf", "/usr/local/nginx", "logs/nginx.pid"),
        ("--prefix=/opt/n", "/opt/n/conf/nginx.conf", "/opt/n", "logs/nginx.pid"),
        ("--prefix=/opt/n --conf-path=c/n.conf", "/opt/n/c/n.conf", "/opt/n", "logs/nginx.pid"),
        ("--prefix=/opt/n --pid-path=n.pid", "/opt/n/conf/nginx.conf", "/opt/n", "n.pid"),
        (
            "--prefix='/opt/my nginx' --conf-path='/etc/my nginx.conf'",
            "/etc/my nginx.conf",
            "/opt/my nginx",
            "logs/nginx.pid",
        ),
        (
            "--with-cc-opt='-g --prefix=/wrong --conf-path=/wrong' --prefix=/opt/n",
            "/opt/n/conf/nginx.conf",
            "/opt/n",
            "logs/nginx.pid",
        ),
        ("--prefix= --pid-path=n.pid", "/conf/nginx.conf", "/", "n.pid"),
        ("--prefix=/opt/n --with-cc-opt='", "/opt/n/conf/nginx.conf", "/opt/n", "logs/nginx.pid"),
    ],
)
def test_nginx_builds(host, nginx, arguments, config, prefix, pidfile):
    """What a build was not told is what nginx's own configure takes."""
    nginx.compiled = arguments

    found = detect_service(NGINX, {}, host)

    assert (config, config, prefix) == (found.config, found.default_config, found.prefix)
    assert f"{prefix.rstrip('/')}/{pidfile}" == found.pidfile


def test_nginx_with_another_prefix(host, nginx):
    """With another prefix the relative paths start there, what is compiled in as well."""
    nginx.compiled = "--prefix=/opt/n --conf-path=c/n.conf"

    found = detect_service(NGINX, {}, host, prefix="/srv/gw")

    assert ("/srv/gw/c/n.conf", "/srv/gw/logs/nginx.pid") == (found.config, found.pidfile)
    assert ("/opt/n", "/opt/n/c/n.conf") == (found.prefix, found.default_config)
    assert ("-p", "/srv/gw") == found.options


def test_pidfile_with_another_prefix(host, nginx):
    """A relative path in the configuration starts from the prefix that is given."""
    host.put("/srv/gw/gw.conf", "pid pids/n.pid;")

    found = detect_service(NGINX, {"config": "/srv/gw/gw.conf"}, host, prefix="/srv/gw")

    assert "/srv/gw/pids/n.pid" == found.pidfile


def test_no_such_prefix(host, nginx):
    """A daemon that takes no prefix is told."""
    with pytest.raises(InitError, match="nginx has no option for another prefix"):
        detect_service(NGINX.replace(prefix_flag=""), {}, host, prefix="/srv/gw")


def test_given_goes_first(host, nginx):
    """What is given is not asked for."""
    host.put("/etc/b.conf", "pid /run/b.pid;")

    found = detect_service(NGINX, {"name": "b", "config": "/etc/b.conf"}, host)

    assert ("b", "/etc/b.conf", "/run/b.pid") == (found.name, found.config, found.pidfile)
    assert NGINX.config == found.default_config


def test_all_given(host):
    """With everything given the daemon need not be there."""
    assert NGINX.replace(**ALL) == detect_service(NGINX, ALL, host)


@pytest.mark.parametrize("service", [NGINX, PHP_FPM])
def test_all_given_and_there(host, service):
    """With everything given and the daemon there, nothing is changed of that."""
    host.put("/opt/x", mode=0o755)
    host.programs["/opt/x"] = lambda _argv: Run(
        output="configure arguments: --conf-path=/etc/y.conf"
    )

    found = detect_service(service, ALL, host)

    assert ALL == {fact: getattr(found, fact) for fact in ALL}


@pytest.mark.parametrize("left_out", ["daemon", "config", "pidfile"])
def test_not_installed(host, left_out):
    """A daemon that is not there cannot be asked."""
    given = {fact: value for fact, value in ALL.items() if fact != left_out}

    with pytest.raises(NotInstalled, match="cannot be asked for its paths"):
        detect_service(NGINX, given, host)


def test_relative_path(host):
    """A path must be absolute."""
    with pytest.raises(InitError, match="daemon 'x' is not an absolute path"):
        detect_service(NGINX, {"daemon": "x"}, host)


def test_fpm_is_asked(host, fpm):
    """A php-fpm names its configuration when it tests it."""
    fpm.tested = Run(
        output="[x] NOTICE: configuration file /opt/php-fpm.conf test is successful", code=0
    )
    host.put("/opt/php-fpm.conf", "pid = /run/x.pid")

    found = detect_service(PHP_FPM, {}, host)

    assert ("/opt/php-fpm.conf",) * 2 == (found.config, found.default_config)
    assert "/run/x.pid" == found.pidfile


TEST = "[x] NOTICE: configuration file {} test is successful\n"
PROBE = "[x] NOTICE: \tlisten = /opt/probe\n" + TEST.format("/dev/fd/5")
NO_POOL = "[x] ERROR: No pool defined. at least one pool section must be specified\n"


def answers(host, path, test, probe=PROBE):
    """Have a php-fpm that says this of its configuration, and of the probe."""
    host.put(path, mode=0o755)
    host.programs[path] = lambda argv: Run(output=test if "-t" in argv else probe)


def test_fpm_prefix(host):
    """A php-fpm tells its prefix when it is asked with a relative path."""
    answers(host, PHP_FPM.daemon, TEST.format("/opt/etc/php-fpm.conf"))

    found = detect_service(PHP_FPM, {}, host)

    assert ("/opt", "/opt/etc/php-fpm.conf") == (found.prefix, found.config)


def test_fpm_of_upstream(host):
    """Its log and its pidfile are in the state directory that it was built with."""
    probe = PROBE.replace("\tlisten", "\tpid = /opt/var/probe\n[x] NOTICE: \tlisten")
    answers(host, PHP_FPM.daemon, TEST.format("/opt/etc/php-fpm.conf"), probe)

    found = detect_service(PHP_FPM, {}, host)

    assert ("/opt", "/opt/var") == (found.prefix, found.localstatedir)
    assert "/opt/var/run/php-fpm.pid" == found.pidfile


def test_fpm_with_another_prefix(host):
    """It is asked with the prefix that it is to have."""
    asked = []
    answers(host, PHP_FPM.daemon, TEST.format("/srv/etc/php-fpm.conf"))
    answer = host.programs[PHP_FPM.daemon]
    host.programs[PHP_FPM.daemon] = lambda argv: asked.append(argv) or answer(argv)

    found = detect_service(PHP_FPM, {}, host, prefix="/srv")

    assert ("--prefix", "/srv") == found.options
    assert {("--prefix", "/srv")} == {tuple(argv[-2:]) for argv in asked}


def test_fpm_without_a_pool(host):
    """Before there is a pool the configuration is where the distribution has it."""
    config = "/etc/php/8.10/fpm/php-fpm.conf"
    answers(host, "/usr/sbin/php-fpm8.10", NO_POOL)
    host.put(config, "[global]\npid = /run/x.pid\n")

    (chosen,) = choose(PHP_FPM, {}, "", host)
    found = detect_service(chosen, {}, host)

    assert (config, config, "/run/x.pid") == (found.config, found.default_config, found.pidfile)


def test_fpm_without_a_pool_elsewhere(host):
    """Of a daemon that is nobody's package it is said what is missing."""
    answers(host, "/opt/sbin/php-fpm", NO_POOL)
    given = {"daemon": "/opt/sbin/php-fpm", "pidfile": "/run/x.pid"}

    with pytest.raises(InitError, match=r"\(No pool defined.*\): give --config"):
        detect_service(PHP_FPM, given, host)

    found = detect_service(PHP_FPM, {**given, "config": "/opt/fpm.conf"}, host)
    assert ("/opt/fpm.conf", "/opt") == (found.config, found.prefix)


BROKEN = "[x] ALERT: [pool b] user has not been defined\n[x] ERROR: FPM initialization failed\n"


def test_fpm_with_a_broken_pool(host):
    """The distribution tells where the configuration is; what is wrong with it is for its test."""
    answers(host, PHP_FPM.daemon, BROKEN)
    host.put(PHP_FPM.config, "[global]\npid = /run/x.pid\n")

    assert "/run/x.pid" == detect_service(PHP_FPM, {}, host).pidfile


def test_fpm_with_a_broken_pool_elsewhere(host):
    """What it says of its configuration is shown, and not the answer to our own question."""
    answers(host, "/opt/sbin/php-fpm", BROKEN)

    with pytest.raises(InitError, match=r"\(.*user has not been defined\): give --config") as told:
        detect_service(PHP_FPM, {"daemon": "/opt/sbin/php-fpm"}, host)

    assert told.value.output == BROKEN


def install(host, *versions):
    """Have the executables of several versions of php-fpm."""
    for version in versions:
        host.put(f"/usr/sbin/php-fpm{version}", mode=0o755)


@pytest.mark.parametrize(
    ("installed", "given", "version", "names"),
    [
        ((), {}, "", ["php-fpm"]),
        (("8.2",), {}, "", ["php-fpm"]),
        (("7.4", "8.9", "8.10"), {}, "", ["php7.4-fpm", "php8.9-fpm", "php8.10-fpm"]),
        (("7.4", "8.2"), {}, "7.4", ["php7.4-fpm"]),
        (("8.2",), {}, "8.2", ["php8.2-fpm"]),
        (("7.4", "8.2"), {"daemon": "/usr/sbin/php-fpm7.4"}, "", ["php7.4-fpm"]),
        (("8.2",), {"daemon": "/usr/sbin/php-fpm8.2"}, "", ["php-fpm"]),
        (("8.2",), {"daemon": "/opt/php/sbin/php-fpm8.4"}, "", ["php8.4-fpm"]),
        (("7.4", "8.2"), {"daemon": "/opt/php/sbin/php-fpm"}, "", ["php-fpm"]),
        (("7.4", "8.2"), {"config": "/etc/blog.conf"}, "", ["php-fpm"]),
        (("8.2", "8.x", "8.2.", "8.2-dbg"), {}, "", ["php-fpm"]),
    ],
)
def test_versions(host, installed, given, version, names):
    """The only version has the plain name; each of several is its own service, if it is meant."""
    install(host, *installed)

    chosen = choose(PHP_FPM, given, version, host)

    assert names == [service.name for service in chosen]


def test_paths_of_a_version(host):
    """Nothing of a version is shared with another one."""
    install(host, "7.4", "8.2")

    old, new = choose(PHP_FPM, {}, "", host)

    for fact in ("name", "daemon", "config", "default_config", "pidfile"):
        assert getattr(new, fact) == getattr(old, fact).replace("7.4", "8.2")
    assert old.pidfile != new.pidfile


def test_newest_fpm(host):
    """Of several versions the greatest is taken if one is meant, by number and not by letter."""
    install(host, "7.4", "8.9", "8.10")
    host.put("/usr/sbin/php-fpm8.11", mode=0o644)

    (chosen,) = choose(PHP_FPM, {"config": "/e.conf"}, "", host)

    assert "/usr/sbin/php-fpm8.10" == chosen.daemon


@pytest.mark.parametrize("version", ["8.", "eight", "../8.2", "8.2-dbg", "٨"])
def test_no_version(host, version):
    """What cannot be a version is told."""
    with pytest.raises(UsageError, match="is not a version: give it as in"):
        choose(PHP_FPM, {}, version, host)


@pytest.mark.parametrize(
    ("installed", "names"), [(["15"], ["postgresql"]), (["9.6", "15"], ["9.6", "15"])]
)
def test_version_in_the_name_of_a_folder(host, installed, names):
    """Where the executables of all versions have one name, their folders tell."""
    for version in installed:
        host.put(f"/usr/lib/postgresql/{version}/bin/postgres", mode=0o755)

    found = choose(POSTGRESQL, {}, "", host)

    assert names == [one.name.removeprefix("postgresql-") for one in found]
    assert f"/etc/postgresql/{installed[-1]}/main/postgresql.conf" == found[-1].config


def test_daemon_without_versions(host):
    """A daemon of which distributions have one version has no other."""
    with pytest.raises(UsageError, match="several versions of nginx are not known: use --daemon"):
        choose(NGINX, {}, "1.22", host)


@pytest.mark.parametrize("service", [NGINX, PHP_FPM])
def test_another_program(host, service):
    """A program that does not answer as the daemon does is told, and what suffices."""
    host.put("/opt/mute", mode=0o755)
    paths = {"config": "/opt/x.conf", "pidfile": "/opt/x.pid"}

    with pytest.raises(InitError, match=r"the right daemon.* give --config and --pidfile"):
        detect_service(service, {"daemon": "/opt/mute"}, host)

    found = detect_service(service, {"daemon": "/opt/mute", **paths}, host)
    assert ("/opt/x.conf", "/opt/x.pid") == (found.config, found.pidfile)


def test_no_pidfile(host, fpm):
    """A configuration that names no pidfile leaves the declared one."""
    host.put(PHP_FPM.config, "")

    assert PHP_FPM.pidfile == detect_service(PHP_FPM, {"config": PHP_FPM.config}, host).pidfile


def test_built_in_pidfile(host, nginx):
    """An nginx.conf that names none leaves the one that was built in."""
    host.files[NGINX.config].text = "http { }"
    nginx.compiled = f"--conf-path={NGINX.config} --pid-path=/var/run/n.pid"

    assert "/var/run/n.pid" == detect_service(NGINX, {}, host).pidfile


@pytest.mark.parametrize(
    ("given", "pidfile"),
    [({}, "/run/php/php8.4-fpm.pid"), ({"name": "php-fpm-blog"}, "/run/php/php-fpm-blog.pid")],
)
def test_configuration_without_pid(host, given, pidfile):
    """Where the configuration names no pidfile, every instance has its own."""
    install(host, "8.4")
    answers(host, "/usr/sbin/php-fpm8.4", TEST.format("/etc/php/8.4/fpm/php-fpm.conf"))
    host.put("/etc/php/8.4/fpm/php-fpm.conf", "[global]\n")
    (chosen,) = choose(PHP_FPM, given, "", host)

    assert pidfile == detect_service(chosen, given, host).pidfile
