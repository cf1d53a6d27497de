"""Files as they are seen from inside a process, and what else may be seen of it."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import threading

import pytest

from initpy.errors import NotPermitted
from initpy.host import HERE, Process
from initpy.host.filesystem.rooted import open_in_root, walk_in_root


@pytest.fixture
def root(tmp_path):
    """Return a descriptor of a folder with files and links, as the root of a process."""
    inside = tmp_path / "root"
    (inside / "etc/nginx").mkdir(parents=True)
    (inside / "srv").mkdir()
    (inside / "etc/nginx/nginx.conf").write_text("inside")
    (tmp_path / "outside").write_text("outside")
    for link, target in {
        "etc/relative.conf": "nginx/nginx.conf",
        "etc/up.conf": "../etc/nginx/nginx.conf",
        "etc/absolute.conf": "/etc/nginx/nginx.conf",
        "etc/far.conf": "/etc/absolute.conf",
        "etc/out.conf": "../../../../outside",
        "etc/broken.conf": "nothing",
        "etc/itself": "itself",
        "folder": "/etc/nginx",
        "srv/folder": "../folder",
        "real": str(tmp_path / "outside"),
    }.items():
        (inside / link).symlink_to(target)
    deep = inside / "links"
    deep.mkdir()
    for number in range(45):
        (deep / f"{number}").symlink_to(f"{number + 1}")
    (deep / "45").write_text("the end")
    fd = os.open(inside, os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


PATHS = {
    "/etc/nginx/nginx.conf": "etc/nginx/nginx.conf",
    "etc/nginx/nginx.conf": "etc/nginx/nginx.conf",
    "//etc//nginx/./nginx.conf": "etc/nginx/nginx.conf",
    "/etc/../etc/nginx/nginx.conf": "etc/nginx/nginx.conf",
    "/../../etc/nginx/nginx.conf": "etc/nginx/nginx.conf",
    "/etc/relative.conf": "etc/nginx/nginx.conf",
    "/etc/up.conf": "etc/nginx/nginx.conf",
    "/etc/absolute.conf": "etc/nginx/nginx.conf",
    "/etc/far.conf": "etc/nginx/nginx.conf",
    "/folder/nginx.conf": "etc/nginx/nginx.conf",
    "/srv/folder/nginx.conf": "etc/nginx/nginx.conf",
    "/folder/../nginx/nginx.conf": "etc/nginx/nginx.conf",
    "/folder/../up.conf": "etc/nginx/nginx.conf",
    "/etc": "etc",
    "/": ".",
    "/..": ".",
    "/links/10": "links/45",
    "/links/0": None,
    "/etc/out.conf": None,
    "/outside": None,
    "/../outside": None,
    "/real": None,
    "/etc/broken.conf": None,
    "/etc/itself": None,
    "/etc/nothing": None,
    "/etc/nginx/nginx.conf/x": None,
    "/etc/nginx/nginx.conf/..": None,
    "/etc/relative.conf/": None,
}


@pytest.mark.parametrize("open_in_root", [open_in_root, walk_in_root])
@pytest.mark.parametrize("path", PATHS)
def testopen_in_root(root, open_in_root, path):
    """A path leads to what the process itself would open, and never out of its root.

    The kernel's openat2(2) and our walk, link by link, agree on every path.
    """
    fd = open_in_root(root, path)

    found = None if fd is None else os.fstat(fd)
    if fd is not None:
        os.close(fd)
    if PATHS[path] is None:
        assert None is found
    else:
        expected = os.stat(PATHS[path], dir_fd=root)
        assert (expected.st_dev, expected.st_ino) == (found.st_dev, found.st_ino)


@pytest.mark.parametrize("path", PATHS)
def test_walk_leaves_nothing_open(root, path):
    """Every descriptor but the answer is closed."""
    before = os.listdir("/proc/self/fd")

    fd = walk_in_root(root, path)

    if fd is not None:
        os.close(fd)
    assert len(before) == len(os.listdir("/proc/self/fd"))


class OldKernel:
    """A C library whose system calls do not exist."""

    def __init__(self, reason):
        self.reason = reason

    def syscall(self, *_arguments):
        """Fail as the kernel does."""
        ctypes.set_errno(self.reason)
        return -1


def test_kernel_without_openat2(root, monkeypatch):
    """Before Linux 5.6 it is our walk that answers."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_a, **_k: OldKernel(errno.ENOSYS))

    fd = open_in_root(root, "/etc/far.conf")

    assert os.stat("etc/nginx/nginx.conf", dir_fd=root).st_ino == os.fstat(fd).st_ino
    os.close(fd)


