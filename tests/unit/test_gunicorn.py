"""What a worker of gunicorn has open tells whether it takes requests."""

from __future__ import annotations

import pytest

from initpy.daemons.gunicorn import GUNICORN
from initpy.daemons.gunicorn.heartbeat import beats
from initpy.host import NamelessFile
from initpy.state.workers import Readiness, needed_pools, ready_workers

NOW = 1.8e9


@pytest.mark.parametrize(
    ("path", "mode", "modified", "expected"),
    [
        ("/tmp/wgunicorn-abc", 0o600, NOW, False),
        ("/tmp/wgunicorn-abc", 0o000, NOW, True),
        ("/tmp/wgunicorn-abc", 0o001, NOW, True),
        ("/dev/shm/wgunicorn-abc", 0o600, 4711.5, True),
        ("/tmp/other", 0o000, 1.0, False),
    ],
)
def test_beats(path, mode, modified, expected):
    """To version 20 the mode changes at each beat, since then the time."""
    assert expected is beats([NamelessFile(path=path, mode=mode, modified=modified)])


def test_no_file_does_not_beat():
    """A process without such a file is no worker that works."""
    assert not beats([])


def test_a_worker_counts_when_it_has_loaded_the_application(host):
    """Until then it is there, and takes no requests."""
    master = host.add()
    worker = host.add(ppid=master.pid, argv=("gunicorn: worker [x]",), forked=True, age=9)
    host.put("/tmp/wgunicorn-1", mode=0o600).changed = NOW
    host.open_log(worker, "/tmp/wgunicorn-1")
    host.remove("/tmp/wgunicorn-1")
    readiness = Readiness(GUNICORN, needed_pools(GUNICORN, ()), host)

    before = readiness.look(master.id), ready_workers(GUNICORN, master.id, host)
    worker.appends[4].mode = 0o001  # fchmod(2)
    after = readiness.look(master.id), ready_workers(GUNICORN, master.id, host)

    assert (False, set()) == before
    assert (True, {worker.id}) == after


def test_a_new_master_is_no_worker(host):
    """Where no title tells: a child that has executed something is the new one of an upgrade."""
    master = host.add()
    new = host.add(ppid=master.pid, argv=("gunicorn",), forked=False)

    assert new.id not in ready_workers(GUNICORN, master.id, host)
