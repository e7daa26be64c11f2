"""What the shipped segmenter itself answers, where a drawing shows whether it is right."""

import cv2
import numpy as np
import pytest

from cutout import Remover
from cutout.settings import SHIPPED_MODELS

WHITE = 255


@pytest.fixture(scope="module")
def remover() -> Remover:
    return Remover(SHIPPED_MODELS / "segmenter", threads=1)


@pytest.mark.parametrize("side", [400, 1600])
@pytest.mark.parametrize("color", [(200, 160, 40), (40, 40, 40), (220, 220, 225)])
def test_the_hole_of_a_ring_on_white_is_transparent(
    color: tuple[int, int, int], side: int, remover: Remover
) -> None:
    image = np.full((side, side, 3), WHITE, np.uint8)
    middle, radius = side // 2, 3 * side // 10
    cv2.circle(image, (middle, middle), radius, color, side // 20, cv2.LINE_AA)
    alpha = remover.mask(image)
    assert alpha[middle, middle + radius] == 255
    inside = slice(middle - side // 10, middle + side // 10)
    assert alpha[inside, inside].max() == 0


@pytest.mark.parametrize("ground", [(255, 255, 255), (230, 120, 120), (60, 60, 60)])
def test_a_disc_with_a_rim_is_solid(ground: tuple[int, int, int], remover: Remover) -> None:
    image = np.full((600, 600, 3), ground, np.uint8)
    cv2.circle(image, (300, 300), 200, (120, 30, 30), -1, cv2.LINE_AA)
    cv2.circle(image, (300, 300), 170, (40, 60, 160), -1, cv2.LINE_AA)
    assert remover.mask(image)[130:470:20, 300].min() > 240
