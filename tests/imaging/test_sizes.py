"""How many pixels are decoded and worked on: those of the answer, and enough for the network."""

from hypothesis import given
from hypothesis import strategies as st

from cutout.imaging.sizes import decoded_for, worked_on
from cutout.options.lengths import parse_region

SIDES = st.integers(1, 9000)


def test_a_network_gets_twice_what_it_sees() -> None:
    wide = decoded_for(lambda width, height: (256, 64))
    assert wide(4000, 3000) == (512, 128)
    assert wide(400, 100) == (400, 100)


def test_a_small_answer_is_worked_on_as_large_as_the_network_looks() -> None:
    look, thumbnail = (lambda width, height: (256, 192)), (lambda width, height: (40, 30))
    assert worked_on(thumbnail, look)(4000, 3000) == (512, 384)
    assert worked_on(lambda width, height: (1000, 750), look)(4000, 3000) == (1000, 750)


def test_a_region_of_a_tenth_needs_ten_times_the_pixels_of_the_whole() -> None:
    look, thumbnail = (lambda width, height: (100, 75)), (lambda width, height: (40, 30))
    assert worked_on(thumbnail, look, parse_region("0 0 10% 10%"))(4000, 3000) == (2000, 1500)
    assert worked_on(thumbnail, look, parse_region("0 0 1% 1%"))(4000, 3000) == (4000, 3000)


@given(SIDES, SIDES, SIDES, SIDES)
def test_work_is_never_larger_than_the_upload_nor_smaller_than_the_answer(
    width: int, height: int, look: int, longest: int
) -> None:
    answer = (min(width, longest), min(height, longest))
    across, down = worked_on(lambda width, height: answer, lambda width, height: (look, look))(width, height)
    assert answer[0] <= across <= width
    assert answer[1] <= down <= height
