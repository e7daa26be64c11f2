"""How many pixels are decoded and worked on: those of the answer, and enough for the network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutout.errors import RegionEmpty
from cutout.imaging.box import Box, Size
from cutout.imaging.headers import Header
from cutout.options import CutoutOptions, MaskOptions, Region
from cutout.plan import Plan, ScorePlan
from tests.support.stand_ins import BrightPredictor

SIDES = st.integers(1, 9000)
PHOTO = Header("jpeg", 4000, 3000)


class Looking(BrightPredictor):
    """A predictor that brings every image to one size."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self.sees = Size(width, height)

    def mask_size(self, size: Size) -> Size:
        return self.sees

    def score_size(self, size: Size) -> Size:
        return self.sees


def test_a_network_gets_twice_what_it_sees() -> None:
    plan = Plan.of(PHOTO, MaskOptions(refine=False), Looking(256, 192))
    assert (plan.factor, plan.working, plan.answer) == (4, None, Size(4000, 3000))
    assert Plan.of(PHOTO, MaskOptions(refine=False), Looking(1000, 750)).factor == 2
    assert Plan.of(Header("png", 4000, 3000), MaskOptions(refine=False), Looking(9, 9)).factor == 1


def test_a_small_answer_is_worked_on_as_large_as_the_network_looks() -> None:
    look = Looking(256, 192)
    thumbnail = Plan.of(PHOTO, CutoutOptions(size=40), look)
    assert (thumbnail.working, thumbnail.answer, thumbnail.factor) == ((512, 384), (40, 30), 4)
    assert Plan.of(PHOTO, CutoutOptions(size=1000), look).working == (1000, 750)


def test_a_region_of_a_tenth_needs_ten_times_the_pixels_of_the_whole() -> None:
    look = Looking(100, 75)
    plan = Plan.of(PHOTO, CutoutOptions(size=40, roi=Region.parse("0 0 10% 10%")), look)
    assert (plan.working, plan.region) == ((2000, 1500), Box(0, 0, 200, 150))
    whole = Plan.of(PHOTO, CutoutOptions(size=40, roi=Region.parse("50% 0 51% 1%")), look)
    assert (whole.working, whole.region) == ((4000, 3000), Box(2000, 0, 40, 30))
    with pytest.raises(RegionEmpty):
        Plan.of(PHOTO, MaskOptions(roi=Region.parse("50% 0 50% 1%")), look)


def test_an_image_is_planned_as_it_is_seen_upright() -> None:
    plan = Plan.of(
        Header("jpeg", 4000, 3000, orientation=6), CutoutOptions(size=1000), Looking(9, 9)
    )
    assert (plan.upload, plan.answer) == (Size(3000, 4000), Size(750, 1000))


def test_a_crop_is_planned_whole_and_megapixels_limit_it_first() -> None:
    plan = Plan.of(PHOTO, CutoutOptions(size=40, crop=True, megapixels=3), Looking(9, 9))
    assert plan.answer == Size(2000, 1500)


def test_a_score_decodes_for_each_network_what_it_needs() -> None:
    assert ScorePlan.of(PHOTO, Looking(64, 64), None) == ScorePlan(8, 8)
    assert ScorePlan.of(PHOTO, Looking(64, 64), Looking(700, 700)) == ScorePlan(8, 2)
    assert ScorePlan.of(PHOTO, Looking(700, 700), Looking(64, 64)) == ScorePlan(2, 2)


@given(SIDES, SIDES, SIDES, SIDES)
def test_work_is_never_larger_than_the_upload_nor_smaller_than_the_answer(
    width: int, height: int, look: int, longest: int
) -> None:
    options = CutoutOptions(size=min(longest, 16_384))
    plan = Plan.of(Header("png", width, height), options, Looking(look, look))
    assert plan.working is not None
    assert plan.answer.width <= plan.working.width <= width
    assert plan.answer.height <= plan.working.height <= height
