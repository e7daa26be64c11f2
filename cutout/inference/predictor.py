"""The protocol of a model as the engine needs it: of both networks, and of the tests' stand-ins."""

from dataclasses import dataclass
from typing import Protocol

from cutout.imaging.box import Box, Size
from cutout.imaging.holes import without_false_holes
from cutout.imaging.pieces import without_false_pieces
from cutout.imaging.preprocess import Alpha, Image, Tensor
from cutout.inference.manifest import Manifest
from cutout.system.clock import Clock

NO_SIZE = Size(0, 0)


@dataclass(frozen=True)
class Prepared:
    """An image made ready for a network.

    `tensor` is (N, ...) float32. `boxes` has one box for each of its N samples: for a segmenter,
    where the image sits on the canvas; for a classifier, the part of the image, of that `size`,
    which the sample shows. Samples made by hand have neither.
    """

    tensor: Tensor
    boxes: tuple[Box, ...]
    size: Size = NO_SIZE


class Predictor(Protocol):
    """A loaded bundle: `prepare` -> `predict` -> `assemble`, three steps that can be timed.

    Thread-safe.
    """

    @property
    def manifest(self) -> Manifest:
        """The manifest of its bundle."""
        ...

    def prepare(self, image: Image) -> Prepared:
        """Make the tensor (N, ...) float32 of an image (H, W, 3) uint8 RGB."""
        ...

    def predict(self, prepared: Prepared) -> Tensor:
        """Run the network on `prepared.tensor` (N, ...); return float32 of the output's shape."""
        ...

    def assemble(self, prepared: Prepared, output: Tensor) -> Alpha:
        """Make the alpha (h, w) float32 in [0, 1] of the image, at the network's resolution.

        `output` is what `predict` returned for `prepared`.
        """
        ...

    def mask_size(self, size: Size) -> Size:
        """Return the size to which `prepare` resizes an image of that size."""
        ...

    def probability(self, image: Image, alpha: Alpha | None = None) -> float:
        """Compute the probability that the image as a whole shows foreground, in [0, 1].

        `image` is (H, W, 3) uint8 RGB. `alpha` (h, w) float32 is the result of `assemble` for it,
        if that is known; with it, a segmenter does not run again.
        """
        ...

    def score_size(self, size: Size) -> Size:
        """Return the size to which `probability` resizes an image of that size."""
        ...


def coarse_alpha(
    predictor: Predictor, image: Image, clock: Clock, *, all_pieces: bool = False
) -> Alpha:
    """Compute the alpha of an image at the network's resolution.

    `image` is (H, W, 3) uint8 RGB. Returns (h, w) float32 in [0, 1]. A segmenter's is without false
    holes, and without false pieces, unless `all_pieces` says that one of them is to be chosen; a
    classifier's map is too coarse to have any. Raises TooSlow or Abandoned between stages, as
    `clock` says.
    """
    with clock.stage("preprocess"):
        prepared = predictor.prepare(image)
    with clock.stage("inference"):
        output = predictor.predict(prepared)
    with clock.stage("postprocess"):
        alpha = predictor.assemble(prepared, output)
        if predictor.manifest.task != "segment":
            return alpha
        alpha = without_false_holes(alpha, image)
        return alpha if all_pieces else without_false_pieces(alpha)
