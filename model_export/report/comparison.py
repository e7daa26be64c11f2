"""A comparison of several bundles: the same images, the same measures, the best of each marked."""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from model_export.bundle.card import COUNTS, MEASURES
from model_export.data.dataset import Pair
from model_export.quality.evaluate import Result
from model_export.report.curves import calibration
from model_export.report.evidence import Evidence, ImageScore, spread_over_sets
from model_export.report.sections import (
    LOWER_IS_BETTER,
    Section,
    cell,
    cutout_panels,
    main_measure,
    overlay_panels,
    quality_plots,
    time_text,
)
from model_export.report.subject import Subject
from model_export.report.timing import Timing

MAX_DIFFERENT = 12  # images on which the models differ most
MAX_CUTOUTS = 50  # images drawn by chance, shown as cut-outs


def comparison(
    subjects: Sequence[Subject],
    results: Sequence[Result],
    evidence: Sequence[Evidence],
    times: Sequence[Timing],
    root_name: str,
) -> dict[str, Any]:
    """Return the contents of a comparison's page, as its template takes them."""
    names = labels(subjects)
    main = MEASURES[main_measure(results[0])]
    aside = _aside(subjects) if results[0]["split"] == "test" else "in all"
    counts = [(f"{name}, ", each.counts) for name, each in zip(names, evidence, strict=True)]
    return {
        "title": " – ".join(names),
        "heading": " and ".join(names) if len(names) < 3 else f"{len(names)} models side by side",
        "lead": f"Measured on the same images of “{root_name}” {aside} ({results[0]['images']:,}), "
        "through onnxruntime.",
        "measures_text": "The best of each row is green. Lower is better for MAE, loss and "
        "calibration error.",
        "measures": _measures(names, results, evidence),
        "plots": quality_plots(counts, None),
        "sets_text": f"{main}; the sets where they differ most come first. "
        f"{_ahead(names, results)}",
        "sets": _sets(names, results),
        "images_text": "Where the "
        f"{main if main == 'IoU' else 'share of correctly classified parts'} "
        "differs most, at most two of a set. The outline of the true mask is pink.",
        "images": _images(names, subjects, evidence),
        "cutouts_text": "Chosen by a hash of their names, every set in turn, not by how well "
        "anything did: what a user would get on a background of one colour.",
        "cutouts": _cutouts(names, subjects, evidence[0]),
        "panels": 2 + len(subjects),
        "models": _models(names, subjects, times),
        "time_text": time_text(times[0]),
    }


def _aside(subjects: Sequence[Subject]) -> str:
    """Say that the images were kept aside, and of which networks that is not known."""
    manifests = [subject.manifest for subject in subjects]
    imported = [manifest.name for manifest in manifests if manifest.training is None]
    unknown = f" (what {', '.join(imported)} saw is not known)" if imported else ""
    return f"that were kept aside in training{unknown}"


def labels(subjects: Sequence[Subject]) -> list[str]:
    """Return a short name for each subject.

    It is the bundle's, with version or folder where that alone would be ambiguous.
    """
    manifests = [subject.manifest for subject in subjects]
    for options in (
        [manifest.name for manifest in manifests],
        [f"{manifest.name} {manifest.version}" for manifest in manifests],
        [subject.folder.resolve().name for subject in subjects],
    ):
        if len(set(options)) == len(options):
            return options
    return [f"{number}: {manifest.name}" for number, manifest in enumerate(manifests, 1)]


def _measures(
    names: Sequence[str], results: Sequence[Result], evidence: Sequence[Evidence]
) -> Section:
    rows = [
        _row(MEASURES[key], [result[key] for result in results], key in LOWER_IS_BETTER)
        for key in MEASURES
        if key in results[0] and key not in COUNTS
    ]
    errors = [calibration(each.counts).ece for each in evidence]
    return {
        "columns": ["", *names],
        "rows": [*rows, _row("calibration error (ECE)", errors, lower=True)],
    }


def _sets(names: Sequence[str], results: Sequence[Result]) -> Section:
    main = main_measure(results[0])
    values = {
        name: [result["sets"][name][main] for result in results] for name in results[0]["sets"]
    }
    order = sorted(values, key=lambda name: min(values[name]) - max(values[name]))
    rows = [_row(name, values[name], lower=False, bars=True) for name in order]
    overall = {
        **_row("all together", [result[main] for result in results], lower=False, bars=True),
        "overall": True,
    }
    return {"columns": ["set", *names], "rows": [overall, *rows]}


