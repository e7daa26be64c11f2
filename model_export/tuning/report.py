"""The report of a search, one HTML page: its history, what mattered, each entry."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
from matplotlib.axes import Axes
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from cutout.system.files import replace
from model_export.report.figures import MUTED, SERIES, new_axes, to_svg
from model_export.report.page import render

REPORT = "study.html"
COMPLETE = SERIES[0]
PRUNED = MUTED
MIN_FOR_IMPORTANCE = 4  # complete trials


def write_report(study: optuna.Study, out: Path) -> Path:
    """Write `study.html` into the study's folder, and return its path.

    The study must have a complete trial.
    """
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    # pruned ones too: Optuna takes their last reported score for their value
    scored = [trial for trial in trials if trial.value is not None]
    best = study.best_trial
    context = {
        "title": f"{study.study_name}: search",
        "heading": study.study_name,
        "lead": f"The best is trial {best.number}: {_described(best)}. Scores are those of the "
        "validation split; what the chosen config is worth, the test split says after a "
        "training with it.",
        "tiles": _tiles(study, trials),
        "plots": [plot for plot in (_history(scored), _importances(study)) if plot],
        "entries": [_entry(name, scored, best) for name in best.params],
        "trials": _table(trials, best),
    }
    replace(out / REPORT, lambda path: path.write_text(render("tuning.html", context)))
    return out / REPORT


def importances(study: optuna.Study) -> dict[str, float]:
    """Return the share of each config entry in the spread of the scores; may be empty.

    By PED-ANOVA (Watanabe et al., IJCAI 2023).
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < MIN_FOR_IMPORTANCE or len({trial.value for trial in complete}) < 2:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _tiles(study: optuna.Study, trials: list[FrozenTrial]) -> list[dict[str, str]]:
    counts = {
        name: sum(trial.state is state for trial in trials)
        for name, state in (
            ("complete", TrialState.COMPLETE),
            ("pruned", TrialState.PRUNED),
            ("failed", TrialState.FAIL),
        )
    }
    return [
        {"label": "best score", "value": f"{study.best_value:.4f}", "unit": ""},
        *(
            {"label": f"{name} trials", "value": str(count), "unit": ""}
            for name, count in counts.items()
        ),
    ]


def _history(scored: list[FrozenTrial]) -> dict[str, str]:
    axes = new_axes("trial", "score")
    _scatter(axes, [(trial.number, trial) for trial in scored])
    complete = sorted((t for t in scored if t.state is TrialState.COMPLETE), key=lambda t: t.number)
    best = np.maximum.accumulate([float(trial.value or 0) for trial in complete])
    axes.step(
        [trial.number for trial in complete],
        best,
        where="post",
        color=SERIES[1],
        label="best so far",
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return {
        "title": "History",
        "svg": to_svg(axes, legend="best"),
        "caption": "Pruned trials at their last score.",
    }


def _importances(study: optuna.Study) -> dict[str, str] | None:
    shares = importances(study)
    if not shares:
        return None
    names = sorted(shares, key=shares.__getitem__)
    axes = new_axes("share in the spread of the scores", "")
    axes.barh(names, [shares[name] for name in names], color=COMPLETE, height=0.6)
    caption = "PED-ANOVA; with few trials a rough guide."
    return {"title": "What mattered", "svg": to_svg(axes, legend=None), "caption": caption}


def _entry(name: str, scored: list[FrozenTrial], best: FrozenTrial) -> dict[str, str]:
    """Plot scores over the values of one config entry."""
    axes = new_axes(name, "score")
    distribution = best.distributions[name]
    if isinstance(distribution, CategoricalDistribution):
        places: dict[Any, int] = {
            choice: place for place, choice in enumerate(distribution.choices)
        }
        axes.set_xticks(list(places.values()), [str(choice) for choice in places])
    else:
        places = {}
        if getattr(distribution, "log", False):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
            axes.xaxis.set_minor_formatter(NullFormatter())
    points = [(places.get(t.params[name], t.params[name]), t) for t in scored if name in t.params]
    _scatter(axes, points)
    axes.scatter(
        [places.get(best.params[name], best.params[name])],
        [float(best.value or 0)],
        s=90,
        color=SERIES[1],
        label="best",
    )
    return {"title": name, "svg": to_svg(axes, legend=None), "caption": ""}


def _scatter(axes: Axes, points: list[tuple[Any, FrozenTrial]]) -> None:
    for state, color, label in (
        (TrialState.PRUNED, PRUNED, "pruned"),
        (TrialState.COMPLETE, COMPLETE, "complete"),
    ):
        chosen = [(x, float(trial.value or 0)) for x, trial in points if trial.state is state]
        if chosen:
            across, up = zip(*chosen, strict=True)
            axes.scatter(across, up, s=36, color=color, alpha=0.7, linewidths=0, label=label)


def _table(trials: list[FrozenTrial], best: FrozenTrial) -> dict[str, Any]:
    names = list(best.params)
    # by Optuna's numbers of states: complete, pruned, failed
    ordered = sorted(
        trials, key=lambda trial: (trial.state.value, -(trial.value or 0), trial.number)
    )
    rows = [
        {
            "name": str(trial.number),
            "overall": trial.number == best.number,
            "cells": [
                _cell("–" if trial.value is None else f"{trial.value:.4f}"),
                _cell(trial.user_attrs.get("reason", trial.state.name.lower())),
                *(_cell(_short(trial.params.get(name, "–"))) for name in names),
                _cell("–" if trial.duration is None else f"{trial.duration.total_seconds():.0f}"),
            ],
        }
        for trial in ordered
    ]
    return {"columns": ["trial", "score", "state", *names, "seconds"], "rows": rows}


def _cell(text: str) -> dict[str, Any]:
    return {"text": text, "share": None, "best": False}


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _described(trial: FrozenTrial) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in trial.params.items())
