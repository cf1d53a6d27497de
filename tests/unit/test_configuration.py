from __future__ import annotations

import re

import pytest
from fakes import FakeHost, Run
from hypothesis import given
from hypothesis import strategies as some

from initpy.contracts import Configuration, Pool, WantedSocket, Wish
from initpy.control.ask import ask_configuration
from initpy.daemons.nginx import NGINX
from initpy.daemons.nginx.syntax import statements
from initpy.daemons.php_fpm import PHP_FPM
from initpy.state.configuration import listens_at, read_configuration


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
        ("http { map $x $y { pid /run/y.pid; } } pid /run/x.pid;", "/run/x.pid"),
        ("http { map $x $y { pid /run/y.pid; } }", None),
        ("pid /run/x\\ y.pid;", "/run/x\\ y.pid"),
        ("pid /run/x#y}.pid;", "/run/x#y}.pid"),
        ("env A=${x};pid /run/x.pid;", "/run/x.pid"),
        ('env A="x;\\"";pid /run/x.pid;', "/run/x.pid"),
        ("env 'A", None),
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
    assert (r"/var/log/[^/]*\.log",) == told.log_patterns
    assert ("/usr/share/nginx/tmp/proxy", "/var/cache/x") == told.directories


@pytest.mark.parametrize(
    ("log", "path", "expected"),
    [
        ("/l/$host.log", "/l/a.b.log", True),
        ("/l/$host.log", "/l/a.b.log.1", False),
        ("/l/$host.log", "/l/old/a.b.log", False),
        ("/l/${host}x.log", "/l/ax.log", True),
        ("/l/${host}x.log", "/l/axlog", False),
        ("/l/$server_name/a.log", "/l/x/a.log", True),
        ("logs/$1", "/usr/share/nginx/logs/", True),
        ("/link/$host", "/real/x", True),
        ("/link/$host", "/link/x", False),
    ],
)
def test_nginx_log_with_variables(host, log, path, expected):
    """A variable in the name of a log stands for anything but a slash; links are followed."""
    host.put("/link", "/real", kind="link")

    told = read_nginx(host, f"http {{ access_log {log}; error_log /var/log/$host; }}")

    (pattern,) = told.log_patterns
    assert expected == bool(re.fullmatch(pattern, path))
    assert ("/var/log/$host",) == told.logs


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
        ("*:8080", ["0.0.0.0:8080"]),
        ("[::]:8080 ipv6only=on", [":::8080"]),
        ("[0:0::1]", ["::1:80"]),
        ("127.0.0.1:8000-8002", ["127.0.0.1:8000", "127.0.0.1:8001", "127.0.0.1:8002"]),
        ("8000-8001", ["0.0.0.0:8000", "0.0.0.0:8001"]),
        ("localhost:81", ["localhost:81"]),
        ("web-1", ["web-1:80"]),
        ("unix:/run//x.sock", ["/run/x.sock"]),
    ],
)
def test_nginx_listens(host, value, places):
    """Where nginx listens is told as the kernel says it, a name as it is written."""
    told = read_nginx(host, f"http {{ server {{ listen {value}; }} }}")

    assert tuple(places) == told.listens


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("http { server { } }", ("0.0.0.0:80",)),
        ("http { server { listen 81; } server { } }", ("0.0.0.0:81", "0.0.0.0:80")),
        ("http { server { listen 81; } }", ("0.0.0.0:81",)),
        ("stream { server { listen 53 udp; } upstream x { server 10.0.0.1; } }", ("0.0.0.0:53",)),
        ("stream { server { } } mail { server { listen 25; } }", ("0.0.0.0:25",)),
        ("rtmp { server { listen 1935; application live { } } }", ("0.0.0.0:1935",)),
        ("http { map $x $y { listen 81; } types { listen 82; } listen 83; }", ()),
        ("http { server { location / { listen 81; } listen 82; } }", ("0.0.0.0:82",)),
        ("http { server { include listen.conf; } }", ("0.0.0.0:84",)),
        ("http { server { include listen.*; } server { include listen.conf; } }", ("0.0.0.0:84",)),
        ("http { server { include nothing/*.conf; } }", ("0.0.0.0:80",)),
        ("", ()),
    ],
)
def test_nginx_listens_in_context(host, text, places):
    """Only a server listens, and one of http that names no place has port 80."""
    host.put("/etc/nginx/listen.conf", "listen 84;")

    assert places == read_nginx(host, text).listens


