"""Write files atomically, and remove the temporary files of killed processes."""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

PART = re.compile(r"\.([0-9]{1,10})-[0-9a-f]{16}.*")  # process id, digest, suffix
ENDING = len(".weights.h5")  # the longest suffix that a writer looks at


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path, then rename the file to `path`, atomically.

    The temporary file is beside `path`, and hidden. Its name has the process id, as another process
    may write the same file; the suffix of `path`, as some writers look at it; and a digest instead
    of the name, which may be as long as names can be. Raises what `write` raises, and OSError,
    which names `path`.
    """
    digest = hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()
    part = path.with_name(f".{os.getpid()}-{digest}{path.name[-ENDING:]}")
    try:
        write(part)
        part.replace(path)
    except OSError as error:
        # Only an error of the temporary file is given the name that the caller knows.
        if error.errno is None or str(error.filename or part) != str(part):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        # Missing after the rename: this is for a `write` that failed or was interrupted.
        part.unlink(missing_ok=True)


def remove_parts(directory: Path) -> None:
    """Remove the temporary files that killed processes have left below a directory.

    Those of live processes on this machine are kept. Raises OSError where a file cannot be removed.
    """
    for folder, _, names in os.walk(directory):
        for name in names:
            if (part := PART.fullmatch(name)) and not _is_alive(int(part[1])):
                (Path(folder) / name).unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        # Signal 0 is not sent: the kernel only checks whether it could be (kill(2)).
        os.kill(process, 0)
    # OverflowError: ten digits can be more than a process id holds.
    except (ProcessLookupError, OverflowError):
        return False
    # It is there, of another user.
    except PermissionError:
        return True
    return True
