"""A private copy of the machine, made in milliseconds and thrown away.

Whatever runs in it sees every file of the host, and may change each: changes
go to memory (overlayfs on a tmpfs). It sees no process of the host, none of
its sockets, and a network of its own with nothing but loopback. Process 1 is
an init that reaps; when it ends, the kernel kills whatever is left inside.
"""

import json
import os
import select
import signal
import stat
import time
import traceback

from conformance import kernel

# Kinds of file systems that are views of the kernel: the copy has its own, or none.
VIEWS = {
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "sysfs",
    "tracefs",
}
# Mounted over in our own mount namespace only: /sys is needed by nobody until we are done.
STAGE = "/sys"
ROOT = f"{STAGE}/root"
DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
# What root may write there reaches the whole machine.
KERNELS = ("sys", "sysrq-trigger", "irq", "bus", "fs")
DEADLINE = 600.0  # seconds, for all that is done in one copy


class SandboxError(Exception):
    """Nothing was learned in a private copy, or none could be made; the sentence says why."""


class KilledError(SandboxError):
    """Whatever was in the copy was killed: by what ran there, or because it did not end."""


class Machine:
    """What the function that runs in a copy is handed: the copy, seen from inside.

    uppers:   mount point -> descriptor of the directory that holds what was changed below.
    last_pid: descriptor of ns_last_pid, which sets the number of the next process.
    """

    def __init__(self, uppers, last_pid):
        self.uppers = uppers
        self.last_pid = last_pid

    def changed(self):
        """Yield the path of every regular file that was made or changed in the copy."""
        for mountpoint, upper in self.uppers.items():
            top = f"/proc/self/fd/{upper}"
            for folder, _, names in os.walk(top):
                for name in names:
                    path = os.path.join(folder, name)
                    if os.path.isfile(path) and not os.path.islink(path):
                        yield os.path.join(mountpoint, path[len(top) + 1 :])


def run(function, *arguments):
    """Call ``function(machine, *arguments)`` in a private copy; return what it returns.

    What it returns must be fit for JSON. Raises SandboxError if no copy could
    be made, or if everything in it was killed.
    """
    return finish(begin(function, *arguments))


def begin(function, *arguments):
    """Begin what run() does; what is returned is for finish()."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _report(writing, _outside, writing, function, arguments)
    os.close(writing)
    return child, reading, time.monotonic() + DEADLINE


def finish(begun):
    """Wait for what was begun, and return what it returned."""
    child, reading, deadline = begun
    said = b""
    try:
        while select.select([reading], [], [], max(0, deadline - time.monotonic()))[0]:
            some = os.read(reading, 1 << 16)
            if not some:
                break
            said += some
        else:
            raise KilledError(f"it did not end within {DEADLINE:.0f} s")
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)  # what is in the copy dies with it
        os.waitpid(child, 0)
    if not said:
        raise KilledError("every process was killed, also those that are not the service's")
    answer = json.loads(said)
    if "error" in answer:
        raise SandboxError(answer["error"])
    return answer["result"]


def _report(writing, function, *arguments):
    """Call *function*; if it fails, write why. Never return."""
    try:
        code = function(*arguments)
    except BaseException as exc:  # noqa: BLE001 - a forked child: nobody above may handle it
        _write(writing, {"error": _sentence(exc)})
        code = 1
    finally:
        os._exit(code or 0)


def _sentence(exc):
    if isinstance(exc, SandboxError):
        return str(exc)
    last = traceback.extract_tb(exc.__traceback__)[-1]
    where = f"{os.path.basename(last.filename)}, line {last.lineno}"
    return f"the checker itself failed: {type(exc).__name__}: {exc} ({where})"


def _write(writing, answer):
    with open(writing, "w", closefd=False) as pipe:
        json.dump(answer, pipe)


def _outside(writing, function, arguments):
    """Leave the host's namespaces, and fork the first process of the new ones."""
    kernel.die_with_parent(signal.SIGKILL)
    try:
        kernel.unshare(
            kernel.CLONE_NEWNS
            | kernel.CLONE_NEWPID
            | kernel.CLONE_NEWNET
            | kernel.CLONE_NEWIPC
            | kernel.CLONE_NEWUTS
            | kernel.CLONE_NEWCGROUP
        )
        kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        uppers = _copy_files()
        _make_devices()
    except OSError as exc:
        raise SandboxError(f"no private copy of this machine can be made: {exc}") from exc
    init = os.fork()
    if init == 0:
        _report(writing, _init, writing, uppers, function, arguments)
    os.waitpid(init, 0)


def _copy_files():
    """Lay a private copy of every file system at ROOT; return their upper directories."""
    mounts = list(_mounts())
    kernel.mount("tmpfs", STAGE, "tmpfs", 0, "mode=755")
    os.mkdir(ROOT)
    uppers = {}
    for mountpoint, kind in mounts:
        target = ROOT + mountpoint.rstrip("/")
        if mountpoint in uppers or kind in VIEWS or not os.path.exists(target):
            continue
        if not os.path.isdir(mountpoint):
            kernel.bind_readonly(mountpoint, target)
            continue
        try:
            uppers[mountpoint] = _overlay(mountpoint, target, len(uppers))
        except OSError:
            if mountpoint == "/":
                raise
            # Not every file system can be below an overlay.
            kernel.bind_readonly(mountpoint, target)
    return uppers


