"""Overlays, in pixels."""

import numpy as np

from model_export.report.images import OUTLINE, faded, heat, with_outline


def test_overlays_show_what_they_say() -> None:
    image = np.full((20, 30, 3), (200, 40, 40), np.uint8)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 10:20] = 255
    shown = faded(image, mask)
    np.testing.assert_array_equal(shown[10, 15], (200, 40, 40))
    assert shown[0, 0].min() > 200
    outlined = with_outline(np.zeros((20, 30), np.uint8), mask)
    np.testing.assert_array_equal(outlined[5, 15], OUTLINE)
    np.testing.assert_array_equal(outlined[10, 15], (0, 0, 0))
    influence = np.zeros((20, 30), np.float32)
    influence[0, 0], influence[0, 1] = 1, -1
    colored = heat(np.full((20, 30, 3), 128, np.uint8), influence, 1.0)
    assert colored[0, 0, 0] > colored[0, 0, 2]
    assert colored[0, 1, 2] > colored[0, 1, 0]
    np.testing.assert_array_equal(colored[5, 5], (128, 128, 128))
