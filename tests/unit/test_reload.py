from __future__ import annotations

import pytest
from fakes import Run

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import InitError, Interrupted, Reverted, WaitTimeout
from initpy.service import resolve


def reload_and_see(service, master, host):
    """Reload by the protocol of the service."""
    resolve(service.reload_by)(service, master, host)


def test_nginx(host, nginx):
    """New workers serve and the old ones take no more requests."""
    master = nginx.run()
    old = nginx.workers(master)

    reload_and_see(NGINX, master.id, host)

    assert [(0, master.pid, "SIGHUP")] == host.sent
    assert not [worker for worker in old if worker.title == nginx.worker]
    assert [master.pid] == nginx.serving()


def test_end_is_seen_at_once(host, nginx):
    """An old worker ends when nginx, which pauses before, has done all else."""
    master = nginx.run()

    reload_and_see(NGINX, master.id, host)

    assert 0.105 <= host.now <= 0.107


def test_slow_download_is_no_failure(host, nginx):
    """An old worker may be kept for hours by what it has begun."""
    master = nginx.run()
    nginx.drain = 7200

    reload_and_see(NGINX, master.id, host)

    assert host.now < 1


def test_taken_port(host, nginx):
    """A port that somebody else holds fails when nginx gives up, with its own words."""
    master = nginx.run()
    nginx.log(master, f"[emerg] {master.pid}#0: of last year")
    nginx.reloads = False

    with pytest.raises(Reverted, match="the old workers serve as before") as caught:
        reload_and_see(NGINX, master.id, host)

    assert 2.5 <= host.now < 2.7
    assert "Address already in use" in caught.value.output
    assert "last year" not in caught.value.output


def on_hup(host, master, action):
    """Have *action* be what a HUP leads to."""
    host.on("SIGHUP", lambda _master: action(), master)


def test_refused_without_a_word(host, nginx):
    """A master that is idle again, and has started nothing, has kept its configuration."""
    master = nginx.run()
    on_hup(host, master, lambda: nginx.occupy(master, 1))

    with pytest.raises(Reverted, match=r"the old workers serve as before$"):
        reload_and_see(NGINX, master.id, host)

    assert 1.5 <= host.now < 1.6


def test_log_that_cannot_be_read(host, nginx):
    """The workers decide, and not the log."""
    master = nginx.run()
    nginx.reloads = False
    del host.files[f"/proc/{master.pid}/fd/2"]
    on_hup(host, master, lambda: nginx.occupy(master, 1))

    with pytest.raises(Reverted, match=r"the old workers serve as before$"):
        reload_and_see(NGINX, master.id, host)


def test_emergency_that_passes(host, nginx):
    """While the master is busy an emergency is no verdict: new workers may still come."""
    master = nginx.run()

    def try_twice():
        nginx.occupy(master, 2)
        host.at(0.1, lambda: nginx.log(master, f"[emerg] {master.pid}#0: in use"))
        host.at(1.99, lambda: nginx.hup(master))

    on_hup(host, master, try_twice)

    reload_and_see(NGINX, master.id, host)

    assert 2 < host.now < 3


def test_words_of_a_client(host, nginx):
    """What a client has put into the log is no verdict."""
    master = nginx.run()
    host.at(0.01, lambda: nginx.log(master, f"[emerg] {master.pid}#0: still could not bind()"))

    reload_and_see(NGINX, master.id, host)

    assert [master.pid] == nginx.serving()


def test_reload_of_somebody_else(host, nginx):
    """It is waited for, and the signal is sent then."""
    master = nginx.run()
    nginx.occupy(master, 5)

    reload_and_see(NGINX, master.id, host)

    assert [(5.0, master.pid, "SIGHUP")] == [(round(at), *rest) for at, *rest in host.sent]


def test_master_that_stays_busy(host, nginx):
    """Where the state before cannot be seen, no signal is sent."""
    master = nginx.run()
    nginx.occupy(master, 3600)

    with pytest.raises(InitError, match=f"master {master.pid} is busy: no signal was sent"):
        reload_and_see(NGINX, master.id, host)

    assert [] == host.sent


def test_master_that_is_stopped(host, nginx):
    """One that cannot do anything is said to be stopped."""
    master = nginx.run()
    master.state = "T"

    with pytest.raises(InitError, match=r"is stopped by a signal \(state T\): no signal was sent"):
        reload_and_see(NGINX, master.id, host)

    assert host.now < 1.2


