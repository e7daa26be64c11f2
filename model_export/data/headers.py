"""Headers of training images; None instead of an error for formats that are not supported."""

from pathlib import Path

from cutout.errors import CutoutError, DataError
from cutout.explain import reason
from cutout.imaging.headers import Header, sniff


def read_header(path: Path) -> Header | None:
    """Read a file's image header; None where its format is not supported.

    Raises DataError where the file cannot be read at all.
    """
    try:
        return sniff(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {reason(error)}") from error
    except CutoutError:
        return None
