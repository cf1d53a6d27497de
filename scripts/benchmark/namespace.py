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

import looking
from sites import SCRATCH, write

INTERPRETER = "/usr/bin/python3"  # that of the package's wrappers
PACKAGES = "/usr/lib/python3/dist-packages"
# An interpreter that meets no .pth file of the host. It takes as long to start as Debian's
# does on a host that has none.
BARE = f"{SCRATCH}/bare/bin/python3"
WRAPPERS = f"{SCRATCH}/init.d"
COPIED = ("/etc", "/usr/sbin", PACKAGES)
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
    for folder in ("/run/lock", SCRATCH, WRAPPERS, f"{SCRATCH}/copies"):
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
    """Install initpy as its Debian package does, and the libraries beside it."""
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    words = [f"{root}/.venv/bin/python", "-c", script]
    ours = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    libraries = (f"{ours}/{name}" for name in ("psutil", "daemon", "lockfile"))
    for path in (f"{root}/initpy", *libraries):
        target = f"{PACKAGES}/{os.path.basename(path)}"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(path, target)
        subprocess.run([INTERPRETER, "-m", "compileall", "-q", target], check=True)
    bare = os.path.dirname(os.path.dirname(BARE))
    subprocess.run([INTERPRETER, "-m", "venv", "--without-pip", bare], check=True)


def put_wrappers(root, version):
    """Write the wrappers as the Debian packages have them.

    version: of the PHP-FPM on this host, which its package's postinst fills in.
    """
    subprocess.run([f"{root}/scripts/mkwrappers", "debian", WRAPPERS], check=True)
    text = looking.read(f"{WRAPPERS}/phpVERSION-fpm").replace("VERSION", version)
    write(f"{WRAPPERS}/php{version}-fpm", text, 0o755)


def pth_files():
    """Return how many .pth files an interpreter without -S reads when it starts."""
    count = "sum(len(glob.glob(f'{folder}/*.pth')) for folder in site.getsitepackages())"
    words = [INTERPRETER, "-I", "-c", f"import glob, site; print({count})"]
    return int(subprocess.run(words, check=True, capture_output=True).stdout)


def generate(kind, name, **facts):
    """Write an initpy wrapper for a site, as a person would."""
    words = ["generate", kind, "--name", name, "-o", f"{WRAPPERS}/{name}"]
    words += [word for key, value in facts.items() for word in (f"--{key}", value)]
    program = "import sys; from initpy.tools.command import main; sys.exit(main(sys.argv[1:]))"
    subprocess.run([INTERPRETER, "-I", "-c", program, *words], check=True)
