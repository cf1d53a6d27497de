"""Run a script under ptrace(2), and let one of its system calls fail, or all from one on.

    tracer.py REPORT SCRIPT [PROCESS CALL NUMBER ERRNO [lasting]] -- ARGUMENT...

PROCESS counts the script's own processes in the order in which they are forked: 0 is the
script itself. A process is left alone as soon as it executes another program. NUMBER counts
the calls of that name in that process, from 1 on; of the script itself from the moment at
which its interpreter has opened the script. If it is lasting, every later call of that name
fails, too, in whichever process. REPORT gets a line "PROCESS CALL NUMBER FD" for each call until
one fails, where FD is the first argument. The exit code is that of the script.

Only for x86_64: a call is made to fail by its registers.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# Linux's numbers on x86_64: asm/unistd_64.h.
NAMES = {
    0: "read",
    1: "write",
    7: "poll",
    17: "pread64",
    18: "pwrite64",
    33: "dup2",
    41: "socket",
    44: "sendto",
    45: "recvfrom",
    56: "clone",
    61: "wait4",
    62: "kill",
    72: "fcntl",
    73: "flock",
    77: "ftruncate",
    83: "mkdir",
    87: "unlink",
    89: "readlink",
    217: "getdents64",
    247: "waitid",
    257: "openat",
    262: "newfstatat",
    263: "unlinkat",
    264: "renameat",
    293: "pipe2",
    319: "memfd_create",
    424: "pidfd_send_signal",
    434: "pidfd_open",
    437: "openat2",
    438: "pidfd_getfd",
}
TRACEME, PEEKUSER, POKEUSER, DETACH, SYSCALL = 0, 3, 6, 17, 24
SETOPTIONS, GETEVENTMSG, GET_SYSCALL_INFO = 0x4200, 0x4201, 0x420E
SYSGOOD, FORKS, EXECS = 0x1, 0x2 | 0x4 | 0x8, 0x10
FORK_EVENTS, EXEC_EVENT = (1, 2, 3), 4
RAX, ORIG_RAX = 80, 120  # offsets in struct user
ENTRY, EXIT = 1, 2
WALL = 0x40000000

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long


class Call(ctypes.Structure):
    """The beginning of struct ptrace_syscall_info."""

    _fields_ = [
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("ip", ctypes.c_uint64),
        ("sp", ctypes.c_uint64),
        ("nr", ctypes.c_uint64),
        ("args", ctypes.c_uint64 * 6),
    ]


def ptrace(request, pid, address=None, data=None):
    """Do a request; a process that has been killed meanwhile is no error."""
    return LIBC.ptrace(request, pid, address, data)


class Tracer:
    """The processes of one script."""

    def __init__(self, script, arguments, wanted):
        self.script = script
        self.wanted = wanted  # (process, call, number), or None
        self.error = 0
        self.lasting = False
        self.calls = []
        self.numbers = {}  # of each process that is traced, its place in the order of forks
        self.counts = {}  # by process and call
        self.armed = self.opening = False  # whether the interpreter has opened the script
        self.failing = set()
        self.over = False
        self.early = set()  # children that were seen before their parent's event
        self.born = 0
        self.main = os.fork()
        if self.main == 0:
            ptrace(TRACEME, 0)
            os.execv(script, [script, *arguments])
        os.waitpid(self.main, 0)
        self.numbers[self.main] = 0
        ptrace(SETOPTIONS, self.main, None, SYSGOOD | FORKS | EXECS)

    def run(self):
        """Trace until the script has ended; return its exit code."""
        ptrace(SYSCALL, self.main)
        while True:
            pid, status = os.waitpid(-1, WALL)
            if not os.WIFSTOPPED(status):
                if pid == self.main:
                    return os.waitstatus_to_exitcode(status)
                continue
            sig, event = os.WSTOPSIG(status), status >> 16
            deliver = 0
            if sig == signal.SIGTRAP | 0x80:
                self.at_call(pid)
            elif event in FORK_EVENTS:
                message = ctypes.c_ulong()
                ptrace(GETEVENTMSG, pid, None, ctypes.addressof(message))
                self.born += 1
                self.numbers[message.value] = self.born
                if message.value in self.early:
                    self.early.remove(message.value)
                    self.go_on(message.value, 0)
            elif event == EXEC_EVENT:
                ptrace(DETACH, pid)
                continue
            elif sig == signal.SIGSTOP and pid not in self.numbers:
                self.early.add(pid)
                continue
            elif sig != signal.SIGTRAP and not (sig == signal.SIGSTOP and self.is_new(pid)):
                deliver = sig
            self.go_on(pid, deliver)

    def is_new(self, pid):
        """Tell whether this is the first stop of a child, which the kernel has made."""
        return not any(number == self.numbers[pid] for number, _ in self.counts)

    def go_on(self, pid, deliver):
        """Let a process run on; let go of it once nothing is to fail any more."""
        done = self.over and not self.lasting and pid not in self.failing
        ptrace(DETACH if done else SYSCALL, pid, None, deliver)

    def at_call(self, pid):
        """Note a call at its entry, and let it fail if it is the wanted one."""
        call = Call()
        if ptrace(GET_SYSCALL_INFO, pid, ctypes.sizeof(call), ctypes.addressof(call)) < 0:
            return  # it has been killed meanwhile
        if call.op == EXIT:
            if pid in self.failing:
                self.failing.remove(pid)
                ptrace(POKEUSER, pid, RAX, ctypes.c_void_p(-self.error & (1 << 64) - 1))
            elif self.opening and pid == self.main:
                self.armed, self.opening = True, False
            return
        name = NAMES.get(call.nr)
        if pid == self.main and name == "openat" and self.text(pid, call.args[1]) == self.script:
            self.armed, self.opening = False, True  # the interpreter may open it several times
            self.calls.clear()
            self.counts.clear()
        if not self.armed:
            return
        key = self.numbers[pid], name or ""
        self.counts[key] = self.counts.get(key, 0) + 1
        if name is None or (self.over and not self.lasting):
            return
        if not self.over:
            self.calls.append((*key, self.counts[key], ctypes.c_int(call.args[0]).value))
        if (*key, self.counts[key]) == self.wanted or (self.over and name == self.wanted[1]):
            ptrace(POKEUSER, pid, ORIG_RAX, ctypes.c_void_p((1 << 64) - 1))
            self.failing.add(pid)
            self.over = True

    def text(self, pid, address):
        """Return a path that a process has given to a call."""
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            return os.fsdecode(memory.read(4096 - address % 4096).split(b"\0")[0])


def main():
    report, script, *rest = sys.argv[1:]
    before, arguments = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
    wanted = (int(before[0]), before[1], int(before[2])) if before else None
    tracer = Tracer(script, arguments, wanted)
    if before:
        tracer.error, tracer.lasting = int(before[3]), before[4:] == ["lasting"]
    code = tracer.run()
    with open(report, "w") as file:
        file.writelines(f"{' '.join(map(str, call))}\n" for call in tracer.calls)
    sys.exit(code)


if __name__ == "__main__":
    main()