@pytest.mark.parametrize("reason", [errno.EPERM, errno.EACCES])
def test_forbidden(root, monkeypatch, reason):
    """A sandbox or a folder that may not be entered is not "nothing there"."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_a, **_k: OldKernel(reason))

    with pytest.raises(PermissionError):
        open_in_root(root, "/etc/nginx/nginx.conf")


@pytest.fixture
def child():
    """Return a process of ours, in a folder of its own choice."""
    with subprocess.Popen(["/bin/sleep", "60"], cwd="/usr") as popen:
        yield HERE.find(popen.pid)
        popen.kill()


def test_child(child, tmp_path):
    """A child has our root, our namespaces, and sees the files that we see."""
    path = tmp_path / "x"
    path.touch()

    for kind in ("net", "mnt", "pid"):
        assert HERE.namespace(os.getpid(), kind) == HERE.namespace(child.pid, kind) != None  # noqa: E711
    assert HERE.file_id("/") == HERE.root_file(child.pid)
    assert HERE.file_id(str(path)) == HERE.file_seen_by(child, str(path))
    assert None is HERE.file_seen_by(child, str(tmp_path / "nothing"))
    assert "/usr" == HERE.working_directory(child.pid)
    assert os.getsid(0) == HERE.session(child.pid)


def test_nobody():
    """Of a process that is gone nothing is seen, and that is no error."""
    with subprocess.Popen(["/bin/true"]) as popen:
        popen.wait()
    gone = Process(pid=popen.pid, started=1)

    assert None is HERE.namespace(gone.pid, "net")
    assert None is HERE.root_file(gone.pid)
    assert None is HERE.working_directory(gone.pid)
    assert None is HERE.file_seen_by(gone, "/")
    assert 0 == HERE.session(gone.pid)


def test_root_that_may_not_be_seen(child, monkeypatch):
    """Without the right to look it is said, and not "nothing there"."""

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(NotPermitted, match=f"the root of pid {child.pid} cannot be seen"):
        HERE.file_seen_by(child, "/etc/passwd")


@pytest.mark.real
def test_chroot(tmp_path):
    """In a chroot the same path is another file, and "/" another root."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("inside")
    (tmp_path / "etc/link").symlink_to("/etc/passwd")
    code = "import os, sys, time; os.chroot(sys.argv[1]); print(flush=True); time.sleep(60)"
    command = ["/usr/bin/python3", "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as popen:
        popen.stdout.readline()
        inside = HERE.find(popen.pid)

        seen = [HERE.file_seen_by(inside, path) for path in ("/etc/passwd", "/etc/link")]
        root = HERE.root_file(popen.pid)

        popen.kill()
    assert [HERE.file_id(str(tmp_path / "etc/passwd"))] * 2 == seen
    assert HERE.file_id(str(tmp_path)) == root != HERE.file_id("/")


def test_open_while_others_rename(root, tmp_path):
    """openat2(2) fails with EAGAIN if anything is renamed while it goes through "..": again."""
    over = threading.Event()

    def rename():
        (tmp_path / "a").touch()
        while not over.is_set():
            os.rename(tmp_path / "a", tmp_path / "b")
            os.rename(tmp_path / "b", tmp_path / "a")

    thread = threading.Thread(target=rename)
    thread.start()
    try:
        for _ in range(2000):
            fd = open_in_root(root, "/etc/nginx/../nginx/nginx.conf")

            assert fd is not None
            os.close(fd)
    finally:
        over.set()
        thread.join()
