"""Files: write, remove and lock them."""

from __future__ import annotations

import os
import stat

from ...errors import HostError, InitError, NotPermitted, translated
from ..files import NO_FILE, Files, upwards, user_name


@translated
class Changes(Files):
    """Changing the files of this machine."""

    def remove(self, path: str) -> None:
        """Remove a file. A file that does not exist is success. Raises InitError."""
        try:
            folder = _folder_of(path)
            try:
                os.unlink(os.path.basename(path), dir_fd=folder)
            finally:
                os.close(folder)
        except NO_FILE:
            return
        except OSError as exc:
            if not os.path.lexists(path):  # a read-only file system is told first
                return
            raise HostError(f"{path} cannot be removed", exc) from exc

    def remove_socket(self, path: str, version: tuple[int, int]) -> bool:
        """Remove the path of a unix socket if it is still the file of that ``version``.

        Another user may write in its folder. So the folder is opened, and looked at and
        removed is a name in that very folder, links not followed: if a link has led
        elsewhere, that file is not there, and nothing is removed. False if it is another
        file. Raises InitError.
        """
        folder, _, name = path.rpartition("/")
        try:
            fd = os.open(folder or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                info = os.stat(name, dir_fd=fd, follow_symlinks=False)
                same = stat.S_ISSOCK(info.st_mode) and version == (info.st_ino, info.st_ctime_ns)
                if same:
                    os.unlink(name, dir_fd=fd)
            finally:
                os.close(fd)
        except NO_FILE:
            return False
        except OSError as exc:
            raise InitError(f"{path} cannot be removed: {exc.strerror}") from exc
        return same

    def rename(self, old: str, new: str) -> None:
        """Give a file another path, where it replaces what is there. Raises InitError."""
        try:
            os.rename(old, new)
        except OSError as exc:
            raise InitError(f"{old} cannot be renamed to {new}: {exc.strerror}") from exc

    def make_link(self, path: str, target: str) -> None:
        """Make a symbolic link at *path*. Raises InitError."""
        try:
            os.symlink(target, path)
        except OSError as exc:
            raise InitError(f"the link {path} cannot be made: {exc.strerror}") from exc

    def link_target(self, path: str) -> str:
        """Return where a symbolic link leads, as it is written, or "" if it is not a link."""
        try:
            return os.readlink(path)
        except OSError:
            return ""

    def remove_empty(self, path: str) -> None:
        """Remove an empty directory. Never raises; anything else stays."""
        try:
            os.rmdir(path)
        except OSError:
            return

    def write(
        self, path: str, text: str, mode: int = 0o644, *, owner: tuple[int, int] | None = None
    ) -> None:
        """Write a file completely or not at all: a new file, then rename(2). Raises InitError.

        text: encoded as what was read is decoded: a byte that is no character stays what it is.
        owner: its user and group, if not ours.
        """
        name = os.path.basename(path)
        temporary = f"{name}.{os.urandom(8).hex()}"  # a name that cannot be guessed
        try:
            folder = _folder_of(path)
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                fd = os.open(temporary, flags, mode, dir_fd=folder)
                try:
                    with open(fd, "wb") as file:
                        file.write(os.fsencode(text))
                        if owner is not None:
                            os.fchown(fd, *owner)
                        os.fchmod(fd, mode)
                    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                except BaseException:
                    os.unlink(temporary, dir_fd=folder)
                    raise
            finally:
                os.close(folder)
        except PermissionError as exc:
            raise NotPermitted(f"{path} cannot be written: {exc.strerror}") from exc
        except OSError as exc:
            raise InitError(f"{path} cannot be written: {exc.strerror}") from exc

    def make_directory(self, path: str, mode: int = 0o755) -> list[str]:
        """Create a directory and those above it; return those created, the deepest first.

        One that exists is success. Raises InitError.
        """
        missing: list[str] = []
        while path not in ("", "/") and not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        made: list[str] = []
        for folder in reversed(missing):
            try:
                os.mkdir(folder, mode)
                made.insert(0, folder)
            except FileExistsError:
                continue
            except OSError as exc:
                raise InitError(f"{folder} cannot be made: {exc.strerror}") from exc
        return made

    def mark_started(self, path: str) -> None:
        """Create *path* if its directory exists: Red Hat's rc stops only what has this file.

        Nothing is done in a directory that others could have made: /run/lock is everybody's.
        """
        if self.distrust(path):
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            os.close(os.open(path, flags, 0o644))
        except OSError:
            return

    def mark_stopped(self, path: str) -> None:
        """Remove the file of ``mark_started``. Never raises: only Red Hat's rc reads it."""
        if self.distrust(path):
            return
        try:
            os.unlink(path)
        except OSError:
            return

    def lock(self, path: str) -> int | None:
        """Lock the file *path* and return its descriptor; None if another process has the lock.

        flock(2): the kernel frees the lock when its holder dies, even by SIGKILL.
        Raises NotPermitted or InitError if the file cannot be locked.
        """
        import fcntl

        directory = os.path.dirname(path)
        try:
            os.makedirs(directory, 0o700, exist_ok=True)
            info = os.lstat(directory)
            if os.geteuid() == 0 and (not stat.S_ISDIR(info.st_mode) or info.st_uid != 0):
                raise InitError(f"{directory} is not a directory that root owns: no lock is taken")
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError as exc:
            raise NotPermitted(f"not permitted to lock {path}: only root may do this") from exc
        except OSError as exc:
            raise InitError(f"the lock {path} cannot be created: {exc.strerror}") from exc
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except OSError:
            os.close(fd)
            raise
        return fd

    def sign_lock(self, fd: int, text: str) -> None:
        """Replace the content of a lock file that we hold. Never raises, even on a full disk."""
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, text.encode(), 0)
        except OSError:
            return

    def unlock(self, fd: int) -> None:
        """Release the lock. The file stays: if it were removed, two actions could hold a lock."""
        os.close(fd)


def _folder_of(path: str) -> int:
    """Open the directory of a file. A user's link leads only to a directory of that user's.

    Raises OSError; InitError if it leads elsewhere.
    """
    directory = os.path.dirname(path) or "."
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _require_own(path, os.path.abspath(directory), fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _require_own(path: str, directory: str, fd: int) -> None:
    if os.readlink(f"/proc/self/fd/{fd}") == directory:
        return
    users = {os.lstat(step).st_uid for step in upwards(directory)} - {0, os.geteuid()}
    if users and os.fstat(fd).st_uid not in users:
        whose = " or ".join(map(user_name, sorted(users)))
        raise InitError(f"{path} is left alone: a link of {whose}'s leads elsewhere")
