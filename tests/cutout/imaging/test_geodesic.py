"""Distances along paths inside a mask."""

import numpy as np
import pytest

from cutout.imaging.geodesic import FAR, geodesic_distances


@pytest.mark.parametrize("outside", [0, 1, 20, 2000])
def test_a_row_is_as_long_as_its_pixels_whatever_lies_left_of_it(outside: int) -> None:
    inside = np.zeros((3, outside + 30), np.bool_)
    inside[1, outside:] = True
    seeds = np.zeros((1, *inside.shape), np.bool_)
    seeds[0, 1, outside] = True
    (found,) = geodesic_distances(seeds, np.zeros((*inside.shape, 3), np.float32), inside)
    np.testing.assert_allclose(found[1, outside:], np.arange(30), atol=0.01)
    assert found[0].min() >= FAR


def test_nothing_inside_is_nothing_reached() -> None:
    inside = np.zeros((4, 5), np.bool_)
    found = geodesic_distances(~inside[None], np.zeros((4, 5, 3), np.float32), inside)
    assert found.shape == (1, 4, 5)
    assert found.min() >= FAR