@pytest.mark.parametrize(
    ("listens", "sockets"),
    [
        (["80", "80 default_server"], [("0.0.0.0:80",)]),
        (["[::]:80"], [(":::80", False, True)]),
        (["[::]:80", "[::]:80 ipv6only=off"], [(":::80", False, False)]),
        (["[::]:80 ipv6only=off", "[::]:80"], [(":::80", False, False)]),
        (["[::1]:80 ipv6only=on"], [("::1:80", False, True)]),
        (["443 ssl", "443 quic reuseport"], [("0.0.0.0:443",), ("0.0.0.0:443", True, None, True)]),
        (["unix:/run/x.sock"], [("/run/x.sock",)]),
        (["a.example:80 bind"], [("a.example:80",)]),
        (["8000-8001 reuseport"], [(f"0.0.0.0:{n}", False, None, True) for n in (8000, 8001)]),
        # Without an option of its own, the socket of the wildcard serves an address, too.
        (["127.0.0.1:80", "80", "81"], [("0.0.0.0:80",), ("0.0.0.0:81",)]),
        (["127.0.0.1:80", "80 udp"], [("127.0.0.1:80",), ("0.0.0.0:80", True)]),
        (["127.0.0.1:80 backlog=9", "80"], [("127.0.0.1:80",), ("0.0.0.0:80",)]),
        (["[::1]:80", "80"], [("::1:80", False, True), ("0.0.0.0:80",)]),
        (["[::1]:80", "[::]:80"], [(":::80", False, True)]),
    ],
)
def test_nginx_sockets(host, listens, sockets):
    """Each socket is told once, with its type and the options that one ``listen`` has."""
    lines = " ".join(f"server {{ listen {listen}; }}" for listen in listens)

    told = read_nginx(host, f"stream {{ {lines} }}").sockets

    fields = ("place", "datagram", "ipv6only", "reuseport")
    assert [WantedSocket(**dict(zip(fields, one))) for one in sockets] == list(told)


def test_nginx_socket_of_a_server_without_listen(host):
    """It is one like the others."""
    told = read_nginx(host, "http { server { } server { listen 80; } }")

    assert (WantedSocket(place="0.0.0.0:80"),) == told.sockets


def test_nginx_default_port_of_a_user(host):
    """An nginx that is not root's listens on 8000 (ngx_http_core_server)."""
    host.euid = 1000

    assert ("0.0.0.0:8000",) == read_nginx(host, "http { server { } }").listens


@pytest.mark.parametrize(
    "block",
    [
        "-- don't {",
        "--[[ { ' ]] x = 1",
        "--[==[ { ]] ' ]==] x = 1",
        'x = \'}\' y = "}\\"}"',
        "x = [[ } ' ]] t = { { 1 }, {} }",
        "ngx.say([=[ ]] } ]=])",
        "",
    ],
)
def test_nginx_lua(host, block):
    """A block of Lua ends where Lua's rules have it end."""
    told = read_nginx(
        host, f"http {{ init_by_lua_block {{ {block}\n }} server {{ listen 81; }} }} pid /x;"
    )

    assert ("/x", ("0.0.0.0:81",)) == (told.pidfile, told.listens)


@pytest.mark.parametrize("block", ["{ x", "{ [[ }", "{ --[[ } pid /x; "])
def test_nginx_lua_without_an_end(host, block):
    """What follows a block of Lua that does not end is not read."""
    assert read_nginx(host, f"init_by_lua_block {block}; pid /y;").pidfile is None