def test_slow_configuration(host, nginx):
    """At the deadline a reload that has not ended is neither failed nor done."""
    master = nginx.run()
    on_hup(host, master, lambda: nginx.occupy(master, 60))

    with pytest.raises(InitError, match=f"the reload is under way: .* master {master.pid}") as told:
        reload_and_see(NGINX, master.id, host)

    assert InitError is type(told.value)


def test_timeout(host, nginx):
    """A configuration that takes 60 s is loaded within a longer timeout."""
    master = nginx.run()

    def load_slowly():
        nginx.occupy(master, 60.2)
        host.at(60, lambda: nginx.hup(master))

    on_hup(host, master, load_slowly)

    reload_and_see(NGINX.replace(timeout=120.0), master.id, host)

    assert 60 < host.now < 61


def test_old_workers_that_stay(host, nginx):
    """Two generations at the deadline are neither success nor as before: who stays is named."""
    master = nginx.run()
    stopped = nginx.workers(master)[0]
    stopped.state = "T"
    on_hup(host, master, lambda: (nginx.occupy(master, 0.1), nginx.new_workers(master)))

    with pytest.raises(InitError, match=rf"{stopped.pid} \(stopped by a signal \(state T\)\)"):
        reload_and_see(NGINX, master.id, host)


def test_workers_that_cannot_live(host, nginx):
    """New workers that end at once: nothing serves, which is told soon, with the reason."""
    master = nginx.run()
    old = nginx.workers(master)

    def replace():
        nginx.occupy(master, 0.1)
        nginx.log(master, "[emerg] 77#0: chdir() failed")
        nginx.retire(old)

    on_hup(host, master, replace)

    with pytest.raises(InitError, match=r"nothing serves: .*: chdir\(\) failed; correct") as told:
        reload_and_see(NGINX, master.id, host)

    assert InitError is type(told.value)
    assert host.now < 1.2


def test_workers_that_crash_again_and_again(host, nginx):
    """New workers that are replaced all the time do not serve."""
    master = nginx.run()
    old = nginx.workers(master)

    def crash():
        for worker in nginx.workers(master):
            host.end(worker)
        nginx.new_workers(master)
        host.at(0.05, crash, by=master)

    on_hup(host, master, lambda: (nginx.occupy(master, 0.1), nginx.retire(old), crash()))

    with pytest.raises(InitError, match="nothing serves"):
        reload_and_see(NGINX, master.id, host)

    assert host.now < 1.2


def test_no_workers_wanted(host, nginx):
    """worker_processes 0 is accepted by nginx, and nothing serves then."""
    master = nginx.run()
    nginx.count = 0

    with pytest.raises(InitError, match="nothing serves"):
        reload_and_see(NGINX, master.id, host)


def test_master_without_workers(host, nginx):
    """As soon as the file is right again, a reload mends it."""
    master = nginx.run()
    nginx.retire(nginx.workers(master))

    reload_and_see(NGINX, master.id, host)

    assert [master.pid] == nginx.serving()


def test_worker_that_somebody_kills(host, nginx):
    """A worker that its master has replaced is not a new one of a reload that failed."""
    master = nginx.run()
    nginx.reloads = False
    host.at(1, lambda: host.end(nginx.workers(master)[0]))

    with pytest.raises(Reverted, match="the old workers serve as before"):
        reload_and_see(NGINX, master.id, host)


def test_old_workers_that_do_not_serve(host, nginx):
    """Workers that are stopped do not serve as before."""
    master = nginx.run()
    nginx.reloads = False
    for worker in nginx.workers(master):
        worker.state = "T"

    with pytest.raises(InitError, match="the old workers are stopped by a signal") as told:
        reload_and_see(NGINX, master.id, host)

    assert InitError is type(told.value)


def test_all_workers_killed(host, nginx):
    """If all are replaced, and nginx has complained, it cannot be told what is served."""
    master = nginx.run()
    nginx.reloads = False
    host.at(1, lambda: [host.end(worker) for worker in nginx.workers(master)])

    with pytest.raises(InitError, match="it cannot be told which configuration") as told:
        reload_and_see(NGINX, master.id, host)

    assert InitError is type(told.value)


def test_master_that_dies(host, nginx):
    """A master that ends in its reload is told at once."""
    master = nginx.run()
    on_hup(host, master, lambda: (nginx.occupy(master, 5), host.at(1, lambda: host.end(master))))

    with pytest.raises(InitError, match=f"master {master.pid} died during the reload"):
        reload_and_see(NGINX, master.id, host)

    assert 1 <= host.now < 1.1


