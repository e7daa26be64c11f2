"""Plots as SVG that is part of the page: its fonts, its colours, light or dark.

Matplotlib draws with the stand-in colours below; they are then replaced by the page's CSS
variables.
"""

import io
import itertools
import re
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from model_export.report.curves import Calibration, Curve, ScoreCounts, thinned
from model_export.report.history import History

INK, MUTED, LINE, SURFACE = "#1a1a1a", "#6b6b6b", "#dedede", "#fefefe"
SERIES = ("#0f766e", "#c2410c", "#4f46e5", "#a16207", "#be185d", "#0369a1")
VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    SURFACE: "var(--surface)",
    **{color: f"var(--series-{number})" for number, color in enumerate(SERIES)},
}
SIZE = (4.4, 3.4)  # inches, of 72 points
STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 11,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "text.color": INK,
    "legend.facecolor": SURFACE,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "legend.fancybox": False,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
}
HISTOGRAM_BINS = 25

Place = Literal["best", "lower left", "lower right", "upper left", "upper center"]
Line = tuple[str, str]  # the key in the history, what it is called
LEARNING = (
    ("loss", (("loss", "training"), ("val_loss", "validation"))),
    (
        "score",
        (
            ("accuracy", "accuracy, training"),
            ("val_balanced_accuracy", "balanced accuracy, validation"),
            ("val_auc", "AUC, validation"),
            ("mean_iou", "IoU, validation"),
            ("mean_mae", "MAE, validation"),
        ),
    ),
    ("learning rate", (("rate", "learning rate"),)),
)
# What Matplotlib writes into a file, and a page has already or must not have twice.
CLEANING = tuple(
    (re.compile(pattern, re.DOTALL), instead)
    for pattern, instead in (
        (r"<(metadata|style)\b.*?</\1>", ""),
        (r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" role="img">'),
        (r'<g id="[^"]*"', "<g"),
        (r'font-family: [^;"]*;? ?', ""),
        (r"xlink:href", "href"),
        (r"\s*\n\s*", "\n"),
    )
)
_numbers = itertools.count()


def learning_curves(history: History) -> list[str]:
    """Plot loss, scores and learning rate over epochs, a figure each.

    The epoch whose network was kept is marked.
    """
    return [figure for name, lines in LEARNING if (figure := _learning_curve(history, name, lines))]


def roc_figure(curves: Sequence[tuple[str, Curve]]) -> str:
    """Plot ROC curves, each with its name; the area under it is in the legend."""
    axes = new_axes("false positive rate", "true positive rate", unit=True)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    for number, (name, curve) in enumerate(curves):
        _plot(axes, number, f"{name}AUC {curve.area:.3f}", thinned(curve))
    return to_svg(axes, legend="lower right")


def precision_recall_figure(curves: Sequence[tuple[str, Curve]], base_rate: float) -> str:
    """Plot precision-recall curves; the dashed line is what guessing gives."""
    axes = new_axes("recall", "precision", unit=True)
    axes.axhline(base_rate, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    for number, (name, curve) in enumerate(curves):
        _plot(axes, number, f"{name}average precision {curve.area:.3f}", thinned(curve))
    return to_svg(axes, legend="lower left")


def reliability_figure(calibrations: Sequence[tuple[str, Calibration]]) -> str:
    """Plot the frequency of foreground over the score; larger points hold more of the samples.

    On the diagonal is perfect.
    """
    axes = new_axes("score", "share that is foreground", unit=True)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    for number, (name, calibration) in enumerate(calibrations):
        color = SERIES[number % len(SERIES)]
        label = f"{name}ECE {calibration.ece:.3f}"
        axes.plot(calibration.score, calibration.frequency, color=color, linewidth=1.5, label=label)
        sizes = 16 + 260 * np.sqrt(calibration.share)
        axes.scatter(
            calibration.score, calibration.frequency, s=sizes, color=color, alpha=0.55, linewidths=0
        )
    return to_svg(axes, legend="upper left")


def score_figure(counts: ScoreCounts, threshold: float) -> str:
    """Plot the distributions of foreground and background scores, as shares of each kind."""
    axes = new_axes("score", "share")
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    for values, name, number in (
        (counts.negatives, "background", 1),
        (counts.positives, "foreground", 0),
    ):
        shares = np.histogram(counts.scores, edges, weights=values / max(values.sum(), 1e-12))[0]
        axes.stairs(shares, edges, fill=True, color=SERIES[number], alpha=0.35, label=name)
        axes.stairs(shares, edges, color=SERIES[number], linewidth=1.5)
    axes.axvline(threshold, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    axes.set_xlim(0, 1)
    return to_svg(axes, legend="upper center")


def threshold_figure(counts: ScoreCounts, threshold: float) -> str:
    """Plot precision, recall and their harmonic mean F1 over the threshold."""
    # back to rising scores, without the leading 0
    negatives, positives = (values[:0:-1] for values in counts.from_top)
    precision = positives / np.maximum(positives + negatives, 1e-12)
    recall = positives / max(float(positives.max(initial=0)), 1e-12)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    axes = new_axes("threshold", "", unit=True)
    for number, (name, values) in enumerate(
        (("precision", precision), ("recall", recall), ("F1", f1))
    ):
        _plot(axes, number, name, thinned(Curve(counts.scores, values, 0.0)))
    axes.axvline(threshold, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    return to_svg(axes, legend="lower left")


def _learning_curve(history: History, name: str, lines: Sequence[Line]) -> str | None:
    axes = new_axes("epoch", name)
    number = 0
    for key, label in lines:
        epochs, values = history.series(key)
        if epochs:
            marker = "o" if len(epochs) == 1 else None
            axes.plot(epochs, values, color=SERIES[number], label=label, marker=marker)
            number += 1
    if not number:
        return None
    if history.best_epoch is not None:
        axes.axvline(history.best_epoch, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.02)
    if name == "learning rate":
        axes.set_ylim(bottom=0)
    return to_svg(axes, legend="best" if number > 1 else None)


def new_axes(across: str, up: str, unit: bool = False) -> Axes:
    """Make empty axes in the reports' style, with these names; with `unit` both are 0 to 1."""
    with mpl.rc_context(STYLE):
        # not by pyplot, which keeps every figure until it is closed
        axes: Axes = Figure(figsize=SIZE, dpi=72, layout="constrained").subplots()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.tick_params(length=0)
    if unit:
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.02)
    return axes


def _plot(axes: Axes, number: int, label: str, curve: Curve) -> None:
    axes.plot(curve.x, curve.y, color=SERIES[number % len(SERIES)], label=label)


def to_svg(axes: Axes, legend: Place | None) -> str:
    """Return the figure of these axes as SVG; ids are unique in the page, which sets the width."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    with mpl.rc_context({**STYLE, "svg.hashsalt": f"figure{next(_numbers)}"}):
        if legend:
            axes.legend(loc=legend)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True)
    text = file.getvalue()
    text = text[text.index("<svg") :]
    for pattern, instead in CLEANING:
        text = pattern.sub(instead, text)
    for color, variable in VARIABLES.items():
        text = text.replace(color, variable)
    return text.strip()
