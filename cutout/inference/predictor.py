"""What a model must be able to do for the server. Both networks, and the tests' stand-ins, satisfy it."""

from dataclasses import dataclass
from typing import Protocol

from cutout.imaging.preprocess import Alpha, Image, Placement, Tensor
from cutout.inference.manifest import Manifest


@dataclass(frozen=True)
class Prepared:
    """An image made ready for a network: the tensor (N, ...) float32, and where each of its N samples came from."""

    tensor: Tensor
    placements: tuple[Placement, ...]


class Predictor(Protocol):
    """`prepare` -> `predict` -> `assemble`: three steps, so that each can be timed by itself. All are thread-safe."""

    @property
    def manifest(self) -> Manifest: ...

    def prepare(self, image: Image) -> Prepared:
        """The tensor of an image (H, W, 3) uint8 RGB."""
        ...

    def predict(self, prepared: Prepared) -> Tensor:
        """The network's answer to `prepared.tensor`, float32 in [0, 1], of the network's own shape."""
        ...

    def assemble(self, prepared: Prepared, output: Tensor) -> Alpha:
        """The alpha (h, w) float32 in [0, 1] of the whole picture, at the network's own resolution."""
        ...

    def mask_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) to which `prepare` brings a picture of that size: more pixels tell it nothing more."""
        ...

    def probability(self, image: Image, alpha: Alpha | None = None) -> float:
        """How likely the picture as a whole shows foreground, in [0, 1].

        `alpha`: what `assemble` made of the same image, where that is known already; a segmenter need not run again.
        """
        ...

    def score_size(self, width: int, height: int) -> tuple[int, int]:
        """The same as `mask_size` for `probability`."""
        ...
