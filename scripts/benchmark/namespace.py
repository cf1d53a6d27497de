"""A machine for the measuring alone: its own processes, mounts and loopback network.

The peers want their default paths, Debian's php-fpm script ends every process
of its binary, and ten thousand processes should be nobody else's. When
process 1 of the namespace ends, so does whatever runs in it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys

from sites import SCRATCH

PREFIX = f"{SCRATCH}/venv"
INTERPRETER = f"{PREFIX}/bin/python3"
COPIED = ("/etc", "/usr/sbin")
EMPTY = ("/var/log", "/var/lib/nginx")


def run_inside(argv):
    """Run this Python with *argv* and a descriptor, in namespaces of its own.

    Return its exit code, and what it has written to the descriptor. If this
    process ends in whatever way, everything in there is killed.
    """
    reading, writing = os.pipe()
    own = ["--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
    words = ["setpriv", "--pdeathsig", "KILL", "unshare", *own, sys.executable, *argv]
    child = subprocess.Popen(
        [*words, str(writing)],
        stdin=subprocess.DEVNULL,
        pass_fds=[writing],
        start_new_session=True,  # ^C is for us alone
    )
    try:
        os.close(writing)
        with open(reading) as told:
            text = told.read()
        return child.wait(), text
    finally:
        child.kill()
        child.wait()


def be_init(work):
    """Be process 1: reap whoever is orphaned until *work*, in a child, has ended.

    Return its exit code.
    """
    worker = os.fork()
    if not worker:
        os._exit(_code_of(work))
    while True:
        pid, status = os.wait()
        if pid == worker:
            return os.waitstatus_to_exitcode(status)


def _code_of(work):
    try:
        return work()
    except BaseException:  # noqa: BLE001 - a child ends here, whatever happens
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def furnish(root):
    """Make the namespace a machine with Debian's paths, and initpy installed.

    root: the checkout.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for folder in ("/run/lock", SCRATCH, f"{SCRATCH}/init.d", f"{SCRATCH}/copies"):
        os.mkdir(folder)
    for number, path in enumerate(COPIED):
        copy = f"{SCRATCH}/copies/{number}"
        shutil.copytree(path, copy, symlinks=True)
        _mount("--bind", copy, path)
    for path in EMPTY:
        _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
    for path in ("/var/log/nginx", "/var/log/supervisor"):
        os.mkdir(path)
    _loopback_up()
    _install(root)


def _mount(*words):
    subprocess.run(["mount", *words], check=True)


def _loopback_up():
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 1)  # IFF_UP, netdevice(7)
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


def _install(root):
    """Install initpy as pip would, with nothing beside it that slows a start."""
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", PREFIX], check=True)
    site, ours = (
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for python in (INTERPRETER, f"{root}/.venv/bin/python")
    )
    shutil.copytree(f"{root}/initpy", f"{site}/initpy")
    for name in ("psutil", "daemon", "lockfile"):
        shutil.copytree(f"{ours}/{name}", f"{site}/{name}")
    subprocess.run([INTERPRETER, "-m", "compileall", "-q", site], check=True)


def generate(kind, name, **facts):
    """Write an initpy wrapper for a site, as a person would."""
    words = ["generate", kind, "--name", name, "-o", f"{SCRATCH}/init.d/{name}"]
    words += [word for key, value in facts.items() for word in (f"--{key}", value)]
    program = "import sys; from initpy.tools.command import main; sys.exit(main(sys.argv[1:]))"
    subprocess.run([INTERPRETER, "-I", "-c", program, *words], check=True)
