"""General images for fine-tuning to rehearse, labelled by the network itself where needed.

Outputs that a network gave before it learned something new, rehearsed beside the new images, keep
what it knew (pseudorehearsal: Robins, Connection Science 7, 1995).
"""

import sys
from pathlib import Path

from cutout.errors import DataError
from cutout.inference.manifest import MANIFEST
from cutout.inference.onnx_predictor import load_predictor
from cutout.system.cores import usable_cores
from model_export.data.pairs import UNLABELLED, scan
from model_export.data.soft_labels import RECORD, Rule
from model_export.labelling.label import label

OWN_LABELS = "own-labels"
MAX_IMAGES = 500  # photographs; a network of this size labels them within a minute


def images_to_rehearse(keep: Path | None, start: Path, data: Path, out: Path) -> Path | None:
    """Return the directory of images to rehearse: `keep`, else `unlabelled` in `data`, if any.

    Where its images have no masks, the bundle at `start` labels them, in a directory in `out`,
    which is returned. Raises DataError where there are no masks and `start` is not a bundle, so
    that no network can make them.
    """
    general = keep or data / UNLABELLED
    if keep is None and (not general.is_dir() or (general / RECORD).is_file()):
        return None  # with labels it is one of the sets
    if _has_masks(general):
        return general
    bundle = start if start.is_dir() else start.parent
    if not (bundle / MANIFEST).is_file():
        raise DataError(
            f"{general}: has no masks, and only a bundle can label its images; {start} is not one: "
            "export that run first, and start --from the bundle"
        )
    print(f"labelling the images in {general} by {bundle}, to rehearse them")
    predictor = load_predictor(bundle, usable_cores())
    made = label(predictor, general, out / OWN_LABELS, Rule(), MAX_IMAGES)
    if made.waiting:
        # `label` ends well where it is interrupted; a training on a part is not what was asked for
        raise KeyboardInterrupt
    for problem in made.unreadable:
        print(f"warning: {problem}", file=sys.stderr)
    if not any(each.kept_by(made.record.rule) for each in made.labels):
        raise DataError(
            f"{general}: {bundle} is certain of its mask in none of {len(made.labels)} images, "
            "so there is nothing to rehearse; give --keep DIR with images and masks of other "
            "kinds, or move these images elsewhere"
        )
    return out / OWN_LABELS


def _has_masks(folder: Path) -> bool:
    try:
        return bool(scan(folder).pairs)
    except DataError:  # in no layout: images alone
        return False
