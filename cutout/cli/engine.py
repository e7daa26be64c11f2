"""What makes the pictures: the models in this process, or a server elsewhere. Both answer alike, byte for byte."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from app.settings import Settings
from cutout.options import CutoutOptions
from cutout.system.clock import Clock

if TYPE_CHECKING:
    from app.api.native.schemas import Prediction
    from cutout.inference.manifest import Manifest


@dataclass(frozen=True)
class Cutout:
    """A finished picture file, and the share of the picture that is foreground."""

    data: bytes
    media_type: str
    coverage: float


class Engine(Protocol):
    """Thread-safe. Every method raises CutoutError, of the same class wherever the work is done."""

    def cut_out(self, picture: bytes, options: CutoutOptions, background: bytes | None = None) -> Cutout: ...

    def predict(self, picture: bytes, model: str | None = None, subject: bool = False) -> "Prediction": ...

    def models(self) -> "Sequence[Manifest]": ...

    def mask_model(self, name: str | None = None) -> "Manifest":
        """The model that `cut_out` uses when asked for `name`."""
        ...

    def stop(self) -> None:
        """Let nobody wait any longer: what can't be done at once fails."""
        ...

    def close(self) -> None:
        """Called last, when no other thread uses it any more."""
        ...


class LocalEngine:
    """The models of the settings, in this process. Raises BundleError where one can't be loaded.

    What it takes is imported with the first one: the command line's help, and a server's clients, do without.
    """

    def __init__(self, settings: Settings) -> None:
        from app.main import load_bundles
        from cutout.inference.registry import Registry
        from cutout.remover import Remover
        from cutout.system.process import prepare_for_pictures

        prepare_for_pictures()
        self._registry = Registry(settings.default_model)
        self._registry.use(load_bundles(settings))
        self._remover = Remover(self._registry, settings.max_pixels)

    def cut_out(self, picture: bytes, options: CutoutOptions, background: bytes | None = None) -> Cutout:
        written = self._remover.cut_out(picture, options, Clock(), background)
        return Cutout(written.data, written.media_type, round(written.subject.coverage, 6))

    def predict(self, picture: bytes, model: str | None = None, subject: bool = False) -> "Prediction":
        from app.api.native.routes import prediction

        clock = Clock()
        return prediction(self._remover.score(picture, clock, model, subject), clock)

    def models(self) -> "Sequence[Manifest]":
        return [predictor.manifest for predictor in self._registry.all()]

    def mask_model(self, name: str | None = None) -> "Manifest":
        return self._registry.for_masks(name).manifest

    def stop(self) -> None:
        return None

    def close(self) -> None:
        return None
