"""Load bundles from the disk, check them and warm them up."""

from collections.abc import Sequence
from pathlib import Path

from cutout.errors import BundleError
from cutout.inference.golden import check_golden
from cutout.inference.manifest import find_bundles
from cutout.inference.predictor import Predictor


def load_bundles(
    models: Path, intra_op_threads: int = 1, providers: Sequence[str] = ("cpu",)
) -> list[Predictor]:
    """Load every bundle of a directory, or the one bundle that it is.

    `intra_op_threads` are onnxruntime's threads for one image; `providers` are names of execution
    providers, preferred first. Each bundle runs its golden sample once, which checks it and warms
    it up.

    Raises BundleError where there is no bundle, or one is corrupt or fails its golden sample, and
    ProviderMissing where a provider is not available.
    """
    from cutout.inference.onnx_predictor import load_predictor  # onnxruntime takes 0.1 s to import

    bundles = find_bundles(models)
    if not bundles:
        raise BundleError(
            f"no bundle found in {models}; expected {models}/<name>/manifest.json (CUTOUT_MODELS)"
        )
    predictors = [load_predictor(bundle, intra_op_threads, providers) for bundle in bundles]
    for predictor in predictors:
        check_golden(predictor)
    return predictors
