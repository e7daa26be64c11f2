"""Where a batch reads and writes: a folder of this machine, or one of a bucket. Both keep the same promises.

A file is there whole or not at all, and a path below a folder has slashes. Buckets are what pyarrow's file systems
open: `s3://`, `gs://`, `abfs://`, `hdfs://`, and with fsspec `fsspec+NAME://`. Who may read and write them is settled
where their own tools look for it, in the environment or in files below the home directory, never in an address.
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
from cutout.system.files import replace

if TYPE_CHECKING:
    from pyarrow import fs

LOCK = ".lock"
PART_SECONDS = 5.0
"""Of work on a bucket are done again, to the same outputs, when the process is killed."""


@dataclass(frozen=True)
class File:
    """What a listing tells of a file."""

    size: int
    mtime_ns: int


class Log(Protocol):
    """A text file that grows by lines; what it holds is there for the next process, even if this one is killed."""

    def lines(self) -> Iterator[str]: ...

    def append(self, line: str) -> None: ...

    def rewrite(self, text: str) -> None:
        """Put `text` in place of all lines."""
        ...


class Folder(Protocol):
    """Thread-safe, and can be pickled. Every method raises OSError, with the file's address."""

    @property
    def address(self) -> str:
        """Absolute, without secrets: two folders of one address are the same."""
        ...

    def files(self, leave_out: "Folder | None" = None) -> dict[str, File]:
        """All below it by path, but nothing hidden and nothing in `leave_out`. FileNotFoundError where it isn't."""
        ...

    def read(self, path: str) -> bytes: ...

    def write(self, path: str, data: bytes) -> None: ...

    def locked(self) -> AbstractContextManager[None]:
        """Made where it isn't there, and kept from others who lock it. Raises OutputRefused where one does already."""
        ...

    def log(self, path: str) -> Log: ...


def open_folder(address: str) -> Folder:
    """A path, a `file://` address, or one of a bucket. Raises InvalidOption for what can't be an address."""
    if "://" not in address:
        return LocalFolder(Path(address).resolve())
    parts = urlsplit(address)
    if parts.scheme == "file":
        return LocalFolder(Path(unquote(parts.path)).resolve())
    if parts.password:
        raise InvalidOption(
            f"{Bucket(address).address}: no passwords in addresses, which others can see"
        )
    return Bucket.opened(address)


@dataclass(frozen=True)
class LocalFolder:
    """A folder of this machine. `path` is absolute, without links."""

    path: Path

    @property
    def address(self) -> str:
        return str(self.path)

    def files(self, leave_out: Folder | None = None) -> dict[str, File]:
        """Also links to files, but no links to folders. A folder that can't be looked into is an error, not empty."""
        if not self.path.is_dir():
            raise FileNotFoundError(errno.ENOENT, "no such folder", self.address)
        found: dict[str, File] = {}
        for folder, folders, names in os.walk(self.path, onerror=_fail):
            here = Path(folder)
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
        return (self.path / path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        whole = self.path / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        replace(whole, lambda part: part.write_bytes(data))

    @contextmanager
    def locked(self) -> Iterator[None]:
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / LOCK).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutputRefused(f"another batch is writing to {self.address}") from None
            yield

    def log(self, path: str) -> "LocalLog":
        return LocalLog(self, path)


class LocalLog:
    def __init__(self, folder: LocalFolder, name: str) -> None:
        self._folder, self._name, self._path = folder, name, folder.path / name
        self._file: IO[str] | None = None

    def lines(self) -> Iterator[str]:
        if self._path.exists():
            # a byte that is none of ours spoils its line alone
            with self._path.open(encoding="ascii", errors="replace") as file:
                yield from file

    def append(self, line: str) -> None:
        if self._file is None:
            self._file = self._path.open("a")
        self._file.write(line)
        self._file.flush()

    def rewrite(self, text: str) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._folder.write(self._name, text.encode())


