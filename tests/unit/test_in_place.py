"""A daemon that executes the binary on disk over itself: upgrade and reload by one signal."""

from __future__ import annotations

import pytest
from fakes import ALL_SIGNALS, Run

from initpy import Service, reload, upgrade
from initpy.errors import ConfigTestFailed, InitError, Reverted

PROXY = Service(
    name="proxy",
    daemon="/usr/sbin/proxy",
    pidfile="/run/proxy.pid",
    config="/etc/proxy.cfg",
    start_args=("-W", "-f", "{config}"),
    test_args=("-c", "-f", "{config}"),
    reload="USR2",
    reload_by="initpy.protocols.upgrading.in_place:reload",
    upgrade="initpy.protocols.upgrading.in_place:upgrade",
)
PLACE = "0.0.0.0:80"


class FakeProxy:
    """A master that executes itself anew at USR2.

    works:     whether it listens itself; otherwise it has a worker that does.
    kind:      good; bad: it cannot load its configuration; dies; ignores.
    seconds:   until it has loaded its configuration.
    """

    def __init__(self, host, *, works=False):
        self.host, self.works, self.kind, self.seconds = host, works, "good", 0.05
        host.put("/run/initpy", kind="dir")
        host.put(PROXY.config)
        self.replace()
        host.programs[PROXY.daemon] = lambda _argv: Run(seconds=0.003)
        argv = tuple(PROXY.command(PROXY.start_args))
        self.master = host.add(exe=PROXY.daemon, argv=argv, age=3600, forked=True)
        host.put(PROXY.pidfile, f"{self.master.pid}\n")
        self.master.on["SIGUSR2"] = self.usr2
        self.workers = []
        if works:
            self.master.sockets = {1: PLACE}
        else:
            self.new_worker(3600)

    def replace(self):
        """Put another binary on disk."""
        self.host.put(PROXY.daemon, "good", mode=0o755)

    def new_worker(self, age=0):
        """Fork a worker, which has the socket."""
        facts = {"exe": PROXY.daemon, "exe_id": self.master.exe_id, "forked": True, "age": age}
        argv = self.master.argv
        worker = self.host.add(ppid=self.master.pid, argv=argv, sockets={1: PLACE}, **facts)
        self.workers.append(worker)

    def usr2(self, master):
        """Execute the binary on disk."""
        if self.kind == "ignores":
            return
        master.blocked = ALL_SIGNALS
        self.host.at(self.seconds, self.loaded, by=master)

    def loaded(self):
        """Have read the configuration, or not."""
        master = self.master
        if self.kind == "dies":
            for one in (*self.workers, master):
                self.host.end(one)
            return
        master.exe_id = (1, self.host.files[PROXY.daemon].inode)
        master.blocked = 0
        if self.kind == "bad":
            return
        if self.works:
            master.sockets = {inode + 1: PLACE for inode in master.sockets}
            return
        for old in self.workers:
            old.sockets = {}
        self.new_worker()

    def serving(self):
        """Return whatever listens."""
        return [one for one in (self.master, *self.workers) if one.sockets]


@pytest.fixture(params=[False, True], ids=["by workers", "itself"])
def proxy(host, request):
    """Return such a daemon, which runs; its binary has been replaced."""
    running = FakeProxy(host, works=request.param)
    running.replace()
    return running


@pytest.mark.parametrize("action", [upgrade, reload])
def test_it_executes_the_binary_on_disk(host, proxy, action):
    """What listens afterwards is new, and runs the binary on disk."""
    before = [(one.pid, *one.sockets) for one in proxy.serving()]

    action(PROXY, host)

    (serving,) = proxy.serving()
    assert (serving.pid, *serving.sockets) not in before
    assert host.file_id(PROXY.daemon) == serving.exe_id == proxy.master.exe_id
    assert 1 == [name for _, _, name in host.sent].count("SIGUSR2")


def test_a_slow_configuration_is_waited_for(host, proxy):
    """As long as it loads, its signals are blocked."""
    proxy.seconds = 20.0

    upgrade(PROXY, host)

    assert 20 <= host.now < 21


@pytest.mark.parametrize(("action", "says"), [(upgrade, "Upgrade failed! "), (reload, "")])
@pytest.mark.parametrize("kind", ["bad", "ignores"])
def test_what_served_before_serves_on(host, proxy, action, says, kind):
    """A master that is idle again, with nothing new that listens, has failed: 150, soon."""
    before, proxy.kind = proxy.serving(), kind

    with pytest.raises(Reverted, match=f"^{says}what served before serves on"):
        action(PROXY, host)

    assert before == proxy.serving()
    assert host.now < 1


def test_no_signal_if_the_new_binary_fails_its_test(host, proxy):
    """The binary that would end the service is tried before."""
    host.programs[PROXY.daemon] = lambda _argv: Run(code=1, output="no library")
    host.programs[f"/proc/{proxy.master.pid}/exe"] = lambda _argv: Run()

    with pytest.raises(Reverted, match=r"no signal was sent: .*no library"):
        upgrade(PROXY, host)

    assert [] == host.sent


def test_no_signal_if_the_configuration_is_bad(host, proxy):
    """It says so, with exit code 6."""
    host.programs[PROXY.daemon] = lambda _argv: Run(code=1, output="bad word")

    with pytest.raises(ConfigTestFailed, match="bad word"):
        reload(PROXY, host)

    assert [] == host.sent


def test_it_dies(host, proxy):
    """A master that ends in the middle takes all with it: it is started again, or that is said."""
    proxy.kind = "dies"
    host.programs[PROXY.daemon] = lambda argv: Run(code="-W" in argv, output="no way")

    with pytest.raises(InitError, match=r"cannot be started again, nothing serves: .*no way"):
        upgrade(PROXY, host)


def test_an_old_worker_serves_on_beside_the_new_one(host):
    """That is not what served before: the reload is under way, as long as an old one listens."""
    proxy = FakeProxy(host)
    proxy.replace()
    (old,) = proxy.workers
    proxy.master.on["SIGUSR2"] = lambda _master: proxy.new_worker()  # the old one is stopped
    old.state = "T"

    with pytest.raises(InitError, match="under way") as caught:
        reload(PROXY.replace(upgrade_timeout=5.0), host)

    assert not isinstance(caught.value, Reverted)


def test_nothing_serves(host, proxy):
    """That the old ones serve is said only if they do."""
    proxy.kind = "bad"
    host.at(0.1, lambda: [one.sockets.clear() for one in proxy.serving()])

    with pytest.raises(InitError, match=r"^nothing serves") as raised:
        reload(PROXY, host)

    assert not isinstance(raised.value, Reverted)


def test_another_binary_would_be_executed(host, proxy):
    """A master that was started by another path executes that path."""
    host.put("/opt/proxy", mode=0o755)
    proxy.master.argv = ("/opt/proxy", *proxy.master.argv[1:])

    with pytest.raises(Reverted, match="was started as '/opt/proxy' and would execute that"):
        upgrade(PROXY, host)
