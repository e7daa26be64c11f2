"""The loaded bundles, by name."""

from collections.abc import Sequence

from cutout.errors import BundleError, UnknownModel
from cutout.inference.predictor import Predictor


class Registry:
    """Loaded, checked and warm predictors by name. Immutable, and never empty."""

    def __init__(self, predictors: Sequence[Predictor], default: str | None = None) -> None:
        """Keep these predictors; `default` is the model for masks where a call names none.

        Raises BundleError for no predictor, two of one name, or an unknown default.
        """
        by_name = {predictor.manifest.name: predictor for predictor in predictors}
        if not by_name:
            raise BundleError("no model; at least one bundle is required")
        if len(by_name) != len(predictors):
            raise BundleError(f"two bundles have the same name; found: {', '.join(by_name)}")
        if default is not None and default not in by_name:
            raise BundleError(
                f"no model {default!r} (CUTOUT_DEFAULT_MODEL); loaded: {', '.join(by_name)}"
            )
        self._predictors = by_name
        self._masks = default or _first("segment", by_name)
        self._scores = _first("classify", by_name)

    @property
    def names(self) -> list[str]:
        """Names of the models, in the order in which they were loaded."""
        return list(self._predictors)

    def get(self, name: str) -> Predictor:
        """Return the predictor of that name. Raises UnknownModel where there is none."""
        if name not in self._predictors:
            raise UnknownModel(f"no model {name!r}; loaded: {', '.join(self._predictors)}")
        return self._predictors[name]

    def for_masks(self, name: str | None = None) -> Predictor:
        """Return the predictor for masks: by name, else the default, else a segmenter, else any.

        Raises UnknownModel where no model has that name.
        """
        return self.get(name or self._masks)

    def for_scores(self, name: str | None = None) -> Predictor:
        """Return the predictor for probabilities: by name, else a classifier, else any.

        Raises UnknownModel where no model has that name.
        """
        return self.get(name or self._scores)

    def all(self) -> list[Predictor]:
        """Return all predictors, in the order in which they were loaded."""
        return list(self._predictors.values())


def _first(task: str, predictors: dict[str, Predictor]) -> str:
    """Return the name of the first predictor for a task; of any, if there is none."""
    fitting = (name for name, each in predictors.items() if each.manifest.task == task)
    return next(fitting, next(iter(predictors)))