def _mounts():
    """Yield mount point and kind of every mount that can be seen; / is first."""
    with open("/proc/self/mountinfo") as file:
        lines = file.readlines()
    found = [("/", "")]
    for line in lines:
        before, _, after = line.partition(" - ")
        mountpoint = before.split()[4].encode().decode("unicode_escape")  # \040 is a blank
        hidden = mountpoint.startswith(("/dev/", "/proc/", "/sys/"))
        if mountpoint != "/" and not hidden:
            found.append((mountpoint, after.split()[0]))
    return found


def _overlay(lower, target, number):
    """Mount a copy of *lower* at *target*; return a descriptor of its upper directory."""
    upper, work = f"{STAGE}/upper{number}", f"{STAGE}/work{number}"
    seen = os.stat(lower)
    for path in (upper, work):
        os.mkdir(path)
    # The overlay's own top is the upper directory: it has its owner and mode.
    os.chown(upper, seen.st_uid, seen.st_gid)
    os.chmod(upper, stat.S_IMODE(seen.st_mode))
    escaped = lower.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
    kernel.mount(
        "overlay", target, "overlay", 0, f"lowerdir={escaped},upperdir={upper},workdir={work}"
    )
    return os.open(upper, os.O_RDONLY | os.O_DIRECTORY)


def _make_devices():
    """Make a small /dev: nodes of our own, terminals of our own, empty shared memory."""
    dev = f"{ROOT}/dev"
    kernel.mount("tmpfs", dev, "tmpfs", kernel.MS_NOSUID, "mode=755")
    os.umask(0)
    for name, minor in DEVICES.items():
        os.mknod(f"{dev}/{name}", 0o666 | stat.S_IFCHR, os.makedev(1, minor))
    os.mknod(f"{dev}/tty", 0o666 | stat.S_IFCHR, os.makedev(5, 0))
    os.umask(0o022)
    for folder in ("pts", "shm"):
        os.mkdir(f"{dev}/{folder}")
    kernel.mount("devpts", f"{dev}/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=620")
    kernel.mount("tmpfs", f"{dev}/shm", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")
    os.symlink("pts/ptmx", f"{dev}/ptmx")
    os.symlink("/proc/self/fd", f"{dev}/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{dev}/{name}")


def _init(writing, uppers, function, arguments):
    """Be process 1: finish the copy, have *function* run, and reap what is left to us."""
    kernel.die_with_parent(signal.SIGKILL)
    try:
        last_pid = _enter()
    except OSError as exc:
        raise SandboxError(f"no private copy of this machine can be made: {exc}") from exc
    machine = Machine(uppers, last_pid)
    driver = os.fork()
    if driver == 0:
        _report(writing, lambda: _write(writing, {"result": function(machine, *arguments)}))
    while os.wait()[0] != driver:
        pass


def _enter():
    """Move into the copy, and take from it what would lead out of it."""
    proc = f"{ROOT}/proc"
    kernel.mount("proc", proc, "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    last_pid = os.open(f"{proc}/sys/kernel/ns_last_pid", os.O_WRONLY)
    for name in KERNELS:
        if os.path.exists(f"{proc}/{name}"):
            kernel.bind_readonly(f"{proc}/{name}", f"{proc}/{name}")
    kernel.mount("sysfs", f"{ROOT}/sys", "sysfs", kernel.MS_RDONLY)
    kernel.pivot(ROOT)
    os.setsid()
    kernel.loopback_up()
    _forget_what_runs()
    with open("/dev/null") as null:
        os.dup2(null.fileno(), 0)
    return last_pid


def _forget_what_runs():
    """Leave of /run what a boot would: no socket, no number of a process, no systemd.

    Init scripts hand over to systemctl where /run/systemd/system is.
    """
    for folder, folders, names in os.walk("/run", topdown=False):
        for name in names:
            path = os.path.join(folder, name)
            try:
                if not stat.S_ISLNK(os.lstat(path).st_mode) and _tells_of_a_process(path):
                    os.unlink(path)
            except FileNotFoundError:
                continue  # the host has removed it meanwhile: its /run lies below ours
        if (folder + "/").startswith("/run/systemd/"):
            for name in (*folders, *names):
                path = os.path.join(folder, name)
                if os.path.lexists(path):
                    (os.rmdir if name in folders and not os.path.islink(path) else os.unlink)(path)
    if os.path.isdir("/run/systemd"):
        os.rmdir("/run/systemd")


def _tells_of_a_process(path):
    mode = os.lstat(path).st_mode
    if not stat.S_ISREG(mode):
        return stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode)
    with open(path, "rb") as file:
        return file.read(32).strip().isdigit()
