"""What the engine needs of a model: the protocol of both networks, and of the tests' stand-ins."""

from dataclasses import dataclass
from typing import Protocol

from cutout.imaging.box import Box, Size
from cutout.imaging.pieces import without_false_pieces
from cutout.imaging.preprocess import Alpha, Image, Tensor
from cutout.inference.manifest import Manifest
from cutout.system.clock import Clock

NO_SIZE = Size(0, 0)


@dataclass(frozen=True)
class Prepared:
    """An image made ready for a network.

    `tensor` (N, ...) float32. `boxes` has one box for each of its N samples: for a segmenter, where
    the image sits on the canvas; for a classifier, the part of the image, of that `size`, which the
    sample shows. Samples made by hand have neither.
    """

    tensor: Tensor
    boxes: tuple[Box, ...]
    size: Size = NO_SIZE


class Predictor(Protocol):
    """`prepare` -> `predict` -> `assemble`: three steps, so that each can be timed. Thread-safe."""

    @property
    def manifest(self) -> Manifest: ...

    def prepare(self, image: Image) -> Prepared:
        """Make the tensor of an image (H, W, 3) uint8 RGB."""
        ...

    def predict(self, prepared: Prepared) -> Tensor:
        """Run the network on `prepared.tensor`: float32 in [0, 1], of its own shape."""
        ...

    def assemble(self, prepared: Prepared, output: Tensor) -> Alpha:
        """Make the alpha (h, w) float32 in [0, 1] of the image, at the network's resolution."""
        ...

    def mask_size(self, size: Size) -> Size:
        """Return the size to which `prepare` resizes an image: more pixels add nothing."""
        ...

    def probability(self, image: Image, alpha: Alpha | None = None) -> float:
        """Compute how likely the image as a whole shows foreground, in [0, 1].

        `alpha` is the result of `assemble` for the same image, if it is known; with it, a segmenter
        does not run again.
        """
        ...

    def score_size(self, size: Size) -> Size:
        """Return the size to which `probability` resizes an image."""
        ...


def coarse_alpha(
    predictor: Predictor, image: Image, clock: Clock, *, all_pieces: bool = False
) -> Alpha:
    """Compute the alpha (h, w) float32 of an image (H, W, 3), at the network's resolution.

    A segmenter's is without false pieces, unless one of all pieces is to be chosen; a classifier's
    map has no pieces to speak of.
    """
    with clock.stage("preprocess"):
        prepared = predictor.prepare(image)
    with clock.stage("inference"):
        output = predictor.predict(prepared)
    with clock.stage("postprocess"):
        alpha = predictor.assemble(prepared, output)
        if all_pieces or predictor.manifest.task != "segment":
            return alpha
        return without_false_pieces(alpha)
