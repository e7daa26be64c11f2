"""Write files atomically."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

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
        if error.errno is None or str(error.filename or part) != str(part):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        part.unlink(missing_ok=True)
