"""What a user other than root is let do besides: ambient capabilities, capabilities(7).

They survive execve(2), so that a daemon which is never root may bind a port below 1024.
"""

from __future__ import annotations

import ctypes
import os

from ...errors import SettingsError

# By their numbers: linux/capability.h.
_NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
    "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
_NUMBERS = {f"CAP_{name}": number for number, name in enumerate(_NAMES.split())}
_KEEPCAPS = 8  # prctl(2)
_AMBIENT, _RAISE = 47, 2
_VERSION = 0x20080522  # of capset(2): two words of 32 bits each
_BITS = 32
_libc = ctypes.CDLL(None, use_errno=True)


def numbers(names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the numbers of capabilities: "CAP_NET_RAW". Raises SettingsError."""
    for name in names:
        if name not in _NUMBERS:
            raise SettingsError(f"{name} is not a capability: see capabilities(7)")
    return tuple(_NUMBERS[name] for name in names)


def keep() -> None:  # pragma: no cover - in a child
    """Let this process keep what it may do when it becomes another user."""
    _checked(_libc.prctl(_KEEPCAPS, 1, 0, 0, 0))


def confine_to(capabilities: tuple[int, ...]) -> None:  # pragma: no cover - in a child
    """Have this process, and what it executes, be let do that and no more."""
    header = (ctypes.c_uint32 * 2)(_VERSION, 0)
    words = []
    for first in (0, _BITS):
        mask = sum(1 << one - first for one in capabilities if first <= one < first + _BITS)
        words += [mask] * 3  # effective, permitted, inheritable
    _checked(_libc.capset(header, (ctypes.c_uint32 * len(words))(*words)))
    for one in capabilities:
        _checked(_libc.prctl(_AMBIENT, _RAISE, one, 0, 0))


def _checked(result: int) -> None:  # pragma: no cover - in a child
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
