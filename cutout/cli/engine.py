"""What processes images: the models in this process, or a server. Both have the same methods."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cutout.options import CutoutOptions, PredictOptions
from cutout.settings import EngineSettings
from cutout.system.clock import Clock

if TYPE_CHECKING:
    from cutout.inference.manifest import Manifest
    from cutout.results import Prediction
    from cutout.sources import Upload


@dataclass(frozen=True)
class Cutout:
    """A finished image file, the share of the image that is foreground, and frames it lacks."""

    data: bytes
    media_type: str
    coverage: float
    frames_dropped: int = 0


class Engine(Protocol):
    """Thread-safe. Every method raises CutoutError, of the same class wherever the work is done."""

    def cut_out(
        self,
        image: bytes,
        options: CutoutOptions,
        background: bytes | None = None,
        given: bytes | None = None,
    ) -> Cutout:
        """Cut out an image; `background` goes behind it, `given` is a mask of the caller's."""
        ...

    def predict(self, image: bytes, options: PredictOptions) -> "Prediction": ...

    def models(self) -> "Sequence[Manifest]": ...

    def mask_model(self, name: str | None = None) -> "Manifest":
        """Return the manifest of the model that `cut_out` uses for `name`. Raises UnknownModel."""
        ...

    def stop(self) -> None:
        """End every wait; requests that wait then fail."""
        ...

    def close(self) -> None:
        """Release its resources. To be called last, when no other thread uses it."""
        ...


class LocalEngine:
    """The models of the settings, in this process. Raises BundleError if one cannot be loaded.

    Its imports are in its methods: the command line's help, and clients of a server, do not need
    them.
    """

    def __init__(self, settings: EngineSettings) -> None:
        from cutout.inference.load import load_bundles
        from cutout.inference.registry import Registry
        from cutout.system.process import prepare_for_images

        prepare_for_images()
        loaded = load_bundles(settings.models, settings.intra_op_threads, settings.providers)
        self.registry = Registry(loaded, settings.default_model)
        self._max_pixels = settings.max_pixels
        self._max_frames = settings.max_frames

    def cut_out(
        self,
        image: bytes,
        options: CutoutOptions,
        background: bytes | None = None,
        given: bytes | None = None,
    ) -> Cutout:
        from cutout import animation
        from cutout.system.shortage import explained

        with explained():
            behind = None if background is None else self._upload(background)
            known = None if given is None else self._upload(given)
            upload = self._upload(image)
            result = animation.cut_out(upload, options, self.registry, Clock(), behind, known)
        content = result.content
        return Cutout(
            content.data, content.media_type, result.subject.coverage, result.frames_dropped
        )

    def predict(self, image: bytes, options: PredictOptions) -> "Prediction":
        from cutout import remover
        from cutout.results import Prediction
        from cutout.system.shortage import explained

        clock = Clock()
        with explained():
            score = remover.score(self._upload(image), options, self.registry, clock)
        return Prediction.of(score, clock)

    def models(self) -> "Sequence[Manifest]":
        return [predictor.manifest for predictor in self.registry.all()]

    def mask_model(self, name: str | None = None) -> "Manifest":
        return self.registry.for_masks(name).manifest

    def stop(self) -> None:
        return None

    def close(self) -> None:
        return None

    def _upload(self, data: bytes) -> "Upload":
        from cutout.sources import Upload

        return Upload.read(data, self._max_pixels, self._max_frames)