@dataclass(frozen=True)
class Bucket:
    """A folder of a bucket, opened anew in each process."""

    given: str

    @classmethod
    def opened(cls, address: str) -> "Bucket":
        """Raises InvalidOption where nothing that is installed can open it."""
        bucket = cls(address)
        try:
            _, base = bucket._opened
        except ImportError as error:
            missing = "fsspec" if "fsspec" in str(error) else "pyarrow: pip install '.[batch]'"
            raise InvalidOption(f"{bucket.address} needs {missing}") from None
        except (ValueError, OSError) as error:
            raise InvalidOption(f"{bucket.address}: {error}") from None
        if not base:
            raise InvalidOption(f"{address} names no bucket, or no folder in it")
        return bucket

    @property
    def address(self) -> str:
        parts = urlsplit(self.given)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")

    def files(self, leave_out: Folder | None = None) -> dict[str, File]:
        """Raises FileNotFoundError where no file's address begins with its own: buckets know no empty folders."""
        from pyarrow import fs

        system, base = self._opened
        with self._explained(""):
            found = system.get_file_info(
                fs.FileSelector(base, recursive=True, allow_not_found=True)
            )
        if not found:
            raise FileNotFoundError(errno.ENOENT, "no such folder", self.address)
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
        system, base = self._opened
        with (
            self._explained(path),
            system.open_input_stream(f"{base}/{path}", compression=None) as stream,
        ):
            data: bytes = stream.read()
        return data

    def write(self, path: str, data: bytes) -> None:
        """With the type that its name tells, which is what the store says when it serves the file."""
        system, base = self._opened
        kind = {"Content-Type": mimetypes.guess_type(path)[0] or "application/octet-stream"}
        with (
            self._explained(path),
            system.open_output_stream(f"{base}/{path}", compression=None, metadata=kind) as stream,
        ):
            stream.write(data)

    def delete(self, path: str) -> None:
        """Also what is not there."""
        self._delete(path, self._opened[0].delete_file)

    def delete_if_empty(self, path: str) -> None:
        """A folder below: in S3, Arrow leaves an object in place of one whose last file it deleted."""
        from pyarrow import fs

        system, base = self._opened
        with self._explained(path):
            left = system.get_file_info(f"{base}/{path}").type == fs.FileType.Directory
        if left and not self.below(path).found():
            self._delete(path, system.delete_dir)

    def locked(self) -> AbstractContextManager[None]:
        """Locks nothing: of two processes at work both write the same files, and their logs are apart."""
        return nullcontext()

    def log(self, path: str) -> "BucketLog":
        return BucketLog(self, path)

    def found(self) -> dict[str, File]:
        """As `files`, and none where there's no such folder."""
        try:
            return self.files()
        except FileNotFoundError:
            return {}

    def below(self, path: str) -> "Bucket":
        parts = urlsplit(self.given)
        return Bucket(parts._replace(path=f"{parts.path.rstrip('/')}/{path}").geturl())

    def __reduce__(self) -> tuple[type["Bucket"], tuple[str]]:
        return Bucket, (self.given,)

    @cached_property
    def _opened(self) -> "tuple[fs.FileSystem, str]":
        from pyarrow import fs

        system, base = fs.FileSystem.from_uri(self._arrows())
        return system, base.rstrip("/")

    def _arrows(self) -> str:
        """One request for each object that S3 is given, in place of three for one in parts."""
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
        """Arrow's errors have neither number nor address."""
        try:
            yield
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OSError(
                error.errno or errno.EIO, reason, f"{self.address}/{path}".rstrip("/")
            ) from None


class BucketLog:
    """Objects can't grow: lines become objects of their own every few seconds, and one when the log is rewritten.

    Parts have names of their own, so that two processes lose nothing of each other's.
    """

    def __init__(self, bucket: Bucket, name: str, part_seconds: float = PART_SECONDS) -> None:
        self._bucket, self._name, self._part_seconds = bucket, name, part_seconds
        self._folder = f"{name}.d"
        self._waiting: list[str] = []
        self._written = time.monotonic()
        self._parts: list[str] = []

    def lines(self) -> Iterator[str]:
        self._parts = self._find_parts()
        # parts before the whole: one that another process has just put into the whole is found there
        later = [self._read(part) for part in self._parts]
        yield from self._read(self._name)
        for lines in later:
            yield from lines

    def append(self, line: str) -> None:
        self._waiting.append(line)
        if time.monotonic() - self._written >= self._part_seconds:
            part = f"{self._folder}/{time.time_ns()}-{uuid.uuid4().hex}.jsonl"
            self._bucket.write(part, "".join(self._waiting).encode())
            self._parts.append(part)
            self._waiting, self._written = [], time.monotonic()

    def rewrite(self, text: str) -> None:
        self._bucket.write(self._name, text.encode())
        for part in self._parts:
            self._bucket.delete(part)
        if self._parts:
            self._bucket.delete_if_empty(self._folder)
        self._waiting, self._parts = [], []

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
    """A file that can't be looked at is found all the same, and fails when it is read. None for what is none: a pipe
    could be waited for in vain."""
    try:
        found = path.stat()
    except OSError:
        return File(-1, 0)
    return File(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None
