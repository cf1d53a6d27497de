from __future__ import annotations

import pytest
from fakes import FakeHost
from hypothesis import given
from hypothesis import strategies as some

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.state.configuration import may_be_workerless, read_configuration


def read_nginx(host, text, service=NGINX):
    """Return what an nginx.conf of that text says."""
    host.put(NGINX.config, text)
    return read_configuration(service, host)


def read_fpm(host, text):
    """Return what a php-fpm.conf of that text says."""
    host.put(PHP_FPM.config, text)
    return read_configuration(PHP_FPM, host)


def test_reading_runs_nothing(host, nginx):
    """To know what stands in the configuration nothing is run."""
    read_nginx(host, "pid /run/x.pid;")

    assert [] == host.spawned


def test_writes(host):
    """Logs, directories and the pidfile are what the daemon's test may leave."""
    told = read_nginx(host, "pid /p; error_log /l; proxy_temp_path /d;")

    assert {"/p", "/l", "/d"} == set(told.writes)


@pytest.mark.parametrize(
    ("text", "pidfile"),
    [
        ("pid /run/x.pid;", "/run/x.pid"),
        ("pid  '/run/my x.pid' ;", "/run/my x.pid"),
        ('pid "/run/x.pid";', "/run/x.pid"),
        ("pid\n  /run/x.pid\n;", "/run/x.pid"),
        ("pid logs/x.pid;", "/usr/share/nginx/logs/x.pid"),
        ("# pid /run/y.pid;\npid /run/x.pid; # pid /run/z.pid;", "/run/x.pid"),
        ("user x; pid /run/x.pid; events { }", "/run/x.pid"),
        ("env 'A=}; pid /run/y.pid;'; pid /run/x.pid;", "/run/x.pid"),
        ("daemon;", None),
        ("", None),
    ],
)
def test_nginx_pid(host, text, pidfile):
    """Comments, quotes and line breaks are read as nginx does."""
    assert pidfile == read_nginx(host, text).pidfile


def test_nginx_logs_and_directories(host):
    """Whatever nginx writes is found in whichever block it stands; what is no file is not."""
    told = read_nginx(
        host,
        """
        error_log /var/log/e.log warn;
        http {
            access_log off; error_log stderr; access_log syslog:server=unix:/dev/log;
            access_log /var/log/$host.log;
            proxy_temp_path tmp/proxy 1 2; proxy_cache_path /var/cache/x levels=1:2;
            server { access_log logs/a.log combined; }
        }
        """,
    )

    assert ("/var/log/e.log", "/usr/share/nginx/logs/a.log") == told.logs
    assert ("/usr/share/nginx/tmp/proxy", "/var/cache/x") == told.directories


def test_nginx_prefix(host):
    """The service's prefix is what relative paths are relative to."""
    service = NGINX.replace(prefix="/opt/nginx")

    assert "/opt/nginx/x.pid" == read_nginx(host, "pid x.pid;", service).pidfile


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ("80", ["0.0.0.0:80"]),
        ("127.0.0.1:8080 default_server", ["127.0.0.1:8080"]),
        ("127.0.0.1", ["127.0.0.1:80"]),
        ("*:8080", ["0.0.0.0:8080", ":::8080"]),
        ("[::]:8080 ipv6only=on", [":::8080"]),
        ("[::1]", ["::1:80"]),
        ("localhost:81", ["127.0.0.1:81"]),
        ("unix:/run/x.sock", ["/run/x.sock"]),
    ],
)
def test_nginx_listens(host, value, places):
    """Where nginx listens is told as the kernel says it."""
    host.names["localhost"] = "127.0.0.1"

    told = read_nginx(host, f"server {{ listen {value}; }}")

    assert (*places, "0.0.0.0:80") == told.listens


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ("9000", ["0.0.0.0:9000", ":::9000"]),
        ("127.0.0.1:9000", ["127.0.0.1:9000"]),
        ("[::1]:9000", ["::1:9000"]),
        ("/run/php/x.sock", ["/run/php/x.sock"]),
        ("run/$pool.sock", ["/usr/run/www.sock"]),
    ],
)
def test_fpm_listens(host, value, places):
    """Where a pool listens is told as the kernel says it."""
    assert tuple(places) == read_fpm(host, f"[www]\nlisten = {value}\n").listens


def test_nginx_includes(host):
    """Included files are read, by name and by pattern."""
    host.put("/etc/nginx/conf.d/a.conf", "error_log /var/log/a.log;")
    host.put("/etc/nginx/conf.d/b.conf", "error_log /var/log/b.log;")
    host.put("/etc/extra.conf", "pid /run/x.pid;")

    told = read_nginx(
        host, "http { include conf.d/*.conf; } include /etc/extra.conf; include none.conf;"
    )

    assert ("/var/log/a.log", "/var/log/b.log") == told.logs
    assert "/run/x.pid" == told.pidfile


