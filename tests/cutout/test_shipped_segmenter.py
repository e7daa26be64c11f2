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
