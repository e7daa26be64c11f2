"""Headers of training images; None instead of an error for formats that are not supported."""

from pathlib import Path

from cutout.errors import CutoutError
from cutout.imaging.headers import Header, sniff


def read_header(path: Path) -> Header | None:
    """Read a file's image header; None where its format is not supported."""
    try:
        return sniff(path.read_bytes())
    except CutoutError:
        return None
