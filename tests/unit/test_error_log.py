from __future__ import annotations

import pytest

from initpy.control.error_log import LogMark, gist, holders
from initpy.host import Holder, Process

MASTER = Process(pid=42, started=1)
LOG = "/proc/42/fd/2"


def test_only_what_was_said_since(host):
    """What stood in the log before the mark is history."""
    host.put(LOG, "[emerg] old\n")
    mark = LogMark(MASTER, host)
    host.files[LOG].text += "[notice] new\n[emerg] new\n[alert] new\n"

    assert ["[emerg] new"] == mark.lines("[emerg]")
    assert ["[emerg] new", "[alert] new"] == mark.lines("[emerg]", "[alert]")


@pytest.mark.parametrize("kind", [None, "fifo"])
def test_no_log(host, kind):
    """A log that is a pipe, or not ours to read, tells nothing."""
    if kind:
        host.put(LOG, "[emerg] x", kind=kind)

    assert [] == LogMark(MASTER, host).lines("[emerg]")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", ""),
        ("nothing known", "nothing known"),
        ("first\nlast", "last"),
        ("nginx: [emerg] unexpected }\nnginx: test failed", "unexpected }"),
        ("2026/11/23 19:19:50 [emerg] 42#42: bind() failed: in use\nx", "bind() failed: in use"),
        ("x [alert] 7#7: gone\nx [emerg] 7#7: worse", "worse"),
        ("[23-Nov-2026 19:06:08] ERROR: FPM: no\n[23-Nov] ERROR: more", "FPM: no"),
        ("[emerg] a#b: c", "a#b: c"),
    ],
)
def test_gist(said, expected):
    """The worst line is told, without its time stamp and its process."""
    assert expected == gist(said)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("[emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", "0.0.0.0:80"),
        ("[emerg] bind() to unix:/run/x.sock failed", "/run/x.sock"),
        ("ERROR: unable to bind listening socket for address '127.0.0.1:9000'", "127.0.0.1:9000"),
        ("ERROR: Another FPM instance seems to already listen on /run/x.sock", "/run/x.sock"),
        ("bind() to [::]:80 failed\nbind() to [::]:80 failed", "[::]:80"),
    ],
)
def test_holders(host, said, place):
    """Who has what the daemon wanted is named, once."""
    host.holding[place] = [Holder(pid=47, name="oa", user="oa", started="today")] * 2

    assert f"{place} is held by pid 47 (oa, user oa, since today)" == holders(said, host)


def test_no_holders(host):
    """Where nobody has it, or nothing was said, nothing is told."""
    assert "" == holders("bind() to 0.0.0.0:80 failed", host) == holders("", host)