@pytest.mark.parametrize(
    ("options", "pidfile", "logs"),
    [
        ((), "/usr/share/nginx/x.pid", ("/usr/share/nginx/e.log",)),
        (("-p", "/srv/x"), "/srv/x/x.pid", ("/srv/x/e.log",)),
        (("-e", "/y.log"), "/usr/share/nginx/x.pid", ("/y.log", "/usr/share/nginx/e.log")),
        (("-qestderr",), "/usr/share/nginx/x.pid", ("/usr/share/nginx/e.log",)),
        (
            ("-g", "daemon off; error_log /g.log;"),
            "/usr/share/nginx/x.pid",
            ("/g.log", "/usr/share/nginx/e.log"),
        ),
    ],
)
def test_nginx_options(host, options, pidfile, logs):
    """The administrator's options count as nginx counts them."""
    told = read_nginx(host, "pid x.pid; error_log e.log;", NGINX.replace(options=options))

    assert (pidfile, logs) == (told.pidfile, told.logs)


def test_nginx_pid_among_the_options(host):
    """A pidfile may be given by -g."""
    service = NGINX.replace(options=("-g", "pid /run/g.pid;"))

    assert "/run/g.pid" == read_nginx(host, "events {}", service).pidfile


# A token of nginx's: a comment, a sign, a word in quotes, or a bare word.
TOKEN = re.compile(
    r"""[ \t\r\n]* (?: \#[^\n]* | ([;{}])
    | "([^"\\]*(?:\\.[^"\\]*)*)" | '([^'\\]*(?:\\.[^'\\]*)*)'
    | ((?:\\. | \$\{* | [^ \t\r\n;{}\#"'\\$]) (?:\\. | \$\{* | [^ \t\r\n;{\\$])*) )""",
    re.VERBOSE | re.DOTALL,
)


@given(some.lists(some.sampled_from([*"\"'\\#${}; \n\t\r", "${", "a", "bc", "\v", "\\n", "x y"])))
def test_nginx_words(parts):
    """They are read as one expression tells them, without the module that would compile it."""
    signs = {"t": "\t", "r": "\r", "n": "\n", '"': '"', "'": "'", "\\": "\\"}

    def unescaped(pair):
        return signs.get(pair[1], pair[0])

    text = "".join(parts)
    expected, words, place = [], [], 0
    while token := TOKEN.match(text, place):
        place = token.end()
        if token[1]:
            expected.append((words, token[1]))
            words = []
        elif token.lastindex:
            words.append(re.sub(r"(?s)\\(.)", unescaped, token[token.lastindex]))

    assert expected == list(statements(text))


@pytest.mark.parametrize("most", [1, 5])
def test_nginx_text_in_pieces(most, monkeypatch):
    """A long text is split piece by piece, between two words."""
    monkeypatch.setattr("initpy.daemons.nginx.syntax._MOST", most)

    assert [(["listen", "80"], ";"), ([], "}")] == list(statements("listen   80; }"))


def test_nginx_statements():
    """Words are unescaped as nginx does it."""
    text = "a 'b\\'c' \"d\\te\" f\\\\g h\\i { }"

    assert [(["a", "b'c", "d\te", "f\\g", "h\\i"], "{"), ([], "}")] == list(statements(text))


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ("9000", [":::9000", "0.0.0.0:9000"]),
        ("*:9000", ["*:9000"]),
        ("localhost:9000", ["localhost:9000"]),
        ("127.0.0.1:9000", ["127.0.0.1:9000"]),
        ("[::1]:9000", ["::1:9000"]),
        ("/run/php/x.sock", ["/run/php/x.sock"]),
        ("run/$pool.sock", ["/usr/run/www.sock"]),
        ("/run//php/./x.sock", ["/run/php/x.sock"]),
        ("\"/run/;x\".'$pool'.sock ; 'a' comment", ["/run/;x.www.sock"]),
    ],
)
def test_fpm_listens(host, value, places):
    """Where a pool listens is told as the kernel says it."""
    assert tuple(places) == read_fpm(host, f"[www]\nlisten = {value}\n").listens


