"""How many pixels a job needs: a JPEG is decoded, and every picture worked on, with no more of them."""

from collections.abc import Callable

from cutout.options.lengths import Region

Sizing = Callable[[int, int], tuple[int, int]]
"""Told the (width, height) of the upright upload, answers another, which is never larger."""

OVERSAMPLED = 2
"""From twice the network's own size on, a JPEG reduced by its DCT changes an alpha by less than quantisation does."""


def decoded_for(look: Sizing) -> Sizing:
    """The least size to decode at where nothing but what a network sees at its own (`look`) is asked for."""

    def size(width: int, height: int) -> tuple[int, int]:
        across, down = look(width, height)
        return min(width, OVERSAMPLED * across), min(height, OVERSAMPLED * down)

    return size


def worked_on(answer: Sizing, look: Sizing, region: Region | None = None) -> Sizing:
    """The size to work at for an answer of that size: larger only where the network would see too little else.

    The network looks at a region where one is given, so many more pixels are needed of the whole. Raises
    RegionOutOfBounds or RegionEmpty.
    """

    def size(width: int, height: int) -> tuple[int, int]:
        left, top, right, bottom = (0, 0, width, height) if region is None else region.box(width, height)
        least = decoded_for(look)(right - left, bottom - top)
        across, down = answer(width, height)
        ratio = max(1.0, least[0] / (right - left) * width / across, least[1] / (bottom - top) * height / down)
        return min(width, round(across * ratio)), min(height, round(down * ratio))

    return size
