"""Files that are there whole or not at all."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

ENDING = len(".weights.h5")  # the longest that a writer goes by


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file beside `path`, then move it there: whoever looks sees the old file or the whole new one.

    The file in between is hidden, a process's own, since another may be writing its own of the same name, and ends as
    `path` does, since some writers go by that; its name is short, since that of `path` may be as long as names can be.
    Raises what `write` raises, and OSError, which names `path`.
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
