"""Reports as files: of an evaluation, of a training run, of several bundles compared."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cutout.errors import DataError
from cutout.system.files import replace
from model_export.config import TrainConfig, read_run_config
from model_export.data.dataset import Pair, load_image
from model_export.quality.evaluate import Result, Which, measure, pairs_to_evaluate
from model_export.report import sections
from model_export.report.comparison import comparison
from model_export.report.evidence import Evidence
from model_export.report.history import History, read_history
from model_export.report.page import render
from model_export.report.subject import Subject, load_subject
from model_export.report.timing import measure_time
from model_export.training.run_folder import REPORT

REFRESH_SECONDS = 60


def write_report(
    subject: Subject,
    root: Path,
    out: Path,
    which: Which = "test",
    alphas: bool = False,
    clips: Mapping[str, str] | None = None,
) -> Result:
    """Evaluate a bundle or run on the images of `root`, write its report, and return the measures.

    `clips` maps a set to a regular expression that names the clip in a file name. Raises DataError
    where there are no images to evaluate it on. A page that can't be made is a warning: the
    measures are worth having by themselves.
    """
    evidence = Evidence(subject.manifest.threshold)
    pairs = pairs_to_evaluate(subject.manifest, root, which, clips)
    result = {"split": which, **measure(subject.predictor, pairs, alphas, evidence)}
    with only_a_warning(f"no report {out}"):
        _write(out, render("report.html", _contents(subject, result, evidence, root)))
        _say_where(out)
    return result


def write_run_report(run: Path, root: Path) -> None:
    """Write the report of a training run that has ended into its folder.

    Any failure here is only a warning.
    """
    try:
        with only_a_warning(f"no report of {run}; the run itself is complete"):
            write_report(load_subject(run, root), root, run / REPORT, "test")
    except KeyboardInterrupt:
        print(
            f"report skipped; python -m model_export report {run} --data {root} writes it later",
            file=sys.stderr,
        )


def write_progress(run: Path) -> None:
    """Write a page while a run goes on: configuration and learning curves.

    It reloads every minute, and is written only after epochs that were validated. Any failure here
    is only a warning.
    """
    with only_a_warning(f"no report of {run}"):
        history = read_history(run)
        if history and "score" in history.epochs[-1]:
            _write(run / REPORT, render("report.html", _progress(history, read_run_config(run))))


def write_comparison(
    subjects: Sequence[Subject], root: Path, out: Path, which: Which = "test"
) -> list[Result]:
    """Evaluate several bundles or runs on the same images, write one page, return the results.

    With `which="test"` only images count that none of them trained on. Raises DataError where that
    leaves none.
    """
    pairs = common_pairs([pairs_to_evaluate(subject.manifest, root, which) for subject in subjects])
    alphas = any(subject.manifest.task == "segment" for subject in subjects)
    evidence = [Evidence(subject.manifest.threshold) for subject in subjects]
    results = [
        {"split": which, **measure(subject.predictor, pairs, alphas, observer)}
        for subject, observer in zip(subjects, evidence, strict=True)
    ]
    image = load_image(pairs[len(pairs) // 2].image_path)
    times = [measure_time(subject.predictor, image, subject.threads) for subject in subjects]
    _write(out, render("compare.html", comparison(subjects, results, evidence, times, root.name)))
    _say_where(out)
    return results


def common_pairs(lists: Sequence[Sequence[Pair]]) -> list[Pair]:
    """Return the pairs that are in every list, in the order of the first.

    Raises DataError where there are none.
    """
    others = [{pair.image_path for pair in pairs} for pairs in lists[1:]]
    common = [pair for pair in lists[0] if all(pair.image_path in paths for paths in others)]
    if not common:
        raise DataError(
            "the bundles have no image in common that none of them trained on; give --split all"
        )
    return common


@contextmanager
def only_a_warning(what: str) -> Iterator[None]:
    """Turn whatever a report raises into a warning: a training must never fail for its report."""
    try:
        yield
    except Exception as error:
        print(f"warning: {what}: {type(error).__name__}: {error}", file=sys.stderr)


def _contents(subject: Subject, result: Result, evidence: Evidence, root: Path) -> dict[str, Any]:
    manifest = subject.manifest
    history = subject.history
    time = measure_time(subject.predictor, _typical(evidence), subject.threads)
    count = len(evidence.images)
    images = "image" if len(evidence.images) == 1 else "images"
    which = "that training kept aside" if result["split"] == "test" else "in all"
    lead = f"{manifest.description} Measured on {count:,} {images} of “{root.name}” {which}"
    lead += (
        ", in float32 through onnxruntime."
        if subject.is_run
        else ", through onnxruntime as served."
    )
    return _complete(
        {
            "title": f"{manifest.name} – {'training' if subject.is_run else 'evaluation'}",
            "heading": manifest.name,
            "subheading": "training run" if subject.is_run else f"version {manifest.version}",
            "lead": lead,
            "tiles": sections.tiles(result, evidence, manifest, time),
            "learning": sections.learning(history) if history else None,
            "quality": sections.quality(result, evidence, manifest.threshold),
            "images": sections.images(subject.predictor, evidence, result),
            "looks": sections.occlusion(subject.predictor, evidence),
            "data": sections.data(manifest, evidence, result["split"], root.name),
            "model": sections.model(manifest, time),
            "config": sections.config(manifest),
        }
    )


def _progress(history: History, config: TrainConfig) -> dict[str, Any]:
    done = int(history.epochs[-1]["epoch"])
    epochs = config.training.epochs
    flat = sections.config_sections(config.model_dump(mode="json"))
    return _complete(
        {
            "title": f"{config.name} – training",
            "heading": config.name,
            "subheading": "training",
            "lead": "A training run in progress.",
            "notice": f"Epoch {done} of {epochs}. This page reloads every minute; quality, "
            "images and speed follow when the run has ended.",
            "tiles": sections.progress_tiles(history, epochs),
            "learning": sections.learning(history),
            "config": {"text": "", "sections": flat},
            "refresh": REFRESH_SECONDS,
        }
    )


def _complete(contents: dict[str, Any]) -> dict[str, Any]:
    """Return contents with None for absent sections, and the ids of those that are there."""
    ids = {
        "learning": "curves",
        "quality": "quality",
        "images": "images",
        "looks": "looks",
        "data": "data",
    }
    ids |= {"model": "model", "config": "config"}
    there = [ids[name] for name in ids if contents.get(name)]
    there += ["sets"] if contents.get("quality") else []
    return {**dict.fromkeys(ids), "notice": None, **contents, "sections": there}


def _typical(evidence: Evidence) -> Any:
    """Return the image to measure time with: the one in the middle of the ranking."""
    ranked = sorted(evidence.images, key=lambda image: image.rank)
    return load_image(ranked[len(ranked) // 2].pair.image_path)


def _say_where(out: Path) -> None:
    print(f"report: {out}", file=sys.stderr)


def _write(out: Path, page: str) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    replace(out, lambda path: path.write_text(page, encoding="utf-8"))