def test_fpm_blanks_in_a_name(host):
    """Blanks belong to the name of a pool."""
    text = "[www]\nlisten = 9000\n[ www ]\nlisten = 9001\n"

    assert ["www", " www "] == [pool.name for pool in read_fpm(host, text).pools]


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


def test_nginx_files_that_include_each_other(host):
    """Each file is read once, however it is included."""
    read = []
    examine = host.examine
    host.examine = lambda path, most: read.append(path) or examine(path, most)
    for number in range(9):
        host.put(f"/etc/nginx/conf.d/{number}.conf", "x { include conf.d/*.conf; }")

    read_nginx(host, "http { include conf.d/*.conf; include conf.d/*.conf; }")

    assert 10 == len(read) == len(set(read))


def test_nginx_many_includes_in_includes(host):
    """A chain of includes is followed as far as anybody would make one."""
    for number in range(300):
        host.put(f"/etc/nginx/{number}", f"include {number + 1};\nenv x;")

    assert read_nginx(host, "include 0; pid /x;").pidfile == "/x"


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
        ("[a] ; first\npm = ondemand\n[b] ; x\npm = static", "workerless", False),
        ("[www]\nPM = OnDemand", "workerless", True),
        ("[www]\npm = static\n[WWW]\npm = ondemand", "workerless", True),
        ("[www]\npm = static\n[Global]\nPid = /x", "pidfile", "/x"),
        ('pid = "/run/x;y.pid" ; mine', "pidfile", "/run/x;y.pid"),
        ("", "workerless", False),
    ],
)
def test_fpm(host, text, field, value):
    """Each line that matters is read as php-fpm does."""
    assert value == getattr(read_fpm(host, text), field)


def test_fpm_of_upstream(host):
    """A pidfile and a log with relative paths are in the state directory of the build."""
    host.put(PHP_FPM.config, "pid = run/x.pid\n")
    service = PHP_FPM.replace(localstatedir="/opt/var")

    told = read_configuration(service, host)

    assert ("/opt/var/run/x.pid", ("/opt/var/log/php-fpm.log",)) == (told.pidfile, told.logs)


def test_fpm_pool_logs(host):
    """A pool's logs are relative to the prefix, and bear its name."""
    told = read_fpm(host, "[www]\nslowlog = log/$pool.slow\naccess.log = /var/log/$pool.log\n")

    assert ("/var/log/www.log", "/usr/log/www.slow") == told.logs[1:]


def test_fpm_prefix_of_a_pool_is_its_own(host):
    """A pool's prefix says nothing of the next pool's."""
    told = read_fpm(host, "[a]\nprefix = /srv/a\nslowlog = s\n[b]\nslowlog = s\n")

    assert ("/srv/a/s", "/usr/s") == told.logs[1:]


def test_fpm_includes(host):
    """Pool files are read, and a section goes on after the file that began it."""
    host.put("/etc/php/8.2/fpm/pool.d/www.conf", "[www]\npm = ondemand\n")

    told = read_fpm(
        host,
        "include = /etc/php/8.2/fpm/pool.d/*.conf\nslowlog = /s\n[global]\npid = /run/x.pid\n",
    )

    assert (True, "/run/x.pid") == (told.workerless, told.pidfile)
    assert ("/s",) == told.pools[0].logs


def test_fpm_pools(host):
    """Each pool is told by its name, with the socket of its status page."""
    told = read_fpm(
        host,
        """
        [www]
        prefix = srv/$pool
        listen = x.sock
        pm = static
        pm.status_listen = run/$pool.status
        access.log = a.log
        [jobs]
        listen = 127.0.0.1:9001
        pm = ondemand
        pm.status_listen = 9002
        """,
    )

    assert (
        Pool(
            name="www",
            listens=("/usr/srv/www/x.sock", "/usr/run/www.status"),
            logs=("/usr/srv/www/a.log",),
            wishes=UNSAID,
            binds=(("/usr/srv/www/x.sock",), ("/usr/run/www.status",)),
        ),
        Pool(
            name="jobs",
            listens=("127.0.0.1:9001", ":::9002", "0.0.0.0:9002"),
            on_demand=True,
            wishes=UNSAID,
            binds=(("127.0.0.1:9001",), ("[::]:9002", "0.0.0.0:9002")),
        ),
    ) == told.pools


