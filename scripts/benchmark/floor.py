"""What the daemon itself takes: plain kill, and a tight loop that looks.

No script, no interpreter to start, no proof of whom it is, no way back, no
pause to see whether what came up stays up.
"""

from __future__ import annotations

import os
import signal
import subprocess

import looking
from looking import alive, named, until


def start(site):
    """Run the daemon until its pidfile names a master that has a worker."""
    done = subprocess.run(
        site.command(), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        return done.returncode
    until(site.serves, f"{site.kind} to serve")
    return 0


def stop(site):
    """QUIT, until the master is gone; its workers go before it."""
    master = named(site.pidfile)
    os.kill(master, signal.SIGQUIT)
    until(lambda: not alive(master), f"{site.kind} to end")
    return 0


def restart(site):
    """Stop and start."""
    return stop(site) or start(site)


def status(site):
    """Ask whether somebody has that number."""
    os.kill(named(site.pidfile), 0)
    return 0


def configtest(site):
    """Have the daemon test its configuration."""
    return subprocess.run(
        [*site.command()[:1], "-t", *site.command()[1:]], capture_output=True, check=False
    ).returncode


def reload(site):
    """Signal, until no old worker takes requests and a new one does."""
    master = named(site.pidfile)
    old = site.crew(master)
    os.kill(master, site.reload_signal)
    until(lambda: _reloaded(site, old), f"{site.kind} to reload")
    return 0


def _reloaded(site, old):
    # Those who close their listener say so in their title.
    if any(looking.title(pid) == site.worker_title and alive(pid) for pid in old):
        return False
    master = named(site.pidfile)
    return bool(master and site.crew(master) - old)


def failed_reload(site):
    """Signal, until the daemon has complained."""
    size = os.path.getsize(site.log)
    os.kill(named(site.pidfile), site.reload_signal)
    until(lambda: os.path.getsize(site.log) > size, "a complaint")
    return 1


def upgrade(site):
    """USR2, until a new master has a worker; QUIT, until the old one is gone."""
    old = named(site.pidfile)
    if site.kind == "php-fpm":
        reload(site)  # what it does to replace itself, in the background by another process
        until(lambda: not alive(old), "the old master to end")
        return 0
    os.kill(old, signal.SIGUSR2)

    def new():
        master = named(site.pidfile)
        return master not in (0, old) and site.crew(master)

    until(new, "a new master")
    os.kill(old, signal.SIGQUIT)
    until(lambda: not alive(old), "the old master to end")
    return 0


def failed_upgrade(site):
    """USR2, until the pidfile has been taken back."""
    old = named(site.pidfile)
    changed = os.stat(site.pidfile).st_ctime_ns
    os.kill(old, signal.SIGUSR2)

    def back():
        try:
            return os.stat(site.pidfile).st_ctime_ns != changed and named(site.pidfile) == old
        except FileNotFoundError:
            return False

    until(back, "the old master to take its pidfile back")
    return 1


def recover(site):
    """End the orphans of a dead master by hand, and start."""
    orphans = site.orphans()
    for pid in orphans:
        os.kill(pid, signal.SIGQUIT)
    until(lambda: not any(map(alive, orphans)), "the orphans to end")
    if os.path.exists(site.pidfile):
        os.unlink(site.pidfile)
    return start(site)
