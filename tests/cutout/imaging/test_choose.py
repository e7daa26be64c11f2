"""Of composed scenes, the subject that is meant: by points, by a box, by the image's borders."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cutout.imaging.box import Box, Point, Size
from cutout.imaging.choose import Choice, choose

Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
RED, BLUE, GREY = (200, 40, 40), (30, 60, 200), (120, 120, 120)


def disc(x: int, y: int, radius: int, size: tuple[int, int] = (200, 300)) -> Mask:
    mask = np.zeros(size, np.uint8)
    cv2.circle(mask, (x, y), radius, 1, -1)
    return np.asarray(mask > 0, np.bool_)


def scene(*shapes: tuple[Mask, tuple[int, int, int]]) -> tuple[NDArray[np.float32], Pixels]:
    """The alpha of all shapes, with soft edges, and an image of them on grey."""
    image = np.full((*shapes[0][0].shape, 3), GREY, np.uint8)
    alpha = np.zeros(shapes[0][0].shape, np.float32)
    for mask, color in shapes:
        image[mask] = color
        alpha[mask] = 1
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), 1.5), np.float32), image


def points(*kept: tuple[int, int], dropped: tuple[tuple[int, int], ...] = ()) -> Choice:
    return Choice(tuple(Point(*at) for at in kept), tuple(Point(*at) for at in dropped))


def overlap(alpha: NDArray[np.float32], mask: Mask) -> float:
    """Intersection over union."""
    found = alpha > 0.5
    return float((found & mask).sum() / (found | mask).sum())


LEFT, RIGHT = disc(70, 100, 40), disc(220, 90, 50)


def test_of_two_pieces_the_one_that_the_point_lies_on_is_kept_as_it_is() -> None:
    alpha, image = scene((LEFT, RED), (RIGHT, RED))
    answer = choose(alpha, image, points((80, 90)))
    np.testing.assert_array_equal(answer[:, :130], alpha[:, :130])
    assert not answer[:, 150:].any()


def test_a_point_a_little_beside_its_piece_means_it_and_one_further_off_nothing() -> None:
    alpha, image = scene((LEFT, RED), (RIGHT, RED))
    assert overlap(choose(alpha, image, points((70, 146))), LEFT) > 0.95
    assert not choose(alpha, image, points((70, 190))).any()


def test_a_piece_too_thin_for_a_core_is_apart_from_the_others() -> None:
    line = np.zeros(LEFT.shape, np.bool_)
    line[40:160, 201:203] = True
    alpha, image = scene((LEFT, RED), (line, BLUE))
    alpha = np.asarray(LEFT | line, np.float32)
    assert overlap(choose(alpha, image, points((201, 100))), line) > 0.9
    assert overlap(choose(alpha, image, points((70, 100))), LEFT) > 0.95
    assert overlap(choose(alpha, image, points(dropped=((70, 100),))), line) > 0.9
    boxed = Choice((), (), Box.between(199, 38, 206, 162))
    assert overlap(choose(alpha, image, boxed), line) > 0.9


@pytest.mark.parametrize("number", [0, 15, 16, 19])
def test_of_more_pieces_than_parts_each_can_be_chosen(number: int) -> None:
    places = [(25 + 55 * column, 25 + 50 * row) for row in range(4) for column in range(5)]
    discs = [disc(x, y, 20 - index // 5) for index, (x, y) in enumerate(places)]
    alpha, image = scene(*((each, RED) for each in discs))
    assert overlap(choose(alpha, image, points(places[number])), discs[number]) > 0.9


def test_a_point_that_drops_alone_leaves_the_others() -> None:
    alpha, image = scene((LEFT, RED), (RIGHT, RED))
    answer = choose(alpha, image, points(dropped=((220, 90),)))
    assert overlap(answer, LEFT) > 0.95


def test_of_one_piece_that_holds_two_subjects_the_border_is_the_image_s() -> None:
    left, right = disc(110, 100, 50), disc(195, 100, 50)
    alpha, image = scene((left, RED), (right, BLUE))  # the right one is in front
    assert overlap(choose(alpha, image, points((100, 100))), left & ~right) > 0.93
    assert overlap(choose(alpha, image, points((200, 100))), right) > 0.93
    apart = choose(alpha, image, points((100, 100), dropped=((200, 100),)))
    assert overlap(apart, left & ~right) > 0.93
    both = choose(alpha, image, points((100, 100), (200, 100)))
    assert overlap(both, left | right) > 0.98


def test_without_a_neck_two_points_divide_a_piece_along_the_image_s_border() -> None:
    left, right = np.zeros((2, 200, 300), np.bool_)
    left[60:140, 40:120] = right[60:140, 120:260] = True
    alpha, image = scene((left, RED), (right, BLUE))
    assert overlap(choose(alpha, image, points((60, 100))), left | right) > 0.93
    answer = choose(alpha, image, points((60, 100), dropped=((230, 100),)))
    assert overlap(answer, left) > 0.93
    assert overlap(choose(alpha, image, points((230, 100), dropped=((60, 100),))), right) > 0.93


def test_of_three_side_by_side_each_is_told_apart_by_points_on_all_of_them() -> None:
    people = np.zeros((3, 200, 300), np.bool_)
    people[0, 50:, 20:110] = people[1, 90:, 110:170] = people[2, 50:, 170:240] = True
    alpha, image = scene(*zip(people, (RED, (220, 170, 180), BLUE), strict=True))
    middles = [(65, 150), (140, 150), (205, 150)]
    for meant, person in zip(middles, people, strict=True):
        others = tuple(at for at in middles if at != meant)
        assert overlap(choose(alpha, image, points(meant, dropped=others)), person) > 0.93


def test_a_head_stays_on_its_body() -> None:
    head, body = disc(150, 45, 25), np.zeros((200, 300), np.bool_)
    body[85:190, 115:185] = body[60:90, 143:157] = True
    alpha, image = scene((body, BLUE), (head, RED))
    for at in ((150, 45), (150, 140)):
        assert overlap(choose(alpha, image, points(at)), head | body) > 0.93


@pytest.mark.parametrize(("radius", "color"), [(50, RED), (25, BLUE)])
def test_what_no_colour_parts_and_what_is_a_limb_is_one_subject(
    radius: int, color: tuple[int, int, int]
) -> None:
    body, other = disc(110, 100, 50), disc(110 + 40 + radius, 100, radius)
    alpha, image = scene((body, RED), (other, color))
    assert overlap(choose(alpha, image, points((100, 100))), body | other) > 0.95


def test_a_point_that_drops_takes_a_limb_off() -> None:
    body, limb = disc(110, 100, 50), disc(175, 100, 25)
    alpha, image = scene((body, RED), (limb, BLUE))
    answer = choose(alpha, image, points((100, 100), dropped=((180, 100),)))
    assert overlap(answer, body & ~limb) > 0.93


def test_a_box_means_what_has_its_middle_in_it_and_keeps_nothing_outside() -> None:
    alpha, image = scene((LEFT, RED), (RIGHT, RED))
    answer = choose(alpha, image, Choice((), (), Box(165, 35, 110, 90)))
    inside = np.zeros_like(RIGHT)
    inside[35:125, 165:275] = True
    assert overlap(answer * inside, RIGHT & inside) > 0.95
    assert not answer[:, :160].any()
    grazed = choose(alpha, image, Choice((), (), Box(60, 20, 165, 160)))
    assert overlap(grazed, LEFT) < 0.8  # both middles are inside


def test_of_a_box_in_which_the_network_saw_nothing_the_image_tells() -> None:
    carton = np.zeros((200, 300), np.bool_)
    carton[50:150, 100:160] = True
    _, image = scene((carton, RED))
    nothing = np.zeros((200, 300), np.float32)
    answer = choose(nothing, image, Choice((), (), Box(90, 40, 80, 120)))
    assert overlap(answer, carton) > 0.95


def test_the_alpha_and_the_image_may_have_other_sizes() -> None:
    alpha, image = scene((LEFT, RED), (RIGHT, BLUE))
    large = np.asarray(cv2.resize(image, (1500, 1000)), np.uint8)
    answer = choose(alpha, large, points((350, 500)))
    assert overlap(answer, LEFT) > 0.95
    wide = np.asarray(cv2.resize(alpha, (900, 600)), np.float32)
    answer = choose(wide, image, points((70, 100)))
    assert overlap(answer, np.repeat(np.repeat(LEFT, 3, axis=0), 3, axis=1)) > 0.95


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 40), st.integers(1, 40), st.data())
def test_no_size_is_too_small(
    height: int, width: int, rows: int, columns: int, data: st.DataObject
) -> None:
    alpha = np.random.default_rng(rows).random((height, width), np.float32)
    image = np.random.default_rng(columns).integers(0, 256, (rows, columns, 3), np.uint8)
    at = Point(data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, rows - 1)))
    box = data.draw(st.sampled_from([None, Box(0, 0, columns, rows), Box(at.x, at.y, 1, 1)]))
    kept, dropped = data.draw(st.sampled_from([((at,), ()), ((), (at,)), ((at,), (at,)), ((), ())]))
    answer = choose(alpha, image, Choice(kept, dropped, box))
    assert answer.shape == alpha.shape
    assert ((answer == alpha) | (answer == 0) | (answer == 1)).all()


@pytest.mark.parametrize("region", [Box(50, 20, 100, 80), Box(0, 0, 300, 200)])
def test_a_choice_moves_into_a_region_and_to_another_size(region: Box) -> None:
    choice = Choice((Point(70, 60),), (Point(149, 99),), Box(60, 40, 30, 20))
    moved = choice.within(region).rescaled(region.size, Size(2 * region.width, 2 * region.height))
    assert moved.kept == (Point(2 * (70 - region.left) + 1, 2 * (60 - region.top) + 1),)
    assert moved.box == Box(2 * (60 - region.left), 2 * (40 - region.top), 60, 40)