@pytest.mark.parametrize(
    "options", [("-p", "/opt"), ("-p/opt",), ("--prefix=/opt",), ("-R", "--prefix", "/opt")]
)
def test_fpm_prefix_among_the_options(host, options):
    """A prefix that is given counts for all that is relative, the pidfile included."""
    host.put(PHP_FPM.config, "pid = x.pid\nerror_log = e.log\n[www]\nlisten = x.sock\n")

    told = read_configuration(PHP_FPM.replace(options=options), host)

    assert ("/opt/x.pid", ("/opt/e.log",)) == (told.pidfile, told.logs)
    assert ("/opt/x.sock",) == told.listens


def test_fpm_files_that_include_each_other(host):
    """The work is bounded however files are included."""
    read = []
    examine = host.examine
    host.examine = lambda path, most: read.append(path) or examine(path, most)
    for number in range(9):
        host.put(f"/etc/f/{number}.conf", "include = /etc/f/*.conf\n" * 3)

    read_fpm(host, "include = /etc/f/*.conf\n")

    assert 10 == len(read) == len(set(read))


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
    without = NGINX.replace(config=None, start_args=(), test_args=None)
    assert read_configuration(without, host).pidfile is None
    assert read_configuration(PHP_FPM, host).pidfile is None


# What a pool wants of its socket if it says nothing.
UNSAID = (
    Wish(key="listen.mode", kind="mode", value="0660"),
    Wish(key="listen.acl_users", kind="users", value=""),
    Wish(key="listen.acl_groups", kind="groups", value=""),
)

DUMP = """\
[26-Nov-2026 00:10:07] NOTICE: PHP message: hello
[26-Nov-2026 00:10:07] NOTICE: [global]
[26-Nov-2026 00:10:07] NOTICE: \tpid = /var/run/x.pid
[26-Nov-2026 00:10:07] NOTICE: \terror_log = /dev/null
[26-Nov-2026 00:10:07] NOTICE: \tprocess_control_timeout = 120s
[26-Nov-2026 00:10:07] NOTICE: \x20
[26-Nov-2026 00:10:07] NOTICE: [www]
[26-Nov-2026 00:10:07] NOTICE: \tprefix = undefined
[26-Nov-2026 00:10:07] NOTICE: \tlisten = /usr/run//www.sock
[26-Nov-2026 00:10:07] NOTICE: \tpm = ondemand
[26-Nov-2026 00:10:07] NOTICE: \tpm.status_listen = 127.0.0.1:9001
[26-Nov-2026 00:10:07] NOTICE: \taccess.log = {log}
[26-Nov-2026 00:10:07] NOTICE: \tslowlog = undefined
[26-Nov-2026 00:10:07] NOTICE: \tenv[listen] = x = y
[26-Nov-2026 00:10:07] NOTICE: \x20
[26-Nov-2026 00:10:07] NOTICE: configuration file /dev/fd/5 test is successful
"""


def ask(host, output, code=0):
    """Return what is known of a php-fpm that prints this when it is asked."""
    host.put(PHP_FPM.daemon, mode=0o755)
    host.put(PHP_FPM.config, "error_log = /e.log\n[www]\nlisten = /f\naccess.log = /a\n")
    host.programs[PHP_FPM.daemon] = lambda _argv: Run(output=output, code=code)
    return ask_configuration(PHP_FPM, host)


def test_fpm_is_asked(host):
    """What the daemon prints counts; its error log, which it is not asked for, is its file's."""
    told = ask(host, DUMP.format(log="/var/log/a.log"))

    www = Pool(
        name="www",
        listens=("/usr/run/www.sock", "127.0.0.1:9001"),
        on_demand=True,
        logs=("/var/log/a.log",),
        wishes=UNSAID,
        binds=(("/usr/run//www.sock",), ("127.0.0.1:9001",)),
    )
    assert ("/var/run/x.pid", ("/e.log", "/var/log/a.log")) == (told.pidfile, told.logs)
    assert ((www,), www.listens) == (told.pools, told.listens)
    assert (120.0, True) == (told.reload_drain, told.workerless)


