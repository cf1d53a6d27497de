"""Execute a program as a container runtime does: with few capabilities, and with refused calls.

    confined.py PROFILE PROGRAM [ARGUMENT ...]

It is a program of its own, because the refusals stay with whoever has installed them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

# What Docker leaves to root: capabilities(7).
CAPABILITIES = (
    *("chown", "dac_override", "fsetid", "fowner", "mknod", "net_raw", "setgid", "setuid"),
    *("setfcap", "setpcap", "net_bind_service", "sys_chroot", "kill", "audit_write"),
)

# The numbers of system calls on x86-64 that Docker's profile refuses with EPERM to a
# container without CAP_SYS_ADMIN and CAP_SYS_PTRACE.
REFUSED = {
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "pidfd_getfd": 438,
    "kcmp": 312,
    "process_madvise": 440,
    "open_by_handle_at": 304,
    "setns": 308,
    "unshare": 272,
    "mount": 165,
    "umount2": 166,
    "pivot_root": 155,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "mount_setattr": 442,
    "bpf": 321,
    "perf_event_open": 298,
    "userfaultfd": 323,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "syslog": 103,
    "acct": 163,
    "quotactl": 179,
    "reboot": 169,
    "sethostname": 170,
    "setdomainname": 171,
    "settimeofday": 164,
    "clock_settime": 227,
    "clock_adjtime": 305,
    "swapon": 167,
    "swapoff": 168,
    "set_mempolicy": 238,
    "mbind": 237,
    "move_pages": 279,
    "vhangup": 153,
    "kexec_load": 246,
    "init_module": 175,
    "finit_module": 313,
    "delete_module": 176,
}
# What the profiles of before 2020 did not know, and what kernels before 4.8 cannot allow.
UNKNOWN = {"pidfd_open": 434, "pidfd_send_signal": 424, "openat2": 437, "close_range": 436}
OLDER = {**UNKNOWN, "ptrace": 101}

DEFAULT = dict.fromkeys(REFUSED.values(), errno.EPERM)
NOBODY = 65534
# Each: system calls with what they fail with, and what drops capabilities.
SOME = [
    *("setpriv", "--inh-caps", "-all", "--bounding-set"),
    ",".join(["-all", *(f"+{name}" for name in CAPABILITIES)]),
]
ALL = [
    *("setpriv", "--inh-caps", "-all", "--bounding-set", "-all", "--no-new-privs"),
    *("--reuid", f"{NOBODY}", "--regid", f"{NOBODY}", "--clear-groups"),
]
PROFILES = {
    "privileged": ({}, []),
    "no seccomp": ({}, SOME),
    "docker": (DEFAULT, SOME),
    "docker, 2019": ({**DEFAULT, **dict.fromkeys(OLDER.values(), errno.EPERM)}, SOME),
    "gVisor": ({**DEFAULT, **dict.fromkeys((438, *UNKNOWN.values()), errno.ENOSYS)}, SOME),
    "not root": (DEFAULT, ALL),
}

_X86_64 = 0xC000003E  # AUDIT_ARCH_X86_64
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # of struct sock_filter: linux/filter.h
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_PR_SET_SECCOMP, _FILTER = 22, 2
_CLONE_NEWUSER = 0x10000000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def refuse(calls):
    """Have each of these system calls fail from now on: a number, and its errno. seccomp(2)."""
    assert platform.machine() == "x86_64", "the numbers are those of x86-64"
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _X86_64), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, 0)]
    for number, reason in calls.items():
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | reason)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(steps), ctypes.addressof(buffer))
    _do("prctl", _PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)


def enter_user_namespace(count):
    """Make a user namespace that has *count* users from root on, with the same numbers here."""
    ours, theirs = os.pipe()
    user = os.getpid()
    writer = os.fork()
    if writer == 0:
        os.close(theirs)
        os.read(ours, 1)
        for kind in ("uid", "gid"):
            with open(f"/proc/{user}/{kind}_map", "w") as file:
                file.write(f"0 0 {count}\n")
        os._exit(0)
    os.close(ours)
    _do("unshare", _CLONE_NEWUSER)
    os.close(theirs)
    assert 0 == os.waitpid(writer, 0)[1], "the users cannot be mapped"


def _do(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        reason = ctypes.get_errno()
        raise OSError(reason, f"{name}: {os.strerror(reason)}")


def main(profile, *argv):
    """Execute *argv*. Never returns."""
    if profile.startswith("users="):
        enter_user_namespace(int(profile[len("users=") :]))
        os.execvp(argv[0], argv)
    calls, dropping = PROFILES[profile]
    refuse(calls)
    argv = (*dropping, *argv)
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    main(*sys.argv[1:])