def test_daemon_without_worker_titles(host, nginx):
    """One that tells nothing of itself has to live on for half a second, and to rest then."""
    master = nginx.run()

    reload_and_see(NGINX.replace(worker_titles=()), master.id, host)

    assert 0.5 <= host.now < 0.6


def test_interrupted(host, nginx):
    """The wait may be given up: the reload itself is the daemon's."""
    master = nginx.run()
    on_hup(host, master, lambda: nginx.occupy(master, 20))
    host.at(1, lambda: setattr(host, "interrupted_by", "SIGTERM"))

    with pytest.raises(Interrupted):
        reload_and_see(NGINX, master.id, host)


def test_fpm(host, fpm):
    """A php-fpm executes itself anew: another master, another pidfile, new workers."""
    old = fpm.run()

    reload_and_see(PHP_FPM, old.id, host)

    new = fpm.masters[-1]
    assert old is not new
    assert (new.pid, [new.pid]) == (fpm.named(), fpm.serving())
    assert [(0, old.pid, "SIGUSR2")] == host.sent


def test_fpm_in_the_foreground(host, fpm):
    """In the foreground it keeps its pid."""
    master = fpm.run()

    def executes_itself(master):
        for worker in fpm.workers(master):
            host.end(worker)
        host.at(0.01, lambda: (fpm.write_pid(master), fpm.new_workers(master)))

    host.on("SIGUSR2", executes_itself, master)

    reload_and_see(PHP_FPM, master.id, host)

    assert [master.pid] == fpm.serving()


def test_fpm_drains(host, fpm):
    """What its configuration gives the old workers is not counted as hanging."""
    old = fpm.run()
    text = host.files[PHP_FPM.config].text
    host.files[PHP_FPM.config].text = f"[global]\nprocess_control_timeout = 2m\n{text}"
    fpm.drain, fpm.patience = 100, 120

    reload_and_see(PHP_FPM, old.id, host)

    assert 100 < host.now < 101


def test_fpm_on_demand(host, fpm):
    """Without workers its new pidfile is the sign."""
    old = fpm.run()
    host.files[PHP_FPM.config].text = "[www]\npm = ondemand\n"
    fpm.count = 0

    reload_and_see(PHP_FPM, old.id, host)

    assert fpm.masters[-1].pid == fpm.named()


def test_fpm_does_nothing(host, fpm):
    """A php-fpm that takes USR2 and does nothing is told at the deadline."""
    master = fpm.run()
    master.on.clear()

    with pytest.raises(WaitTimeout, match="waited 30 s for the workers of pool www of master"):
        reload_and_see(PHP_FPM, master.id, host)


def test_fpm_that_dies_is_started_again(host, fpm):
    """It serves again, and the failure is told."""
    master = fpm.run()
    fpm.reloads = False

    with pytest.raises(InitError, match="php-fpm died during the reload and was started again"):
        reload_and_see(PHP_FPM, master.id, host)

    assert 1 == len(fpm.serving())


def test_why_fpm_has_died(host, fpm):
    """Its log says it, and not what it has said before."""
    log = "/var/log/php-fpm.log"
    host.put(log, "[x] ERROR: of last year\n")
    master, execute = fpm.run(), fpm.execute
    fpm.reloads = False

    def execute_and_say(master):
        host.files[log].text += "[x] ERROR: Unable to write to the PID file\n"
        execute(master)

    fpm.execute = execute_and_say
    with pytest.raises(InitError, match=f"again: {log} says: Unable to write to the PID file$"):
        reload_and_see(PHP_FPM.replace(logs=(log,)), master.id, host)


def test_fpm_that_stays_dead(host, fpm):
    """If it does not come up again either, that is why."""
    master = fpm.run()
    fpm.reloads = False
    fpm.started = Run(code=78, output="failed to open pool")

    with pytest.raises(InitError, match=r"nothing serves: .* ended with code 78") as caught:
        reload_and_see(PHP_FPM, master.id, host)

    assert "failed to open pool" == caught.value.output


def test_fpm_with_another_pidfile(host, fpm):
    """One whose configuration names another pidfile is found, and its pidfile written."""
    master = fpm.run()
    fpm.write_pid = lambda _master: None

    reload_and_see(PHP_FPM, master.id, host)

    assert fpm.masters[-1].pid == fpm.named()
    assert 1 == len(fpm.serving())
