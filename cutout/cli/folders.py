"""Directories that a batch reads and writes, local or in a bucket, with the same guarantees.

Files are written atomically, and relative paths have slashes. Buckets are opened by pyarrow:
`s3://`, `gs://`, `abfs://`, `hdfs://`, and with fsspec `fsspec+NAME://`. Credentials come from
where their own tools keep them, the environment or files in the home directory, never from an
address.
"""

import errno
import fcntl
import mimetypes
import os
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from cutout.errors import InvalidOption, OutputRefused
from cutout.system.files import remove_parts, replace

if TYPE_CHECKING:
    from pyarrow import fs

LOCK = ".lock"
PART_SECONDS = 5.0
"""How many seconds of work on a bucket are repeated, at most, if the process is killed."""


@dataclass(frozen=True)
class File:
    """A file in a listing: its size in bytes, and when it was modified, in nanoseconds."""

    size: int
    mtime_ns: int


class Log(Protocol):
    """A text file that grows by lines, which survive if this process is killed."""

    def lines(self) -> Iterator[str]:
        """Yield the lines that are there."""
        ...

    def append(self, line: str) -> None:
        """Add a line, which ends with a line feed."""
        ...

    def flush(self) -> None:
        """Write the lines that wait to be written with others, where it is time."""
        ...

    def rewrite(self, text: str) -> None:
        """Replace all lines by `text`."""
        ...


class Folder(Protocol):
    """A directory, thread-safe and picklable. Every method raises OSError with a file's address."""

    @property
    def address(self) -> str:
        """Its address: absolute, without secrets, the same for the same directory."""
        ...

    def files(self, leave_out: "Folder | None" = None) -> dict[str, File]:
        """List all files by relative path, except hidden ones and those in `leave_out`.

        Raises FileNotFoundError if the directory does not exist.
        """
        ...

    def read(self, path: str) -> bytes:
        """Read a file."""
        ...

    def begins_with(self, path: str, count: int) -> bytes:
        """Read the first `count` bytes of a file."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Write a file atomically; its directory is created if needed."""
        ...

    def locked(self) -> AbstractContextManager[None]:
        """Create the directory if needed, and lock it during the block.

        Raises OutputRefused where another process has locked it.
        """
        ...

    def log(self, path: str) -> Log:
        """Return the log at that path."""
        ...


def open_folder(address: str) -> Folder:
    """Open a path, a `file://` address or that of a bucket.

    Raises InvalidOption where no installed library can open it, it names another machine's path,
    or it has a password in it.
    """
    if "://" not in address:
        return LocalFolder(Path(address).resolve())
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        raise InvalidOption(f"{address}: URLs are not fetched; give a directory or a bucket")
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost") or not parts.path:
            raise InvalidOption(f"{address}: names a machine, not a path; write file:///PATH")
        return LocalFolder(Path(unquote(parts.path)).resolve())
    if parts.password:
        raise InvalidOption(
            f"{Bucket(address).address}: remove the password from the address; others can see it"
        )
    return Bucket.opened(address)


@dataclass(frozen=True)
class LocalFolder:
    """A local directory. `path` is absolute, without symbolic links."""

    path: Path

    @property
    def address(self) -> str:
        """Its path."""
        return str(self.path)

    def files(self, leave_out: Folder | None = None) -> dict[str, File]:
        """List files and links to files, except hidden ones and those in `leave_out`.

        Links to directories are not followed. Raises FileNotFoundError where the directory does not
        exist, and OSError where one in it cannot be read.
        """
        if not self.path.is_dir():
            raise FileNotFoundError(errno.ENOENT, "no such directory", self.address)
        found: dict[str, File] = {}
        # By default, `os.walk` passes over a directory that cannot be read.
        for folder, folders, names in os.walk(self.path, onerror=_fail):
            here = Path(folder)
            # In place: `os.walk` descends into what is left in this list.
            folders[:] = [
                name for name in folders if name[0] != "." and LocalFolder(here / name) != leave_out
            ]
            below = here.relative_to(self.path)
            files = {
                (below / name).as_posix(): _file(here / name) for name in names if name[0] != "."
            }
            found |= {path: file for path, file in files.items() if file is not None}
        return found

    def read(self, path: str) -> bytes:
        """Read a file. Raises OSError where it cannot be read."""
        return (self.path / path).read_bytes()

    def begins_with(self, path: str, count: int) -> bytes:
        """Read the first `count` bytes of a file. Raises OSError where it cannot be read."""
        with (self.path / path).open("rb") as file:
            return file.read(count)

    def write(self, path: str, data: bytes) -> None:
        """Write a file atomically, and its directory. Raises OSError where it cannot be written."""
        whole = self.path / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        replace(whole, lambda part: part.write_bytes(data))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the directory if needed, lock it during the block, and delete leftovers in it.

        Leftovers are temporary files of killed processes. Raises OutputRefused where another
        process has locked the directory.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        # The kernel releases a lock of `flock` when its process ends, however that happens.
        with (self.path / LOCK).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutputRefused(
                    f"another batch is writing to {self.address}; wait, or choose another OUT"
                ) from None
            # Only under the lock, so that no other batch is writing here.
            remove_parts(self.path)
            yield

    def log(self, path: str) -> "LocalLog":
        """Return the log in the file at that path."""
        return LocalLog(self, path)