def _ahead(names: Sequence[str], results: Sequence[Result]) -> str:
    """Say in how many sets each is the best, ties left out."""
    main = main_measure(results[0])
    wins: Counter[str] = Counter()
    for each in results[0]["sets"]:
        values = [result["sets"][each][main] for result in results]
        if values.count(max(values)) == 1:
            wins[names[values.index(max(values))]] += 1
    ahead = ", ".join(f"{name} {wins[name]}" for name in names)
    return f"Sets in which each is ahead, of {len(results[0]['sets'])}: {ahead}."


def _row(name: str, values: Sequence[float], lower: bool, bars: bool = False) -> Section:
    best = min(values) if lower else max(values)
    # as they are shown: all that look like the best are marked, unless all look alike
    tied = all(f"{value:.3f}" == f"{best:.3f}" for value in values)
    cells = [
        cell(
            f"{value:.3f}",
            share=value if bars else None,
            best=f"{value:.3f}" == f"{best:.3f}" and not tied,
        )
        for value in values
    ]
    return {"name": name, "overall": False, "cells": cells}


def _images(
    names: Sequence[str], subjects: Sequence[Subject], evidence: Sequence[Evidence]
) -> list[Section]:
    scores = [{image.pair.image_path: image.value for image in each.images} for each in evidence]

    def spread(image: ImageScore) -> float:
        values = [each[image.pair.image_path] for each in scores]
        return max(values) - min(values)

    ranked = sorted(evidence[0].images, key=spread, reverse=True)
    found = []
    for image in spread_over_sets(ranked, MAX_DIFFERENT):
        values = [each[image.pair.image_path] for each in scores]
        answers = [
            (f"{name} {value:.2f}", subject.predictor)
            for name, value, subject in zip(names, values, subjects, strict=True)
        ]
        panels = overlay_panels(image.pair, answers)
        found.append(
            {"name": f"{image.pair.set} / {image.pair.stem}", "value": "", "panels": panels}
        )
    return found


def _cutouts(
    names: Sequence[str], subjects: Sequence[Subject], evidence: Evidence
) -> list[Section]:
    predictors = [(name, each.predictor) for name, each in zip(names, subjects, strict=True)]
    return [
        {
            "name": f"{pair.set} / {pair.stem}",
            "value": "",
            "panels": cutout_panels(pair, predictors),
        }
        for pair in drawn([image.pair for image in evidence.images], MAX_CUTOUTS)
    ]


def drawn(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """Return at most `count` pairs, one of each set in turn, in a random order.

    The order is always the same: that of a hash of their names.
    """
    by_chance = sorted(pairs, key=lambda pair: sha256(pair.stem.encode()).digest())
    seen: Counter[str] = Counter()
    turns = []
    for pair in by_chance:
        turns.append((seen[pair.set], pair.set, pair))
        seen[pair.set] += 1
    return [pair for _, _, pair in sorted(turns, key=lambda turn: turn[:2])[:count]]


def _models(names: Sequence[str], subjects: Sequence[Subject], times: Sequence[Timing]) -> Section:
    manifests = [subject.manifest for subject in subjects]
    smallest = min(manifest.model.bytes for manifest in manifests)
    fastest = min(time.total for time in times)
    several = len(subjects) > 1
    sizes = [
        cell(f"{each.model.bytes / 1e6:.2f} MB", best=several and each.model.bytes == smallest)
        for each in manifests
    ]
    rows = {
        "size": sizes,
        "precision": [cell(each.model.precision) for each in manifests],
        "parameters": [
            cell(f"{each.model.parameters:,}" if each.model.parameters else "–")
            for each in manifests
        ],
        "input": [
            cell(f"{each.preprocess.size} × {each.preprocess.size} × {each.preprocess.channels}")
            for each in manifests
        ],
        "time for an alpha": [
            cell(f"{time.total:.1f} ms", best=several and time.total == fastest) for time in times
        ],
        "of which network": [cell(f"{time.network:.1f} ms") for time in times],
        "version": [cell(each.version) for each in manifests],
        "code": [cell(each.training.code_version if each.training else "–") for each in manifests],
        "sha256": [cell(each.model.sha256[:12]) for each in manifests],
    }
    table = [{"name": name, "overall": False, "cells": cells} for name, cells in rows.items()]
    return {"columns": ["", *names], "rows": table}
