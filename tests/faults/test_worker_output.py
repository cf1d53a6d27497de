"""Workers whose output php-fpm's master reads, by pipes, while an upgrade replaces it."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from glob import glob

import pytest
from real_daemons import wait_until
from real_load import WITHOUT_PTRACE, Shop, run

pytestmark = pytest.mark.fault

STEPS = 15  # a tenth of a second each, after its master has ended

# To write to a pipe that nothing reads is a notice, and here that is an error: 500. It begins
# before its master is replaced, and goes on after that, however long that takes.
STRICT = """<?php
set_error_handler(function ($number, $text) { throw new ErrorException($text, 0, $number); });
$log = fopen('php://stderr', 'w');
$master = posix_getppid();
for ($step = $after = 0; $after < %d; $after += (int) (posix_getppid() != $master)) {
    $step++;
    fwrite($log, "step $step\\n");
    usleep(100000);
}
echo $step;
"""


@pytest.fixture
def fpm(fpm):
    """Give a php-fpm that reads what its workers write, with a script that writes a lot."""
    fpm.configure(pool="catch_workers_output = yes")
    fpm.place.write("strict.php", STRICT % STEPS)
    return fpm


@contextmanager
def asking(fpm):
    """Ask for the script, and see that it has begun to write.

    Yield what returns its answer: the number of its last step.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(fpm.ask, fpm.place.path("strict.php"), within=30)
        wait_until(lambda: "step 1" in fpm.logged(), "the script to write")
        yield lambda: int(future.result(30))


def holders(path):
    """Return the processes that have a file open, by its name or a former one."""
    file, found = os.stat(path), set()
    for fd in glob("/proc/[0-9]*/fd/*"):
        with suppress(OSError):  # it was closed meanwhile
            if os.path.samestat(file, os.stat(fd)):
                found.add(int(fd.split("/")[2]))
    return found


def see_none_left(fpm):
    """Wait until only the master has the log open: whatever has read for the old one is gone."""
    only = lambda: {fpm.master.pid} == holders(fpm.log)  # noqa: E731
    wait_until(only, lambda: f"{holders(fpm.log)} to be the master")


def steps(fpm):
    """Return the lines of the log that the script has written."""
    return [line for line in fpm.logged().splitlines() if "step" in line]


def test_upgrade(fpm):
    """A script writes to php-fpm's log during an upgrade: it is answered, every line is logged."""
    old = fpm.start()
    with asking(fpm) as answer:
        result = fpm.act("upgrade")

        assert 0 == result.code, result
        last = answer()
    see_none_left(fpm)
    stamp = r"\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\]"
    form = rf'{stamp} WARNING: \[pool www\] child (\d+) said into stderr: "step (\d+)"'
    read = [re.fullmatch(form, line) for line in steps(fpm)]
    assert list(range(1, last + 1)) == [int(line[2]) for line in read], steps(fpm)
    assert 1 == len({line[1] for line in read})
    assert not fpm.alive(old)


def test_plain_output(fpm):
    """The same with decorate_workers_output = no: the lines are logged as they are."""
    fpm.configure(pool="catch_workers_output = yes\ndecorate_workers_output = no")
    fpm.start()
    with asking(fpm) as answer:
        result = fpm.act("upgrade")

        assert 0 == result.code, result
        last = answer()
    see_none_left(fpm)
    assert [f"step {step}" for step in range(1, last + 1)] == steps(fpm)


def test_killed_script(fpm):
    """The script of an upgrade is killed as old workers write: their requests are answered."""
    old = fpm.start()
    with asking(fpm) as answer, fpm.running_script("upgrade") as script:
        wait_until(lambda: not fpm.alive(old), "the old master's end")
        script.kill()
        script.communicate(timeout=1)  # nothing else holds its output, or its lock
        again = fpm.act("upgrade")

        assert 0 == again.code, again
        last = answer()
    see_none_left(fpm)
    assert last == len(steps(fpm))


def test_endless_script(fpm):
    """A script never ends: its worker is ended at DRAIN_TIMEOUT, and so is what has read for it."""
    fpm.start()
    fpm.place.write("strict.php", STRICT % 1000)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(fpm.ask, fpm.place.path("strict.php"), within=30)
        wait_until(lambda: "step 1" in fpm.logged(), "the script to write")
        result = fpm.act("upgrade", drain_timeout=0.3)

        assert 0 == result.code, result
        assert "1 old workers had not finished" in result.err
        with pytest.raises((AssertionError, ConnectionResetError)):
            future.result(30)
    see_none_left(fpm)


def test_workers_that_cannot_be_seen(fpm):
    """CAP_SYS_PTRACE is missing: every line is logged, without the name of its worker."""
    assert 0 == run([*WITHOUT_PTRACE, fpm.wrapper, "start"]).code
    with asking(fpm) as answer:
        result = run([*WITHOUT_PTRACE, fpm.wrapper, "upgrade"])

        assert 0 == result.code, result
        last = answer()
    see_none_left(fpm)
    assert last == len(steps(fpm))
    assert f'WARNING: an old child said: "step {last}"' in fpm.logged()


def test_more_pipes_than_we_may_open(place):
    """Workers write on more pipes than our caller may open: every request is answered."""
    limits = {"pool": "catch_workers_output = yes", "settings": "rlimit_files = 1024"}
    shop = Shop(place, children=40, **limits).open()
    limited = ["/bin/sh", "-c", 'ulimit -Sn 64; exec "$@"', "sh", shop.fpm.wrapper, "upgrade"]
    with shop.load(asking=8, slowest=0.5, also="&words=20") as clients:
        result = run(limited)

        assert 0 == result.code, result
        assert "nothing reads" not in result.err
        assert [] == clients.bad
    shop.see_settled()
    see_none_left(shop.fpm)
