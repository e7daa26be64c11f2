"""What the training pictures' files say of themselves, without an error for those that say nothing."""

from pathlib import Path

from app.errors import CutoutError
from app.imaging.header import Header, sniff


def read_header(path: Path) -> Header | None:
    """What a file says of itself, or None where it is of no format that is read here."""
    try:
        return sniff(path.read_bytes())
    except CutoutError:
        return None
