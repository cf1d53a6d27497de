"""The system calls that Python's standard library lacks, or has only since 3.12."""

import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24

# Capabilities with which root could reach out of his namespaces.
CAP_SYS_MODULE = 16
CAP_SYS_RAWIO = 17
CAP_SYS_ADMIN = 21
CAP_SYS_BOOT = 22
CAP_SYS_TIME = 25
CAP_MKNOD = 27
CAP_SYSLOG = 34

SIOCSIFFLAGS = 0x8914
IFF_UP = 1

_libc = ctypes.CDLL(None, use_errno=True)
# Looked up here, not in a forked child: see keep_in().
_prctl = _libc.prctl


def _call(what, function, *arguments):
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _bytes(text):
    return None if text is None else os.fsencode(text)


def unshare(flags):
    """Leave the namespaces of *flags* for new ones; of pids, with the next child."""
    _call("unshare", _libc.unshare, ctypes.c_int(flags))


def mount(source, target, kind=None, flags=0, data=None):
    """Put a file system, or a part of one, at *target*, as the system call does."""
    strings = map(_bytes, (source, target, kind))
    _call(target, _libc.mount, *strings, ctypes.c_ulong(flags), _bytes(data))


def bind_readonly(source, target):
    """Show *source*, with what is mounted below it, at *target*, to be read only."""
    mount(source, target, None, MS_BIND | MS_REC)
    mount(None, target, None, MS_REMOUNT | MS_BIND | MS_RDONLY)


def pivot(root):
    """Make *root* the root of this mount namespace, and let the old one go."""
    os.chdir(root)
    _call("pivot_root", _libc.pivot_root, b".", b".")
    # Both are stacked at "." now, and the old one is on top: pivot_root(2).
    _call("umount", _libc.umount2, b".", ctypes.c_int(MNT_DETACH))
    os.chdir("/")


def die_with_parent(signal):
    """Have this process sent *signal* when its parent ends."""
    _call("prctl", _prctl, PR_SET_PDEATHSIG, int(signal), 0, 0, 0)


def keep_in():
    """Give up for good what reaches out of the namespaces: what is run next is kept in.

    Made to be called between fork and exec.
    """
    for capability in (
        CAP_SYS_MODULE,
        CAP_SYS_RAWIO,
        CAP_SYS_ADMIN,
        CAP_SYS_BOOT,
        CAP_SYS_TIME,
        CAP_MKNOD,
        CAP_SYSLOG,
    ):
        _prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def loopback_up():
    """Bring up the loopback device of this network namespace: 127.0.0.1 and ::1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", IFF_UP)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)
