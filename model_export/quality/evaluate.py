"""Evaluation of a bundle on a folder of images, through onnxruntime, preprocessed as served."""

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol

import numpy as np

from cutout.errors import BundleError, DataError
from cutout.imaging.mask import to_size
from cutout.imaging.preprocess import Matte, Tensor
from cutout.inference.manifest import Manifest
from cutout.inference.onnx_predictor import load_predictor
from cutout.inference.predictor import Predictor, Prepared, coarse_alpha
from cutout.system.clock import Clock
from model_export.data.dataset import Mask, Pair, find_pairs, load_pair, select, select_some
from model_export.data.parts import NO_PARTS, evaluation_parts, load_for_parts
from model_export.data.progress import track
from model_export.quality.measures import MaskScore
from model_export.quality.part_measures import Labels, Probabilities, confusion, part_scores

Result = dict[str, Any]
Which = Literal["test", "all"]
OVERALL = "overall"


class Observer(Protocol):
    """An observer of an evaluation, which is shown each image once; the report is one."""

    def parts(self, pair: Pair, x: Tensor, labels: Labels, probabilities: Probabilities) -> None:
        """Take in the labelled parts of an image, their labels and the classifier's probabilities.

        `x` is (n, S, S, C) float32, `labels` (n,) int64 and `probabilities` (n,) float32.
        """
        ...

    def alpha(self, pair: Pair, alpha: Matte, mask: Mask) -> None:
        """Take in the alpha (H, W) uint8 of an image and its mask (H, W) uint8."""
        ...


def evaluate(
    bundle: Path,
    root: Path,
    which: Which = "test",
    alphas: bool = False,
    threads: int = 1,
    clips: Mapping[str, str] | None = None,
) -> Result:
    """Evaluate a bundle, and return the measures as a JSON-ready object.

    It says what was evaluated, has the measures over all images, and under `sets` those of each
    set. For a classifier these are loss, accuracy, balanced_accuracy, precision, recall, auc and
    confusion_matrix over labelled parts; for a segmenter, or with `alphas`, mae, max_f, iou and
    s_measure over whole images, at the mask's own size.

    `which="test"` selects the images that training kept aside; "all" every image. `clips` maps a
    set to a regular expression that names the clip in a file name, instead of those that the bundle
    was trained with.

    Raises BundleError where the bundle cannot be loaded, and DataError where there are no images to
    evaluate it on.
    """
    predictor = load_predictor(bundle, threads)
    return {
        "split": which,
        **measure(predictor, pairs_to_evaluate(predictor.manifest, root, which, clips), alphas),
    }


def measure(
    predictor: Predictor,
    pairs: Sequence[Pair],
    alphas: bool = False,
    observer: Observer | None = None,
) -> Result:
    """Evaluate a loaded bundle on given images; return what `evaluate` does, without the split.

    Raises DataError where no image has parts for a classifier.
    """
    manifest = predictor.manifest
    as_alphas = alphas or manifest.task == "segment"
    measured = (
        score_alphas(predictor, pairs, observer)
        if as_alphas
        else score_parts(predictor, pairs, observer)
    )
    return {
        "name": manifest.name,
        "version": manifest.version,
        "sha256": manifest.model.sha256,
        "task": manifest.task,
        # popped before the next line is evaluated: `sets` must not have it
        **measured.pop(OVERALL),
        "sets": measured,
    }


def pairs_to_evaluate(
    manifest: Manifest, root: Path, which: Which, clips: Mapping[str, str] | None = None
) -> list[Pair]:
    """Return the images of `root` to evaluate a bundle on, without those labelled by a teacher.

    Raises DataError where there are none.
    """
    if which == "all":
        return [pair for pair in find_pairs(root) if not pair.taught] or _nothing_to_evaluate(root)
    data = manifest.training.config.get("data", {}) if manifest.training else {}
    pairs = find_pairs(root, data.get("sets"), clips or data.get("clips"))
    if others := sets_of_other_images(manifest, pairs):
        print(
            f"warning: {', '.join(others)}: not as many images as {manifest.name} was trained "
            "with; some that it learned from may be for the test now: give the same folder",
            file=sys.stderr,
        )
    return select_some(pairs, "test")


def sets_of_other_images(manifest: Manifest, pairs: Sequence[Pair]) -> list[str]:
    """Return the sets of `pairs` of which a bundle saw another number of images in training.

    Which images are for the test depends on all that there are (`dataset.select`).
    """
    seen = manifest.training.sets if manifest.training else ()
    trained = {entry.name: entry.images for entry in seen}
    to_learn_from = [*select(pairs, "train"), *select(pairs, "validation")]
    here = Counter(pair.set for pair in to_learn_from if not pair.taught)
    return sorted(name for name, count in here.items() if trained.get(name, count) != count)


def _nothing_to_evaluate(root: Path) -> NoReturn:
    raise DataError(
        f"{root}: a teacher made all of its masks; a score needs images with masks by people"
    )


def score_parts(
    predictor: Predictor, pairs: Sequence[Pair], observer: Observer | None = None
) -> dict[str, Result]:
    """Return, by set and overall, the measures over 16 labelled parts of every image.

    Images that do not have parts of both classes are left out. Raises BundleError for a segmenter,
    and DataError where no image has such parts.
    """
    manifest = predictor.manifest
    if manifest.parts is None:
        raise BundleError(f"{manifest.name}: only a classifier can be scored on parts")
    found: defaultdict[str, list[tuple[Labels, Probabilities]]] = defaultdict(list)
    for pair in track(pairs, "evaluating"):
        image = load_for_parts(pair, manifest.parts.sizes, manifest.preprocess)
        x, labels = evaluation_parts(image, manifest.parts.sizes, manifest.preprocess)
        if len(x):
            answer = np.asarray(predictor.predict(Prepared(x, ())), np.float32).reshape(-1)
            found[pair.set].append((labels, answer))
            if observer:
                observer.parts(pair, x, labels, answer)
    if not found:
        raise DataError(NO_PARTS)
    groups = {**found, OVERALL: [entry for entries in found.values() for entry in entries]}
    return {name: _part_result(entries, manifest.threshold) for name, entries in groups.items()}


def score_alphas(
    predictor: Predictor, pairs: Sequence[Pair], observer: Observer | None = None
) -> dict[str, Result]:
    """Return, by set and overall, the measures of the alphas of whole images.

    Alphas are resized bilinearly to the mask's size.
    """
    scores: defaultdict[str, MaskScore] = defaultdict(MaskScore)
    for pair in track(pairs, "evaluating"):
        image, mask = load_pair(pair)
        # as served: without false holes and pieces, but not refined
        coarse = coarse_alpha(predictor, image, Clock())
        alpha = to_size(coarse, mask.shape[1], mask.shape[0])
        for name in (pair.set, OVERALL):
            scores[name].add(alpha, mask)
        if observer:
            observer.alpha(pair, alpha, mask)
    return {
        name: {
            "images": score.images,
            "mae": score.mae,
            "max_f": score.max_f,
            "iou": score.iou,
            "s_measure": score.s_measure,
        }
        for name, score in scores.items()
    }


def _part_result(entries: Sequence[tuple[Labels, Probabilities]], threshold: float) -> Result:
    labels, probabilities = (np.concatenate(arrays) for arrays in zip(*entries, strict=True))
    return {
        "images": len(entries),
        "parts": len(labels),
        **part_scores(labels, probabilities, threshold),
        "confusion_matrix": confusion(labels, probabilities, threshold).tolist(),
    }
