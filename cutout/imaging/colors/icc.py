"""The parts of an ICC profile that we use: its colour model, curves and matrix (ICC.1:2022)."""

import struct
from collections.abc import Iterator

import numpy as np

from cutout.imaging.colors.matrix import Curve, MatrixProfile, Values

MODELS = {b"RGB ": "rgb", b"GRAY": "gray", b"CMYK": "cmyk"}
MAX_TAGS = 100
TABLES = {b"A2B0", b"A2B1"}
"""Tags that LittleCMS prefers to curves and matrix."""
USED = TABLES | {b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"}
STEPS = frozenset({b"D2B0", b"D2B1", b"D2B2", b"D2B3", b"B2D0", b"B2D1", b"B2D2", b"B2D3"})
"""Tags that it prefers to those: any number of steps, each for any number of pixels."""


class Unreadable(ValueError):
    """A profile that cannot be used; the text says why."""


def color_model(profile: bytes) -> str:
    """Return the colour model that a profile is for: "rgb", "gray" or "cmyk".

    Raises Unreadable where the file is not an ICC profile, or is one for another colour model.
    """
    if len(profile) < 128 or profile[36:40] != b"acsp":
        raise Unreadable("no ICC profile")
    model = MODELS.get(profile[16:20])
    if model is None:
        raise Unreadable(f"a profile for colours of kind {profile[16:20]!r}")
    return model


def without_steps(profile: bytes) -> bytes:
    """Return a profile whose tags of STEPS are named otherwise, so that LittleCMS does without.

    Every profile has tables, or curves and a matrix, beside them. 3 kB may state 200,000 steps,
    which would take hours. Raises Unreadable where the list of tags is truncated.
    """
    try:
        found = [at for at, name in _named(profile) if name in STEPS]
    except struct.error as error:
        raise Unreadable("its list of tags is truncated") from error
    if not found:
        return profile
    changed = bytearray(profile)
    for at in found:
        # A name that LittleCMS does not know, and no other tag has.
        changed[at : at + 4] = changed[at : at + 4].lower()
    return bytes(changed)


def matrix_profile(profile: bytes) -> MatrixProfile | None:
    """Read a profile of three curves and a matrix; None where it is of another kind, or corrupt."""
    try:
        tags = _tags(profile)
        if tags.keys() & TABLES:
            return None
        colorants = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        red, green, blue = (_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
    except (KeyError, ValueError, struct.error):
        return None
    return MatrixProfile((red, green, blue), np.array(colorants, np.float64).T)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """Return the bodies of the tags that are used: others may share megabytes."""
    tags = {}
    for at, name in _named(profile):
        if name in USED:
            start, length = struct.unpack_from(">II", profile, at + 4)
            tags[name] = profile[start : start + length]
    return tags


def _named(profile: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the position of each entry in the list of tags, and the tag's name."""
    count = struct.unpack_from(">I", profile, 128)[0]
    for at in range(132, 132 + 12 * min(count, MAX_TAGS), 12):
        yield at, struct.unpack_from(">4s", profile, at)[0]


def _xyz(tag: bytes) -> tuple[float, ...]:
    # After 8 bytes of type and padding, numbers of 16.16 bits (s15Fixed16Number).
    return tuple(value / 65536 for value in struct.unpack_from(">iii", tag, 8))


def _curve(tag: bytes) -> Curve:
    """Read a tag of type `curv` or `para`. Raises ValueError or struct.error for any other."""
    if tag[:4] == b"para":
        kind = struct.unpack_from(">H", tag, 8)[0]
        numbers = [value / 65536 for value in struct.unpack_from(f">{PARAMETERS[kind]}i", tag, 12)]
        return _parametric(kind, numbers)
    if tag[:4] != b"curv":
        raise ValueError("a curve of an unknown type")
    count = struct.unpack_from(">I", tag, 8)[0]
    if count < 2:
        # 8.8 bits (u8Fixed8Number); a curve of no numbers is the identity.
        gamma = struct.unpack_from(">H", tag, 12)[0] / 256 if count else 1.0
        return lambda values: values**gamma
    table = np.array(struct.unpack_from(f">{count}H", tag, 12), np.float64) / 65535
    return lambda values: np.interp(values, np.linspace(0, 1, count), table)


PARAMETERS = (1, 3, 4, 5, 7)
"""How many numbers each type of parametric curve has (ICC.1:2022, table 68)."""


def _parametric(kind: int, numbers: list[float]) -> Curve:
    """Return a parametric curve (ICC.1:2022, table 68): a power above `d`, and a line below it."""
    g, a, b, c, d, e, f = numbers + [0.0] * (7 - len(numbers))
    # Type 0 is a power all along: no value is below a `d` of -1.
    if kind == 0:
        a = 1.0
        d = -1.0
    # Their offset is `c` in the table, both above and below `d`; type 1 has none.
    elif kind in (1, 2):
        d = -b / a if a else 0.0
        e = c
        f = c
        c = 0.0

    def curve(values: Values) -> Values:
        # A negative base gives NaN and a warning, even where np.where takes the line.
        power = np.maximum(a * values + b, 0) ** g + e
        return np.where(values >= d, power, c * values + f)

    return curve
