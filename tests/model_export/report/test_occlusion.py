"""Which pixels an answer depends on."""

import numpy as np
from numpy.typing import NDArray

from model_export.report.occlusion import occlusion_map


def test_occlusion_finds_the_pixels_that_the_answer_depends_on() -> None:
    sample = np.zeros((1, 64, 64, 1), np.float32)
    sample[0, 8:24, 40:56] = 1

    def bright_spot(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(x[:, 8:24, 40:56, 0].mean(axis=(1, 2)), np.float32)

    influence = occlusion_map(sample, bright_spot)
    top, left = np.unravel_index(int(influence.argmax()), influence.shape)
    assert 8 <= top < 24
    assert 40 <= left < 56
    assert np.abs(influence[40:, :20]).max() < 1e-6