def test_nginx_nested_include_is_relative_to_the_main_file(host):
    """A snippet that an enabled site includes stands beside nginx.conf, not beside the site."""
    host.put("/etc/nginx/sites-enabled/default", "../sites-available/default", kind="link")
    host.put("/etc/nginx/sites-enabled/../sites-available/default", "include snippets/a.conf;")
    host.put("/etc/nginx/snippets/a.conf", "access_log /var/log/a.log;")

    told = read_nginx(host, "include sites-enabled/*;")

    assert ("/var/log/a.log",) == told.logs


def test_nginx_include_of_itself(host):
    """A file that includes itself does not keep us for ever."""
    told = read_nginx(host, "error_log /e; include nginx.conf;")

    assert {"/e"} == set(told.logs)


@given(some.text(alphabet="pid /run;{}'\"\\#\n"))
def test_any_text_is_read(text):
    """No text, however broken, is more than a strange configuration."""
    told = read_nginx(FakeHost(), text)

    assert all(path.startswith("/") for path in told.writes)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("[global]\npid = /run/x.pid", "pidfile", "/run/x.pid"),
        ("[global]\npid = run/x.pid", "pidfile", "/var/run/x.pid"),
        ('pid = "/run/x.pid" ; mine', "pidfile", "/run/x.pid"),
        (";pid = /run/x.pid\n#pid = /run/x.pid\nnonsense", "pidfile", None),
        ("error_log = /var/log/x.log", "logs", ("/var/log/x.log",)),
        ("error_log = log/x.log", "logs", ("/var/log/x.log",)),
        ("error_log = syslog", "logs", ()),
        ("error_log = /proc/self/fd/2", "logs", ()),
        ("", "logs", ("/var/log/php-fpm.log",)),
        ("process_control_timeout = 10", "reload_drain", 10.0),
        ("process_control_timeout = 10s", "reload_drain", 10.0),
        ("process_control_timeout = 2m", "reload_drain", 120.0),
        ("process_control_timeout = x", "reload_drain", 0.0),
        ("[www]\npm = ondemand", "workerless", True),
        ("[www]\npm = dynamic", "workerless", False),
        ("[a]\npm = ondemand\n[b]\npm = static", "workerless", False),
        ("", "workerless", False),
    ],
)
def test_fpm(host, text, field, value):
    """Each line that matters is read as php-fpm does."""
    assert value == getattr(read_fpm(host, text), field)


def test_fpm_pool_logs(host):
    """A pool's logs are relative to the prefix, and bear its name."""
    told = read_fpm(host, "[www]\nslowlog = log/$pool.slow\naccess.log = /var/log/$pool.log\n")

    assert ("/usr/log/www.slow", "/var/log/www.log") == told.logs[1:]


def test_fpm_prefix_of_a_pool_is_its_own(host):
    """A pool's prefix says nothing of the next pool's."""
    told = read_fpm(host, "[a]\nprefix = /srv/a\nslowlog = s\n[b]\nslowlog = s\n")

    assert ("/srv/a/s", "/usr/s") == told.logs[1:]


def test_fpm_includes(host):
    """Pool files are read, and a pool's section ends with its file."""
    host.put("/etc/php/8.2/fpm/pool.d/www.conf", "[www]\npm = ondemand\n")

    told = read_fpm(host, "include = /etc/php/8.2/fpm/pool.d/*.conf\npid = /run/x.pid\n")

    assert (True, "/run/x.pid") == (told.workerless, told.pidfile)


def test_fpm_prefix_after_what_it_is_for(host):
    """A pool's prefix counts for the lines before it, too."""
    told = read_fpm(host, "[a]\nlisten = a.sock\nprefix = /srv/a\n")

    assert ("/srv/a/a.sock",) == told.listens


def test_fpm_relative_include_is_relative_to_the_prefix(host):
    """A relative include is relative to /usr, not to the file."""
    host.put("/usr/etc/pool.d/www.conf", "[www]\npm = ondemand\n")

    assert read_fpm(host, "include = etc/pool.d/*.conf").workerless


def test_fpm_include_of_itself(host):
    """A file that includes itself does not keep us for ever."""
    assert "/x" == read_fpm(host, f"include = {PHP_FPM.config}\npid = /x").pidfile


def test_missing_configuration(host):
    """Without a file nothing is known."""
    assert read_configuration(NGINX, host).pidfile is None
    assert read_configuration(NGINX.replace(config=None), host).pidfile is None
    assert read_configuration(PHP_FPM, host).pidfile is None


@pytest.mark.parametrize(
    ("service", "text", "expected"),
    [
        (PHP_FPM, "[www]\npm = ondemand", True),
        (PHP_FPM, "[www]\npm = static", False),
        (PHP_FPM.replace(read_configuration=None), "[www]\npm = ondemand", False),
        (PHP_FPM.replace(worker_titles=()), "", True),
    ],
)
def test_may_be_workerless(host, fpm, service, text, expected):
    """Only a service that may start workers on demand serves without one."""
    host.put(PHP_FPM.config, text)

    assert expected == may_be_workerless(service, host)
