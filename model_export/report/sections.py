"""The contents of a report, section by section: plain values that the templates lay out."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cutout.imaging.compose import LazyCutout, limit_size, on_color
from cutout.imaging.mask import refine, to_size
from cutout.imaging.preprocess import Tensor
from cutout.inference.manifest import Manifest
from cutout.inference.predictor import Predictor, Prepared, coarse_alpha
from cutout.system.clock import Clock
from model_export.bundle.card import COUNTS, MAIN_MEASURE, MEASURES
from model_export.data.dataset import TEST_PERCENT, VALIDATION_PERCENT, Pair, load_pair
from model_export.quality.evaluate import OVERALL, Result
from model_export.report import figures
from model_export.report.curves import ScoreCounts, calibration, confusion_at, precision_recall, roc
from model_export.report.evidence import ConfidentPart, Evidence, ImageScore
from model_export.report.history import History
from model_export.report.images import MAX_SIDE, data_uri, faded, heat, shown, with_outline
from model_export.report.occlusion import occlusion_map
from model_export.report.timing import Timing

Section = dict[str, Any]

BEST, WORST = 6, 10  # images shown
LOWER_IS_BETTER = frozenset({"mae", "loss"})
KINDS = ("background", "foreground")
GREEN = np.array([0, 177, 64, 255], np.uint8)  # a colour that few subjects have, RGBA
GROUPS = (
    ("Foreground, correct and confident", 1, True),
    ("Background, correct and confident", 0, True),
    ("Foreground, confidently taken for background", 1, False),
    ("Background, confidently taken for foreground", 0, False),
)


def main_measure(result: Result) -> str:
    """Return the measure that images and sets are ranked by.

    It is the IoU of alphas, or the balanced accuracy of parts.
    """
    return MAIN_MEASURE["classify" if "parts" in result else "segment"]


def tiles(
    result: Result, evidence: Evidence, manifest: Manifest, time: Timing | None
) -> list[Section]:
    """Return the figures at the top of the page."""
    shown_first = ("balanced_accuracy", "auc") if "parts" in result else ("iou", "max_f", "mae")
    found = [
        {"value": f"{result[key]:.3f}", "unit": "", "label": MEASURES[key]} for key in shown_first
    ]
    error = calibration(evidence.counts).ece
    found.append({"value": f"{error:.3f}", "unit": "", "label": "calibration error (ECE)"})
    found.append(
        {
            "value": f"{manifest.model.bytes / 1e6:.1f}",
            "unit": "MB",
            "label": f"ONNX, {manifest.model.precision}",
        }
    )
    if time:
        value, what = (
            (time.probability, "an answer") if "parts" in result else (time.total, "an alpha")
        )
        found.append(
            {"value": f"{value:.1f}", "unit": "ms", "label": f"{what}, {_threads(time.threads)}"}
        )
    return found


def learning(history: History) -> Section:
    """Return the section with the learning curves."""
    epochs = sum(entry["epoch"] > 0 for entry in history.epochs)
    text = f"{epochs} {'epoch' if epochs == 1 else 'epochs'} in {_minutes(history.minutes)}."
    if history.best_epoch is not None:
        text += (
            f" The network of epoch {history.best_epoch} scored best on the validation split and "
            "was kept (dashed)."
        )
    titles = ("Loss", "Scores", "Learning rate")
    plots = figures.learning_curves(history)
    return {
        "text": text,
        "plots": [_plot(title, svg) for title, svg in zip(titles, plots, strict=False)],
    }


def quality(result: Result, evidence: Evidence, threshold: float) -> Section:
    """Return the section with curves, confusion matrix and the table of sets."""
    counts = evidence.counts
    unit = "parts" if "parts" in result else "pixels"
    weighing = (
        "Every part counts once."
        if unit == "parts"
        else "Pixels count; every image weighs the same."
    )
    return {
        "text": f"{weighing} Foreground is a score of {threshold:g} or more.",
        "plots": quality_plots([("", counts)], threshold),
        "confusion": _confusion(counts, threshold, unit),
        "confusion_text": "Rows are what it is, columns what it was taken for; percentages are of "
        "the row.",
        "table": _set_table(result),
        "table_text": f"The bar is {MEASURES[main_measure(result)]}; the strongest set comes "
        "first.",
    }


def quality_plots(
    counts: Sequence[tuple[str, ScoreCounts]], threshold: float | None
) -> list[Section]:
    """Plot ROC, precision-recall and calibration of one model or several.

    With a `threshold`, of one model also its scores, and what another threshold would give.
    """
    first = counts[0][1]
    base = float(first.positives.sum() / max(first.total, 1e-12))
    rocs = [(name, roc(each)) for name, each in counts]
    recalls = [(name, precision_recall(each)) for name, each in counts]
    reliable = [(name, calibration(each)) for name, each in counts]
    plots = [
        _plot(
            "ROC",
            figures.roc_figure(rocs),
            "How much foreground is found, for how much background taken for it.",
        ),
        _plot(
            "Precision and recall",
            figures.precision_recall_figure(recalls, base),
            f"Dashed: taking everything for foreground ({base:.0%} of it is).",
        ),
        _plot(
            "Calibration",
            figures.reliability_figure(reliable),
            "Whether a score of 0.8 means 80 %: on the dashed line it does. Larger points hold "
            "more. ECE: the mean distance from the line, ten bins.",
        ),
    ]
    if threshold is not None:
        caption = "How the scores spread, each kind by itself. Dashed: the threshold."
        plots.append(_plot("Scores", figures.score_figure(first, threshold), caption))
        caption = "What another threshold would give: the one in the manifest is dashed."
        plots.append(_plot("Threshold", figures.threshold_figure(first, threshold), caption))
    return plots


def images(predictor: Predictor, evidence: Evidence, result: Result) -> Section:
    """Return the section with the best and the worst images.

    Each is run once more, so that no alpha had to be kept.
    """
    best, worst = evidence.best_and_worst(BEST, WORST)
    what = "the share of its parts that were classified correctly" if "parts" in result else "IoU"
    text = (
        f"Ranked by {what}, at most two of a set. The image; the image with the true mask; the "
        "alpha that the network gave, with the outline of the true mask in pink."
    )
    return {
        "text": text,
        "best": [_overlay(predictor, image, "parts" in result) for image in best],
        "worst": [_overlay(predictor, image, "parts" in result) for image in worst],
    }


def overlay_panels(pair: Pair, predictors: Iterable[tuple[str, Predictor]]) -> list[Section]:
    """Return the image, its true mask, and the alpha of each predictor under its name."""
    image, mask = load_pair(pair)
    small = limit_size(image, MAX_SIDE)
    small_mask = limit_size(mask, MAX_SIDE)
    panels = [
        _panel("image", data_uri(small)),
        _panel("truth", data_uri(faded(small, small_mask))),
    ]
    for name, predictor in predictors:
        prepared = predictor.prepare(image)
        coarse = predictor.assemble(prepared, predictor.predict(prepared))
        alpha = to_size(coarse, small.shape[1], small.shape[0])
        panels.append(_panel(name, data_uri(with_outline(alpha, small_mask))))
    return panels


def cutout_panels(pair: Pair, predictors: Iterable[tuple[str, Predictor]]) -> list[Section]:
    """Return the image, and its cut-out on green by each predictor under its name, as served."""
    image, _ = load_pair(pair)
    panels = [_panel("image", data_uri(limit_size(image, MAX_SIDE)))]
    for name, predictor in predictors:
        alpha = refine(coarse_alpha(predictor, image, Clock()), image)
        cutout = on_color(LazyCutout(image, alpha).whole(), GREEN)
        panels.append(_panel(name, data_uri(limit_size(cutout, MAX_SIDE))))
    return panels


def occlusion(predictor: Predictor, evidence: Evidence) -> Section | None:
    """Return the section with occlusion maps, of parts classified right and wrong most certainly.

    None for a segmenter.
    """
    groups = []
    for title, label, right in GROUPS:
        parts = evidence.confident(label, right)
        if parts:
            groups.append(
                {"title": title, "images": [_influence(predictor, part) for part in parts]}
            )
    if not groups:
        return None
    text = (
        "Parts as the network reads them, with its answer. A small patch is moved over the part "
        "and the change of the answer noted: orange is where the network sees foreground, blue "
        "where it sees background. Full colour is the strongest influence within the part."
    )
    return {"text": text, "groups": groups}


def data(manifest: Manifest, evidence: Evidence, which: str, root_name: str) -> Section:
    """Return the section with the sets: images evaluated here, images trained on, terms."""
    evaluated = Counter(image.pair.set for image in evidence.images)
    seen = {entry.name: entry for entry in manifest.training.sets} if manifest.training else {}
    names = sorted({*evaluated, *seen}, key=lambda name: (not evaluated[name], name))
    rows = [
        {
            "name": name,
            "judged": f"{evaluated[name]:,}" if evaluated[name] else "–",
            "seen": f"{seen[name].images:,}" if name in seen else "–",
            "terms": seen[name].license if name in seen else "",
            "total": False,
        }
        for name in names
    ]
    learned = sum(entry.images for entry in seen.values())
    total = {
        "name": "all",
        "judged": f"{evaluated.total():,}",
        "seen": f"{learned:,}",
        "terms": "",
        "total": True,
    }
    rest = 100 - TEST_PERCENT - VALIDATION_PERCENT
    kept_aside = (
        f"Split by a hash of set and image, all frames of a clip on one side: {rest} % training, "
        f"{VALIDATION_PERCENT} % validation, {TEST_PERCENT} % test. Judged here: the test split "
        f"of “{root_name}”."
    )
    everything = (
        f"Judged here: every image of “{root_name}”, those that training may have seen among them."
    )
    text = kept_aside if which == "test" else everything
    if manifest.training:
        text += f" Fingerprint of the training data: {manifest.training.fingerprint[:16]}…"
    return {
        "text": text,
        "columns": ["set", "judged here", "train + validation", "terms"],
        "rows": [total, *rows],
    }


def model(manifest: Manifest, time: Timing) -> Section:
    """Return the section with the model's file, and its times."""
    spec = manifest.preprocess
    file = manifest.model
    rows = [
        ("size", f"{file.bytes / 1e6:.2f} MB, {file.precision}"),
        ("parameters", f"{file.parameters:,}" if file.parameters else "not known"),
        (
            "input",
            f"{spec.size} × {spec.size} × {spec.channels}, {spec.color}, {spec.fit}, {spec.scale}",
        ),
        ("ONNX opset", str(file.opset)),
        ("sha256", file.sha256),
    ]
    if manifest.parity:
        rows.append(("difference from Keras", f"at most {manifest.parity.max_difference:.1e}"))
    if manifest.quality_float32 and manifest.quality:
        key = MAIN_MEASURE[manifest.task]
        before, after = manifest.quality_float32[OVERALL][key], manifest.quality[OVERALL][key]
        rows.append(("cost of 8 bits", f"{MEASURES[key]} {before:.3f} before, {after:.3f} after"))
    steps = [
        ("prepare", time.prepare),
        ("network", time.network),
        ("assemble", time.assemble),
        ("an alpha", time.total),
    ]
    if manifest.task == "classify":
        steps.append(("a probability", time.probability))
    return {
        "file": rows,
        "time": [(name, f"{value:.1f} ms") for name, value in steps],
        "time_text": time_text(time),
    }


