"""A private copy of the machine: what is done in it is not done to the host."""

import os
import socket
import subprocess
import time

import pytest

from conformance import kernel, sandbox

pytestmark = pytest.mark.conformance

PROOF = f"initpy-proof-{os.getpid()}"


def shell(script):
    """Run a shell script as init scripts are run; return its exit code and what it said."""
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=kernel.keep_in,
        timeout=60,
    )
    return done.returncode, done.stdout


def test_files_of_the_host_do_not_change(tmp_path):
    """Files made, changed and removed in a copy are as before on the host, wherever they are."""
    kept = tmp_path / "kept"
    kept.write_text("before")
    made = [f"{folder}/{PROOF}" for folder in ("/etc", "/run", "/var/lib", "/tmp", "/dev/shm")]

    def inside(machine):
        for path in made:
            with open(path, "w") as file:
                file.write("in the copy")
        kept.write_text("changed")
        os.unlink("/etc/passwd")
        return sorted(machine.changed())

    changed = sandbox.run(inside)

    assert {*made[:4], str(kept)} <= set(changed)  # /dev/shm is its own from the beginning
    assert "before" == kept.read_text()
    assert [] == [path for path in made if os.path.exists(path)]
    assert os.path.exists("/etc/passwd")


def test_no_process_of_the_host_is_seen():
    """A copy has its own processes, of which the first reaps what is orphaned."""

    def inside(_machine):
        shell("(sleep 0.01 &) ; exit 0")
        deadline = time.monotonic() + 10
        while len(pids := [int(name) for name in os.listdir("/proc") if name.isdigit()]) > 2:
            assert time.monotonic() < deadline, "an orphan was not reaped"
            time.sleep(0.01)
        return sorted(pids), os.getpid()

    pids, own = sandbox.run(inside)

    assert [1, own] == pids


def test_killing_everything_kills_nobody_outside():
    """``kill -9 -1`` ends the copy, which is told, and no process of the host."""
    with subprocess.Popen(["/bin/sleep", "60"]) as bystander:
        with pytest.raises(sandbox.KilledError):
            sandbox.run(lambda _machine: shell("kill -9 -1"))

        assert bystander.poll() is None
        bystander.kill()


def test_nothing_is_left_when_it_ends():
    """What still runs in a copy ends with it."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{PROOF}")
        before = set(os.listdir("/proc"))
        name = f"/tmp/{PROOF}"
        sandbox.run(lambda _machine: shell(f"cp /bin/sleep {name}; {name} 1000 >/dev/null 2>&1 &"))

    left = [pid for pid in set(os.listdir("/proc")) - before if pid.isdigit() and named(pid, name)]
    assert [] == left


def named(pid, name):
    """Tell whether a process runs *name*."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().startswith(name.encode())
    except OSError:
        return False


def test_ports_are_free():
    """A port that is held on the host is free in a copy, which has loopback."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]

        def inside(_machine):
            with socket.create_server(("127.0.0.1", port)) as own:
                socket.create_connection(own.getsockname()).close()
            return True

        assert sandbox.run(inside)


@pytest.mark.parametrize(
    "command",
    [
        "echo 1 >/proc/sys/kernel/sysrq",
        "echo h >/proc/sysrq-trigger",
        "mount -t tmpfs none /mnt",
        "umount /proc/sys",
        "mknod /tmp/disk b 7 0",
        "date -s @0",
    ],
)
def test_the_kernel_is_out_of_reach(command):
    """What would reach the whole machine is refused to root in a copy."""
    code, said = sandbox.run(lambda _machine: shell(command))

    assert 0 != code, said


def test_systemd_and_numbers_of_processes_are_forgotten():
    """A copy's /run has neither systemd nor sockets nor the host's pidfiles."""

    def inside(_machine):
        found = []
        for folder, folders, names in os.walk("/run"):
            found += [os.path.join(folder, name) for name in (*folders, *names)]
        return [path for path in found if path.endswith(".pid") or "/systemd" in path]

    assert [] == sandbox.run(inside)
