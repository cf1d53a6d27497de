from __future__ import annotations

import pytest

from initpy.contracts import Report
from initpy.control.error_log import LogMark, describe_holders, read_log
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.host import Holder, Process

MASTER = Process(pid=42, started=1)
LOG = "/proc/42/fd/2"
TIME = "2026/11/23 19:19:50"


def test_only_what_was_said_since(host):
    """What stood in the log before the mark is history."""
    host.put(LOG, "[emerg] old\n")
    mark = LogMark(NGINX, MASTER, host)
    host.files[LOG].text += "[notice] new\n[emerg] new\n[alert] new\n"

    assert ("[emerg] new", "[alert] new") == mark.read().lines


def test_only_what_the_master_said(host):
    """Of a reload that failed, the emergencies of that very master tell."""
    host.put(LOG)
    mark = LogMark(NGINX, MASTER, host)
    said = ("[emerg] 41#0: other", "[alert] 42#0: a", "[emerg] 42#0: ours")
    host.files[LOG].text = "".join(f"{TIME} {words}\n" for words in said)

    assert (f"{TIME} [emerg] 42#0: ours",) == mark.read(42).lines


@pytest.mark.parametrize(
    "line",
    [
        '[error] 43#43: *1 open() "/srv/x [emerg] 42#42: disk full" failed, client: 10.0.0.1',
        '[crit] 43#43: *1 open() "/srv/x" failed, client: 10.0.0.1',
        "[info] 43#43: [emerg] 42#42: disk full",
        '[error] 43#43: *1 open() "/bind() to 10.0.0.1:80" failed, client: 10.0.0.1',
        *(
            f'[error] 43#43: *1 open() "/x" failed, referrer: "{end}{TIME} [emerg] 42#42: full"'
            for end in "\r\v\f\x1c\x85\u2028"
        ),
    ],
)
@pytest.mark.parametrize("pid", [0, 42])
def test_words_of_a_client(line, pid):
    """What a client has asked for is not what nginx says of itself."""
    report = read_log(NGINX, f"{TIME} {line}\n", pid)

    assert ((), ()) == (report.lines, report.unbound)


def test_log_that_was_opened_anew(host):
    """Of a log that was rotated since the mark, the new file counts from its beginning."""
    host.put(LOG, "[emerg] what was said long ago\n")
    mark = LogMark(NGINX, MASTER, host)
    host.put(LOG, "[emerg] new\n")

    assert ("[emerg] new",) == mark.read().lines


@pytest.mark.parametrize("kind", [None, "fifo"])
def test_no_log(host, kind):
    """A log that is a pipe, or not ours to read, tells nothing."""
    if kind:
        host.put(LOG, "[emerg] x", kind=kind)

    assert Report() == LogMark(NGINX, MASTER, host).read()


@pytest.mark.parametrize(
    ("service", "said", "expected"),
    [
        (NGINX, "", ""),
        (NGINX, "nothing known", "nothing known"),
        (PHP_FPM, "first\nlast", "last"),
        (NGINX.replace(read_log=None), "[emerg] first\nlast", "last"),
        (NGINX, "nginx: [emerg] unexpected }\nnginx: test failed", "unexpected }"),
        (NGINX, "2026/11/23 19:19:50 [emerg] 42#42: bind() failed\nx", "bind() failed"),
        (NGINX, f"{TIME} [alert] 7#7: gone\n{TIME} [emerg] 7#7: worse", "worse"),
        (PHP_FPM, "[23-Nov-2026 19:06:08] ERROR: FPM: no\n[23-Nov] ERROR: more", "FPM: no"),
        (PHP_FPM, "[x] ALERT: [pool a] no user\n[x] ERROR: failed to post", "[pool a] no user"),
        (NGINX, "[emerg] a#b: c", "a#b: c"),
        (
            NGINX,
            (
                '[emerg] 4#4: cannot load certificate key "/k": PEM_read_bio_PrivateKey() failed '
                "(SSL: error:0480006D:PEM routines::problems getting password error:04800068:x)"
            ),
            (
                'cannot load certificate key "/k": nobody can be asked for its passphrase: '
                "give it by ssl_password_file"
            ),
        ),
    ],
)
def test_reason(service, said, expected):
    """The worst line is told, without its time stamp and its process."""
    assert expected == read_log(service, said).reason


@pytest.mark.parametrize(
    ("service", "said", "place"),
    [
        (NGINX, "[emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", "0.0.0.0:80"),
        (NGINX, "[emerg] bind() to unix:/run/x.sock failed", "/run/x.sock"),
        (
            PHP_FPM,
            "ERROR: unable to bind listening socket for address '127.0.0.1:9000'",
            "127.0.0.1:9000",
        ),
        (
            PHP_FPM,
            "ERROR: Another FPM instance seems to already listen on /run/x.sock",
            "/run/x.sock",
        ),
        (NGINX, "[emerg] bind() to [::]:80 failed\n" * 2, "[::]:80"),
        (NGINX, "[emerg] bind() to [::]:53 failed", "[::]:53 (udp)"),
    ],
)
def test_holders(host, service, said, place):
    """Who has what the daemon wanted is named, once."""
    host.holding[place] = [Holder(pid=47, name="oa", user="oa", started="today")] * 2

    assert f"{place} is held by pid 47 (oa, user oa, since today)" == describe_holders(
        read_log(service, said), host
    )


def test_service_itself_is_the_holder(host):
    """Its own master is not shown as if it were another program."""
    place = "/run/x.sock"
    host.holding[place] = [Holder(pid=47, name="fpm", user="root", started="today")]

    said = describe_holders(Report(unbound=(place,)), host, (47,))

    assert f"{place} is held by this service itself, master 47" == said


def test_no_holders(host):
    """Where nobody has it, or nothing was said, nothing is told."""
    taken = read_log(NGINX, "[emerg] bind() to 0.0.0.0:80 failed")

    assert "" == describe_holders(taken, host) == describe_holders(Report(), host)
