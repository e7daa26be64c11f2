"""ICC profiles made by hand, of the kinds that files have."""

import struct

P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def rgb_profile(
    primaries: tuple[tuple[float, float, float], ...] = P3,
    curve: tuple[float, ...] = SRGB_CURVE,
    more: dict[bytes, bytes] | None = None,
) -> bytes:
    """Of a screen: XYZ of red, green and blue under D50, and a curve (`para`, or one gamma).

    `more` are further tags.
    """
    tags = {
        name: _xyz(*xyz) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    }
    return _profile(
        b"mntr",
        b"RGB ",
        b"XYZ ",
        tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _para(*curve)) | (more or {}),
    )


def steps(number: int) -> bytes:
    """The tag of a profile with so many processing elements, all the same one: to grey."""
    element = b"matf" + bytes(4) + struct.pack(">HH12f", 3, 3, *[1 / 3] * 9, 0, 0, 0)
    place = struct.pack(">II", 16 + 8 * number, len(element))
    return b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, number) + place * number + element


def gray_profile(gamma: float) -> bytes:
    """Of greys with that gamma."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _para(gamma)})


def cmyk_profile() -> bytes:
    """Of a press: a table of two steps an ink."""
    corners = bytes(
        value
        for inks in range(16)
        for value in (
            255
            * (2 if inks & 1 else 16 - 4 * (inks >> 3 & 1) - 6 * (inks >> 2 & 1) - (inks >> 1 & 1))
            // 16,
            128 + 40 * (inks >> 2 & 1) - 35 * (inks >> 3 & 1),
            128 + 70 * (inks >> 1 & 1) - 45 * (inks >> 3 & 1),
        )
    )
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 if n % 4 == 0 else 0 for n in range(9)))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + 4 * ramp + corners + 3 * ramp
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def _profile(kind: bytes, model: bytes, space: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {**tags, b"wtpt": _xyz(0.9642, 1, 0.8249)}
    directory, body = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        directory += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(tag))
        body += tag.ljust(-(-len(tag) // 4) * 4, b"\0")
    head = struct.pack(">4xII4s4s4s12x4s", 0, 0x04200000, kind, model, space, b"acsp")[4:]
    head = bytes(4) + head.ljust(64, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    whole = head.ljust(128, b"\0") + directory + body
    return struct.pack(">I", len(whole)) + whole[4:]


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * value) for value in values))


def _para(*numbers: float) -> bytes:
    kind = {1: 0, 5: 3}[len(numbers)]
    values = struct.pack(f">{len(numbers)}i", *(round(65536 * number) for number in numbers))
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + values
