"""The bundles that this server has loaded, by name."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cutout.errors import BundleError, NotReady, UnknownModel
from cutout.inference.golden import check_golden
from cutout.inference.manifest import find_bundles
from cutout.inference.predictor import Predictor

Load = Callable[[Path], Predictor]


def load_all(folder: Path, load: Load) -> list[Predictor]:
    """Load every bundle of a folder and run its golden sample, which warms it too. Raises BundleError."""
    bundles = find_bundles(folder)
    if not bundles:
        raise BundleError(f"{folder}: no bundle found; expected {folder}/<name>/manifest.json")
    predictors = [load(bundle) for bundle in bundles]
    for predictor in predictors:
        check_golden(predictor)
    return predictors


class Registry:
    """Predictors by name. Empty until `use` is called with loaded, checked and warm ones."""

    def __init__(self, default: str | None = None) -> None:
        self._wanted_default = default
        self._predictors: Mapping[str, Predictor] = {}

    def use(self, predictors: Sequence[Predictor]) -> None:
        """Serve exactly these. Raises BundleError for two of one name, or a default that is not among them."""
        by_name = {predictor.manifest.name: predictor for predictor in predictors}
        if len(by_name) != len(predictors):
            raise BundleError("two bundles have the same name")
        if self._wanted_default is not None and self._wanted_default not in by_name:
            raise BundleError(f"the default model {self._wanted_default!r} is not among: {', '.join(by_name)}")
        self._predictors = by_name

    @property
    def ready(self) -> bool:
        return bool(self._predictors)

    @property
    def names(self) -> list[str]:
        return list(self._predictors)

    def get(self, name: str) -> Predictor:
        """The predictor of that name. Raises NotReady while loading, UnknownModel if there is none."""
        if not self._predictors:
            raise NotReady("the models are still being loaded")
        if name not in self._predictors:
            raise UnknownModel(f"no model {name!r}; loaded: {', '.join(self._predictors)}")
        return self._predictors[name]

    def for_masks(self, name: str | None = None) -> Predictor:
        """The one that makes masks: by name, else the operator's default, else a segmenter, else what there is."""
        return self.get(name or self._wanted_default or self._first("segment"))

    def for_scores(self, name: str | None = None) -> Predictor:
        """The one that gives a probability: by name, else a classifier, else what there is."""
        return self.get(name or self._first("classify"))

    def all(self) -> list[Predictor]:
        if not self._predictors:
            raise NotReady("the models are still being loaded")
        return list(self._predictors.values())

    def _first(self, task: str) -> str:
        fitting = [name for name, predictor in self._predictors.items() if predictor.manifest.task == task]
        return next(iter(fitting or self._predictors), "")
