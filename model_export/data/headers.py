"""What the training images' files say of themselves, without an error for those that say
nothing.
"""

from pathlib import Path

from cutout.errors import CutoutError
from cutout.imaging.headers import Header, sniff


def read_header(path: Path) -> Header | None:
    """What a file says of itself, or None where it is of no format that is read here."""
    try:
        return sniff(path.read_bytes())
    except CutoutError:
        return None
