"""The command `label`: a bundle's alphas as masks for images that have none. Can be continued."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2

from cutout.errors import DataError, OutputRefused
from cutout.imaging.compose import limit_size
from cutout.imaging.mask import to_size
from cutout.imaging.preprocess import Image, Matte
from cutout.inference.manifest import Manifest
from cutout.inference.predictor import Predictor
from cutout.system.files import replace
from cutout.system.interrupts import signals_interrupt
from model_export.data.dataset import load_image
from model_export.data.pairs import find_scenery
from model_export.data.progress import track
from model_export.data.soft_labels import (
    LINES,
    MASKS,
    RECORD,
    Label,
    Record,
    Rule,
    Teacher,
    label_of,
    read_labels,
    read_record,
)

MAX_SIDE = 1024  # pixels of a mask's longer side; no preset's network sees more


@dataclass(frozen=True)
class Labelled:
    """The labels that a directory holds now, and the images that could not be read."""

    record: Record
    labels: list[Label]
    unreadable: list[str]
    waiting: int
    """How many images still have no label, as the work was stopped."""


def label(
    predictor: Predictor, images: Path, out: Path, rule: Rule, most: int | None = None
) -> Labelled:
    """Write an alpha for every image below the directory `images` that has none in `out` yet.

    `rule` is written down beside them and may be another the next time: that costs no new labels.
    Where there are more than `most` images, that many are taken, evenly over the sorted list.
    Ctrl-C and SIGTERM end the work; the next call continues it.

    Raises DataError where there is nothing to label, and OutputRefused where `out` holds something
    else or lies among the images.
    """
    paths = _some(_images(images, out), most)
    record = _begun(teacher_of(predictor.manifest), images, out, rule)
    done = {each.image: each for each in read_labels(out) if (out / MASKS / each.mask).is_file()}
    found = {path.relative_to(images).as_posix(): path for path in paths}
    missing = [name for name in found if name not in done]
    _write_lines(done.values(), out)
    replace(out / RECORD, lambda path: path.write_text(record.model_dump_json(indent=2) + "\n"))
    unreadable: list[str] = []
    try:
        with signals_interrupt(), (out / LINES).open("a") as lines:
            taken = {each.mask for each in done.values()}
            for name in track(missing, "labelling"):
                try:
                    image = load_image(found[name], MAX_SIDE)
                except DataError as error:
                    unreadable.append(error.detail)
                    continue
                mask = _mask_name(name, taken)
                # the mask before its line: a kill leaves no line without its mask
                made = _label_one(predictor, image, name, mask, out)
                done[name] = made
                taken.add(mask)
                lines.write(made.model_dump_json() + "\n")
                # or a kill would lose all lines of a buffer, and their masks be made again
                lines.flush()
    except KeyboardInterrupt:
        pass  # `waiting` says how many images are left
    waiting = sum(name not in done for name in found) - len(unreadable)
    return Labelled(record, list(done.values()), unreadable, waiting)


def teacher_of(manifest: Manifest) -> Teacher:
    """Return the entry of a bundle in a record."""
    return Teacher(
        name=manifest.name,
        version=manifest.version,
        sha256=manifest.model.sha256,
        license=manifest.license,
    )


def alpha_of(predictor: Predictor, image: Image) -> Matte:
    """Return the network's own alpha (H, W) uint8 of an image (h, w, 3) uint8 RGB.

    It is as large as the image, but no longer than MAX_SIDE pixels. Not refined: training learns at
    the network's size, where the refined edge is the same.
    """
    prepared = predictor.prepare(image)
    coarse = predictor.assemble(prepared, predictor.predict(prepared))
    small = limit_size(image, MAX_SIDE)
    return to_size(coarse, small.shape[1], small.shape[0])


def _label_one(predictor: Predictor, image: Image, name: str, mask: str, out: Path) -> Label:
    alpha = alpha_of(predictor, image)
    file = out / MASKS / mask
    file.parent.mkdir(parents=True, exist_ok=True)
    replace(file, _writer(alpha))
    return label_of(name, mask, alpha)


def _writer(alpha: Matte) -> Callable[[Path], object]:
    return lambda path: cv2.imwrite(str(path), alpha)


def _images(images: Path, out: Path) -> list[Path]:
    if not images.is_dir():
        raise DataError(f"{images}: no such directory of images")
    if out.resolve().is_relative_to(images.resolve()):
        raise OutputRefused(
            f"{out}: lies in {images}, so the masks would be taken for images; give another OUT"
        )
    paths = find_scenery(images)
    if not paths:
        raise DataError(f"{images}: no images in it or in the directories below it")
    return paths


def _some(paths: Sequence[Path], most: int | None) -> Sequence[Path]:
    """Return at most `most` paths, evenly over all."""
    if most is None or len(paths) <= most:
        return paths
    return [paths[place * len(paths) // most] for place in range(most)]


def _begun(teacher: Teacher, images: Path, out: Path, rule: Rule) -> Record:
    """Return the record to write; an existing one is continued, if it is by the same teacher."""
    where = os.path.relpath(images.resolve(), out.resolve())
    there = read_record(out)
    if there is None:
        if out.exists() and any(out.iterdir()):
            raise OutputRefused(f"{out}: not empty, and without {RECORD}; give another OUT")
        out.mkdir(parents=True, exist_ok=True)
        return Record(teacher=teacher, images=where, rule=rule, made=datetime.now(UTC))
    if there.teacher.sha256 != teacher.sha256:
        raise OutputRefused(
            f"{out}: has labels by {there.teacher}, not by {teacher}; give another OUT"
        )
    if (out / there.images).resolve() != images.resolve():
        raise OutputRefused(
            f"{out}: has labels of the images in {there.images}; give another OUT for {images}"
        )
    return there.model_copy(update={"rule": rule})


def _write_lines(labels: Iterable[Label], out: Path) -> None:
    """Rewrite the lines, without truncated ones and those whose mask is missing."""
    text = "".join(each.model_dump_json() + "\n" for each in labels)
    replace(out / LINES, lambda path: path.write_text(text))


def _mask_name(image: str, taken: set[str]) -> str:
    """Return `a/x.png` for `a/x.jpg`; `a/x.webp.png` where another image already has that name."""
    short = Path(image).with_suffix(".png").as_posix()
    return f"{image}.png" if short in taken else short
