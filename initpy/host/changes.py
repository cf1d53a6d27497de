"""Files: writing them whole, removing them, locking one."""

from __future__ import annotations

import os
import stat

from ..errors import InitError, NotPermitted
from .files import NO_FILE


class Changes:
    """What can be done to the files of this machine."""

    def remove(self, path: str) -> None:
        """Remove a file; none there is well. Raises InitError."""
        try:
            os.unlink(path)
        except NO_FILE:
            return
        except OSError as exc:
            raise InitError(f"{path} cannot be removed: {exc.strerror}") from exc

    def remove_trace(self, path: str) -> None:
        """Remove a file, or an empty directory; leave everything else alone."""
        try:
            info = os.lstat(path)
            if stat.S_ISDIR(info.st_mode):
                os.rmdir(path)
            elif stat.S_ISREG(info.st_mode):
                os.unlink(path)
        except OSError:
            return

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file whole, or not at all: into a new one, then rename. Raises InitError."""
        temporary = f"{path}.{os.urandom(8).hex()}"  # nobody is to have it made before
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            fd = os.open(temporary, flags, mode)
            try:
                with open(fd, "w", encoding="utf-8") as file:
                    file.write(text)
                    os.fchmod(fd, mode)
                os.rename(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError as exc:
            raise InitError(f"{path} cannot be written: {exc.strerror}") from exc

    def make_directory(self, path: str, mode: int = 0o755) -> None:
        """Make a directory and those above it; one that is there is well. Raises InitError."""
        try:
            os.makedirs(path, mode, exist_ok=True)
        except OSError as exc:
            raise InitError(f"{path} cannot be made: {exc.strerror}") from exc

    def mark_started(self, path: str) -> None:
        """Touch *path* where its directory exists: Red Hat's rc stops what has one."""
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644))
        except OSError:
            return

    def mark_stopped(self, path: str) -> None:
        """Remove what ``mark_started`` has made. A courtesy to rc, no more."""
        try:
            os.unlink(path)
        except OSError:
            return

    def lock(self, path: str) -> int | None:
        """Take the lock file *path* and return its descriptor; None if somebody has it.

        flock(2): the kernel frees it when its holder dies, however it dies.
        Raises NotPermitted or InitError when there can be no lock.
        """
        import fcntl

        directory = os.path.dirname(path)
        try:
            os.makedirs(directory, 0o700, exist_ok=True)
            info = os.lstat(directory)
            if os.geteuid() == 0 and (not stat.S_ISDIR(info.st_mode) or info.st_uid != 0):
                raise InitError(f"{directory} is not a directory of root's: no lock there")
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError as exc:
            raise NotPermitted(f"not permitted to lock {path}: only root may do this") from exc
        except OSError as exc:
            raise InitError(f"the lock {path} cannot be made: {exc.strerror}") from exc
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd

    def sign_lock(self, fd: int, text: str) -> None:
        """Write into a lock we hold who we are. On a full disk it then says nothing."""
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, text.encode(), 0)
        except OSError:
            return

    def unlock(self, fd: int) -> None:
        """Let the lock go. The file stays: removing it would let two in at once."""
        os.close(fd)