def test_fpm_wishes(host):
    """What a pool wants of its socket is told by its keys; an ACL leaves the owner alone."""
    told = read_fpm(
        host,
        """
        [www]
        listen = /x.sock
        listen.owner = $pool
        listen.group = 33
        listen.mode = 0600
        listen.backlog = 7
        [jobs]
        listen = /y.sock
        listen.owner = root
        listen.acl_users = a,b
        """,
    )

    wanted = [{wish.key: (wish.kind, wish.value) for wish in pool.wishes} for pool in told.pools]
    acl = {"listen.acl_users": ("users", ""), "listen.acl_groups": ("groups", "")}
    assert [
        {
            "listen.mode": ("mode", "0600"),
            **acl,
            "listen.owner": ("owner", "www"),
            "listen.group": ("group", "33"),
            "listen.backlog": ("backlog", "7"),
        },
        {"listen.mode": ("mode", "0660"), **acl, "listen.acl_users": ("users", "a,b")},
    ] == wanted


def test_fpm_is_asked_with_a_file_that_includes_its_configuration(host):
    """It is given a configuration of its own, in which the real log is not named."""
    given = []
    host.close = lambda fd: given.append(host.memory[fd])

    ask(host, "")

    (argv, _, _) = host.spawned[0]
    assert [PHP_FPM.daemon, "-tt", "--fpm-config"] == argv[:-1]
    assert argv[-1].startswith("/dev/fd/")
    assert f"include = {PHP_FPM.config}\n[global]\nerror_log = /dev/null\n" in given[0]


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("", 0),
        (DUMP.format(log="/x"), 78),
        ("\n".join(DUMP.format(log="/x").splitlines()[:-1]), 0),
        ("\n".join(DUMP.format(log="/x").splitlines()[3:]), 0),
        ("configuration file x test is successful", 0),
    ],
)
def test_fpm_that_does_not_answer(host, output, code):
    """Where the daemon does not print all of it, its file is read."""
    told = ask(host, output, code)

    assert ("/f",) == told.listens


def test_fpm_line_that_may_be_cut(host):
    """A pool of which a line may have been cut is read from the file."""
    told = ask(host, DUMP.format(log="/" + "x" * 1000))

    binds = (("/f",),)
    assert (
        Pool(name="www", listens=("/f",), logs=("/a",), wishes=UNSAID, binds=binds),
    ) == told.pools
    assert "/var/run/x.pid" == told.pidfile


def test_fpm_that_is_not_installed(host):
    """Without a daemon to ask the file is read."""
    host.put(PHP_FPM.config, "pid = /run/x.pid")

    assert "/run/x.pid" == ask_configuration(PHP_FPM, host).pidfile


def test_nginx_is_not_asked(host, nginx):
    """A daemon that prints no such thing is not run."""
    ask_configuration(NGINX, host)

    assert [] == host.spawned


CONFIGURED = Configuration(
    listens=("/run/x.sock", "127.0.0.1:80", "web-1:81", "web-1:82", "far.example:82", "::1:83")
)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("/run/x.sock", True),
        ("/run//./x.sock", True),
        ("/var/run/x.sock", True),
        ("/run/y.sock", False),
        ("127.0.0.1:80", True),
        ("127.0.0.2:80", False),
        ("10.0.0.1:81", True),
        ("10.0.0.2:81", False),
        ("10.0.0.1:82", True),
        ("10.0.0.2:82", None),
        ("::1:83", True),
        ("::2:83", False),
    ],
)
def test_listens_at(host, place, expected):
    """Paths are compared as files, and a name counts by what /etc/hosts says of it."""
    host.put("/run/x.sock", kind="socket")
    host.put("/var/run/x.sock", "/run/x.sock", kind="link")
    host.names["web-1"] = {"10.0.0.1", "fd00::1"}

    assert expected is listens_at(CONFIGURED, place, host)
