"""Engines of the command line: the models in this process, or a server, with the same methods."""

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
    """A finished image file.

    `coverage` is the share of the image that is foreground, 0 to 1; `frames_dropped` is how many
    frames of an animation the file lacks.
    """

    data: bytes
    media_type: str
    coverage: float
    frames_dropped: int = 0


class Engine(Protocol):
    """The protocol of what processes images. Thread-safe.

    Every method raises CutoutError, of the same class in whichever engine the work is done.
    """

    def cut_out(
        self,
        image: bytes,
        options: CutoutOptions,
        background: bytes | None = None,
        given: bytes | None = None,
    ) -> Cutout:
        """Cut out an image file; `background` is put behind it, `given` is a mask by the caller."""
        ...

    def predict(self, image: bytes, options: PredictOptions) -> "Prediction":
        """Score an image file."""
        ...

    def models(self) -> "Sequence[Manifest]":
        """Return the manifests of the loaded models."""
        ...

    def mask_model(self, name: str | None = None) -> "Manifest":
        """Return the manifest of the model that `cut_out` uses for `name`.

        Raises UnknownModel where there is none.
        """
        ...

    def stop(self) -> None:
        """End every wait; requests that wait then fail."""
        ...

    def close(self) -> None:
        """Release the resources; to be called last, when no other thread uses the engine."""
        ...


class LocalEngine:
    """An engine with the models of the settings, in this process.

    Its imports are in its methods: the command line's help, and clients of a server, do not need
    them.
    """

    def __init__(self, settings: EngineSettings) -> None:
        """Load the models. Raises BundleError or ProviderMissing where one cannot be loaded."""
        from cutout.inference.load import load_bundles
        from cutout.inference.registry import Registry
        from cutout.system.process import prepare_for_images

        # Before onnxruntime and the pools start threads (`cutout.system.process`).
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
        """Cut out an image file; `background` is put behind it, `given` is a mask by the caller.

        Raises ClientError where an image cannot be read or an option is invalid, and OutOfMemory.
        """
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
        """Score an image file. Raises ClientError where it cannot be read, and OutOfMemory."""
        from cutout import remover
        from cutout.results import Prediction
        from cutout.system.shortage import explained

        clock = Clock()
        with explained():
            score = remover.score(self._upload(image), options, self.registry, clock)
        return Prediction.of(score, clock)

    def models(self) -> "Sequence[Manifest]":
        """Return the manifests of the loaded models."""
        return [predictor.manifest for predictor in self.registry.all()]

    def mask_model(self, name: str | None = None) -> "Manifest":
        """Return the manifest of the model for `name`. Raises UnknownModel where there is none."""
        return self.registry.for_masks(name).manifest

    def stop(self) -> None:
        """Do nothing: no call waits."""
        return

    def close(self) -> None:
        """Do nothing: the models go with the process."""
        return

    def _upload(self, data: bytes) -> "Upload":
        from cutout.sources import Upload

        return Upload.read(data, self._max_pixels, self._max_frames)
