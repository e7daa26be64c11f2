"""Places in an image as callers write them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutout.errors import InvalidOption, RegionEmpty, RegionOutOfBounds
from cutout.imaging.box import Box, Size
from cutout.options import Margins, Position, Region


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("0% 0% 100% 100%", (0, 0, 200, 100)),
        ("0 0 100% 100%", (0, 0, 200, 100)),
        ("10px,20px,50px,60px", (10, 20, 50, 60)),
        ("25% 10px 75% 100%", (50, 10, 150, 100)),
        ("12.5% 0 100% 50%", (25, 0, 200, 50)),
    ],
)
def test_a_region_is_read_in_pixels_and_percent(text: str, box: tuple[int, int, int, int]) -> None:
    assert Region.parse(text).box(Size(200, 100)) == Box.between(*box)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("0 0 201px 100%", RegionOutOfBounds),
        ("0 150px 100% 100%", RegionOutOfBounds),
        ("50% 0 50% 100%", RegionEmpty),
        ("60% 0 50% 100%", RegionEmpty),
        ("0 0 0 0", RegionEmpty),
    ],
)
def test_a_region_has_to_lie_in_the_image(text: str, error: type[InvalidOption]) -> None:
    with pytest.raises(error):
        Region.parse(text).box(Size(200, 100))


@pytest.mark.parametrize(
    "text",
    ["", "0 0 100%", "0 0 101% 100%", "-1px 0 1px 1px", "a b c d", "0 0 9 9", "0 0 1px 1px\n"],
)
def test_what_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption):
        Region.parse(text)


@pytest.mark.parametrize(
    ("text", "around"),
    [
        ("0", (0, 0, 0, 0)),
        ("30px", (30, 30, 30, 30)),
        ("10%", (20, 10, 20, 10)),
        ("10% 5px", (20, 5, 20, 5)),
        ("1px 2px 3px 4px", (1, 2, 3, 4)),
        ("50% 500px 0 1%", (100, 500, 0, 1)),
        ("0.05", (10, 10, 10, 10)),
    ],
)
def test_margins_go_clockwise_and_a_plain_share_is_of_the_longer_side(
    text: str, around: tuple[int, ...]
) -> None:
    assert Margins.parse(text).around(Box(0, 0, 100, 200)) == Box(0, 0, 100, 200).grown(*around)
    assert str(Margins.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["501px", "51%", "2", "1px 2px 3px", "1px 2px 3px 4px 5px", "-1px", "", "px", "1.5"]
)
def test_what_is_no_margin_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption):
        Margins.parse(text)


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("original", None),
        ("center", (0.5, 0.5)),
        ("0%", (0.0, 0.0)),
        ("100%", (1.0, 1.0)),
        ("10% 90%", (0.1, 0.9)),
    ],
)
def test_a_position_is_a_share_of_the_free_room(
    text: str, shares: tuple[float, float] | None
) -> None:
    position = Position.parse(text)
    assert (None if position.keeps else (position.left, position.top)) == shares


@given(st.text(alphabet="0123456789 %px,.center-original", max_size=30))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    for parse in (Region.parse, Margins.parse, Position.parse):
        with contextlib.suppress(InvalidOption):
            parse(text)