def time_text(time: Timing) -> str:
    """Describe how times were measured."""
    return (
        f"Median of {time.runs} runs on an image of {time.width} × {time.height} pixels, "
        f"{_threads(time.threads)} in onnxruntime, {time.machine}. Measured lightly, beside "
        "whatever else the machine was doing; without decoding, refining and encoding."
    )


def config(manifest: Manifest) -> Section | None:
    """Return every entry of the training's configuration, and what it was made with.

    None for a bundle that was not trained here.
    """
    training = manifest.training
    if training is None:
        return None
    values = training.config
    sections = config_sections(training.config)
    versions = [
        ("code", training.code_version),
        ("data fingerprint", training.fingerprint),
        *training.libraries.items(),
    ]
    if training.exported_by:
        versions.insert(1, ("exported by", training.exported_by))
    seed = values.get("training", {}).get("seed")
    name = values.get("name", manifest.name)
    text = f"Config “{name}”, seed {seed}: with the same data it trains the same network again."
    return {"text": text, "sections": [*sections, ("made with", versions)]}


def config_sections(values: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return each section of a configuration with its entries, without absent and empty ones."""
    sections = {
        name: entries for name, entries in values.items() if isinstance(entries, dict) and entries
    }
    if "start" in sections:  # the sets it had seen stand in the table of data
        sections["start"] = {
            key: value for key, value in sections["start"].items() if isinstance(value, str)
        }
    return [(name, _flat(entries)) for name, entries in sections.items()]


def progress_tiles(history: History, epochs: int) -> list[Section]:
    """Return the figures of a run in progress: epochs, minutes, loss and best score."""
    last = history.epochs[-1]
    found = [
        {"value": f"{last['epoch']:.0f}", "unit": f"of {epochs}", "label": "epochs"},
        {"value": f"{history.minutes:.0f}", "unit": "min", "label": "trained so far"},
    ]
    if "loss" in last:
        found.append({"value": f"{last['loss']:.3f}", "unit": "", "label": "training loss"})
    best = max((entry["score"] for entry in history.epochs if "score" in entry), default=None)
    if best is not None:
        found.append(
            {
                "value": f"{best:.3f}",
                "unit": "",
                "label": f"best validation score, epoch {history.best_epoch}",
            }
        )
    return found


def _overlay(predictor: Predictor, image: ImageScore, parts: bool) -> Section:
    value = f"{image.value:.0%} of parts" if parts else f"IoU {image.value:.3f}"
    name = f"{image.pair.set} / {image.pair.stem}"
    return {
        "name": name,
        "value": value,
        "panels": overlay_panels(image.pair, [("alpha", predictor)]),
    }


def _influence(predictor: Predictor, part: ConfidentPart) -> Section:
    transposed = predictor.manifest.preprocess.layout == "NCHW"
    sample = part.x.transpose(0, 2, 3, 1) if transposed else part.x

    def score(x: Tensor) -> Any:
        tensor = np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if transposed else x
        return predictor.predict(Prepared(tensor, ())).reshape(-1)

    influence = occlusion_map(np.ascontiguousarray(sample), score)
    image = shown(sample[0])
    overlay = heat(image, influence, float(np.abs(influence).max()))
    panels = [_panel("part", data_uri(image)), _panel("influence", data_uri(overlay))]
    return {"name": part.pair.set, "value": f"answer {part.probability:.3f}", "panels": panels}


def _confusion(counts: ScoreCounts, threshold: float, unit: str) -> list[Section]:
    table = confusion_at(counts, threshold)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12)
    rows = []
    for row, name in enumerate(KINDS):
        cells = []
        for column in range(2):
            amount = (
                f"{table[row, column]:,.0f} parts"
                if unit == "parts"
                else f"{table[row, column] / table.sum():.1%} of all"
            )
            share = float(shares[row, column])
            cells.append(
                {
                    "percent": f"{share:.1%}",
                    "amount": amount,
                    "share": round(share, 3),
                    "right": row == column,
                }
            )
        rows.append({"name": name, "cells": cells})
    return rows


def _set_table(result: Result) -> Section:
    main = main_measure(result)
    keys = [main, *(key for key in MEASURES if key in result and key not in (main, *COUNTS))]
    # COUNTS is a set, without an order: sorted below, parts before images
    counted = [key for key in COUNTS if key in result]
    columns = ["set", *(MEASURES[key] for key in [*sorted(counted, reverse=True), *keys])]
    order = sorted(result["sets"], key=lambda name: -result["sets"][name][main])
    rows = [
        {
            "name": "all together",
            "overall": True,
            "cells": _cells(result, sorted(counted, reverse=True), keys, main),
        }
    ]
    for name in order:
        cells = _cells(result["sets"][name], sorted(counted, reverse=True), keys, main)
        rows.append({"name": name, "overall": False, "cells": cells})
    return {"columns": columns, "rows": rows}


def _cells(values: Result, counted: Sequence[str], keys: Sequence[str], main: str) -> list[Section]:
    numbers = [cell(f"{values[key]:,}") for key in counted]
    return numbers + [
        cell(f"{values[key]:.3f}", share=values[key] if key == main else None) for key in keys
    ]


def cell(text: str, share: float | None = None, best: bool = False) -> Section:
    """Return one cell of a table: `share` in [0, 1] draws a bar, `best` marks it."""
    return {"text": text, "share": None if share is None else round(float(share), 4), "best": best}


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{prefix}{key}.")
        elif value is not None and value not in ({}, []):
            rows.append((f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)))
    return rows


def _panel(label: str, uri: str) -> Section:
    return {"label": label, "uri": uri}


def _plot(title: str, svg: str, caption: str = "") -> Section:
    return {"title": title, "svg": svg, "caption": caption}


def _threads(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _minutes(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes >= 2 else f"{60 * minutes:.0f} seconds"