class LocalLog:
    """A log in a local file."""

    def __init__(self, folder: LocalFolder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._path = folder.path / name
        self._file: IO[str] | None = None

    def lines(self) -> Iterator[str]:
        """Yield the lines that are there; bytes that are not ASCII are replaced."""
        if self._path.exists():
            # A corrupt byte invalidates its line only.
            with self._path.open(encoding="ascii", errors="replace") as file:
                yield from file

    def append(self, line: str) -> None:
        """Add a line, and hand it to the operating system."""
        if self._file is None:
            self._file = self._path.open("a")
        self._file.write(line)
        # No fsync: a line survives the end of this process, not that of the machine.
        self._file.flush()

    def flush(self) -> None:
        """Do nothing: no line waits."""

    def rewrite(self, text: str) -> None:
        """Replace all lines by `text`, atomically."""
        # Closed first: it would go on writing to the file that is replaced here.
        if self._file is not None:
            self._file.close()
            self._file = None
        self._folder.write(self._name, text.encode())


@dataclass(frozen=True)
class Bucket:
    """A directory in a bucket, opened again in each process."""

    given: str

    @classmethod
    def opened(cls, address: str) -> "Bucket":
        """Open an address. Raises InvalidOption where no installed library can."""
        bucket = cls(address)
        try:
            _, base = bucket._opened
        except ImportError as error:
            missing = "fsspec" if "fsspec" in str(error) else "pyarrow"
            extra = "pip install fsspec" if missing == "fsspec" else "pip install '.[batch]'"
            raise InvalidOption(f"{bucket.address} needs {missing}: {extra}") from None
        except (ValueError, OSError) as error:
            raise InvalidOption(
                f"cannot open {bucket.address}: {error}; check the address and the credentials"
            ) from None
        if not base:
            raise InvalidOption(
                f"{address}: the name of the bucket, or of a directory in it, is missing"
            )
        return bucket

    @property
    def address(self) -> str:
        """Its address without user name, password and query."""
        parts = urlsplit(self.given)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")

    def files(self, leave_out: Folder | None = None) -> dict[str, File]:
        """List all files, except hidden ones and those in `leave_out`.

        Raises FileNotFoundError where there is none: then the directory does not exist.
        """
        from pyarrow import fs

        system, base = self._opened
        with self._explained(""):
            found = system.get_file_info(
                fs.FileSelector(base, recursive=True, allow_not_found=True)
            )
        if not found:
            raise FileNotFoundError(errno.ENOENT, "no such directory", self.address)
        # With its slash, so that `out` does not hide `out2` too.
        skipped = "" if leave_out is None else leave_out.address + "/"
        files = {}
        for info in found:
            path = info.path[len(base) + 1 :]
            hidden = path.startswith(".") or "/." in path
            if (
                info.is_file
                and not hidden
                and not (skipped and f"{self.address}/{path}".startswith(skipped))
            ):
                files[path] = File(info.size, info.mtime_ns or 0)
        return files

    def read(self, path: str) -> bytes:
        """Read a file. Raises OSError where it cannot be read."""
        system, base = self._opened
        with (
            self._explained(path),
            # By default, Arrow decompresses, and below compresses, by the suffix of a name.
            system.open_input_stream(f"{base}/{path}", compression=None) as stream,
        ):
            data: bytes = stream.read()
        return data

    def begins_with(self, path: str, count: int) -> bytes:
        """Read the first `count` bytes of a file. Raises OSError where it cannot be read."""
        system, base = self._opened
        with self._explained(path), system.open_input_file(f"{base}/{path}") as file:
            data: bytes = file.read(count)
        return data

    def write(self, path: str, data: bytes) -> None:
        """Write a file; its Content-Type, by its suffix, is what the bucket serves it with.

        Raises OSError where it cannot be written.
        """
        system, base = self._opened
        kind = {"Content-Type": mimetypes.guess_type(path)[0] or "application/octet-stream"}
        with (
            self._explained(path),
            system.open_output_stream(f"{base}/{path}", compression=None, metadata=kind) as stream,
        ):
            stream.write(data)

    def delete(self, path: str) -> None:
        """Delete a file, if it exists."""
        self._delete(path, self._opened[0].delete_file)

    def delete_if_empty(self, path: str) -> None:
        """Delete the object that Arrow leaves in S3 for a directory without files."""
        from pyarrow import fs

        system, base = self._opened
        with self._explained(path):
            left = system.get_file_info(f"{base}/{path}").type == fs.FileType.Directory
        if left and not self.below(path).found():
            self._delete(path, system.delete_dir)

    def locked(self) -> AbstractContextManager[None]:
        """Return a context that locks nothing, as buckets have no locks.

        Two processes would write the same files, and separate logs.
        """
        return nullcontext()

    def log(self, path: str) -> "BucketLog":
        """Return the log at that path."""
        return BucketLog(self, path)

    def found(self) -> dict[str, File]:
        """List all files; none if the directory does not exist."""
        try:
            return self.files()
        except FileNotFoundError:
            return {}

    def below(self, path: str) -> "Bucket":
        """Return the directory at a path below this one."""
        parts = urlsplit(self.given)
        return Bucket(parts._replace(path=f"{parts.path.rstrip('/')}/{path}").geturl())

    # Pickled by its address alone: the file system in `_opened` stays in its process.
    def __reduce__(self) -> tuple[type["Bucket"], tuple[str]]:
        return Bucket, (self.given,)

    # It goes into `__dict__`, past the `__setattr__` with which a frozen dataclass refuses.
    @cached_property
    def _opened(self) -> "tuple[fs.FileSystem, str]":
        from pyarrow import fs

        system, base = fs.FileSystem.from_uri(self._arrows())
        return system, base.rstrip("/")

    def _arrows(self) -> str:
        """Return the address for Arrow: S3 objects are written in one request instead of three."""
        parts = urlsplit(self.given)
        if parts.scheme != "s3" or "allow_delayed_open=" in parts.query:
            return self.given
        return parts._replace(
            query="&".join(filter(None, (parts.query, "allow_delayed_open=true")))
        ).geturl()

    def _delete(self, path: str, delete: Callable[[str], object]) -> None:
        try:
            with self._explained(path):
                delete(f"{self._opened[1]}/{path}")
        except FileNotFoundError:
            return

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        """Add number and address to Arrow's errors."""
        try:
            yield
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OSError(
                error.errno or errno.EIO, reason, f"{self.address}/{path}".rstrip("/")
            ) from None


class BucketLog:
    """A log in a bucket, whose objects cannot grow.

    Lines are written to a new object every few seconds, and to a single one when the log is
    rewritten. The names of the parts are unique, so that two processes do not overwrite each
    other's.
    """

    def __init__(self, bucket: Bucket, name: str, part_seconds: float = PART_SECONDS) -> None:
        self._bucket = bucket
        self._name = name
        self._part_seconds = part_seconds
        self._folder = f"{name}.d"
        self._waiting: list[str] = []
        self._written = time.monotonic()
        self._parts: list[str] = []

    def lines(self) -> Iterator[str]:
        """Yield the lines that are there, of the whole and of the parts written since."""
        self._parts = self._find_parts()
        # Parts first: one that another process has just merged is then found in the whole.
        later = [self._read(part) for part in self._parts]
        yield from self._read(self._name)
        for lines in later:
            yield from lines

    def append(self, line: str) -> None:
        """Add a line; it is written with others after `part_seconds`."""
        self._waiting.append(line)
        self.flush()

    def flush(self) -> None:
        """Write the lines that wait, once `part_seconds` have passed."""
        if self._waiting and time.monotonic() - self._written >= self._part_seconds:
            # The time first: parts are read in the order of their names.
            part = f"{self._folder}/{time.time_ns()}-{uuid.uuid4().hex}.jsonl"
            self._bucket.write(part, "".join(self._waiting).encode())
            self._parts.append(part)
            self._waiting = []
            self._written = time.monotonic()

    def rewrite(self, text: str) -> None:
        """Replace all lines by `text`, and delete the parts."""
        # Before the parts are deleted: a kill in between leaves lines twice, and none is lost.
        self._bucket.write(self._name, text.encode())
        for part in self._parts:
            self._bucket.delete(part)
        if self._parts:
            self._bucket.delete_if_empty(self._folder)
        self._waiting = []
        self._parts = []

    def _find_parts(self) -> list[str]:
        return sorted(f"{self._folder}/{name}" for name in self._bucket.below(self._folder).found())

    def _read(self, path: str) -> list[str]:
        try:
            return self._bucket.read(path).decode("ascii", "replace").splitlines(keepends=True)
        except FileNotFoundError:
            return []


def _fail(error: OSError) -> None:
    raise error


def _file(path: Path) -> File | None:
    """Return a file; None for what is not one, such as a pipe, which might never end.

    A file without permission is returned too; reading it fails, with a record.
    """
    try:
        found = path.stat()
    except OSError:
        return File(-1, 0)
    return File(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None
