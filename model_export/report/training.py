"""The output of `train` when a run has ended."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from model_export.report.history import read_history
from model_export.report.table import table
from model_export.training.run_folder import MODEL

COLUMNS = {
    "mean_iou": "IoU",
    "mean_mae": "MAE",
    "kept_mean_iou": "IoU kept",
    "val_balanced_accuracy": "balanced accuracy",
    "val_auc": "AUC",
    "score": "score",
}


def scores(run: Path) -> str:
    """Return the scores on the validation split: of the start, if fine-tuned, and of the best."""
    history = read_history(run)
    seen = [entry for entry in history.epochs if "score" in entry] if history else []
    if history is None or not seen:
        return "not yet evaluated on the validation images"
    # epoch 0 is the network that fine-tuning started from
    begun = [("before", seen[0])] if seen[0]["epoch"] == 0 else []
    later = seen[len(begun) :]
    best = max(later, key=lambda entry: entry["score"], default=None)
    after = [(f"epoch {best['epoch']:.0f}", best)] if best else []
    lines = [table("validation split", COLUMNS, [*begun, *after])]
    if history.best_epoch == 0:
        lines.append("no epoch scored better than the network it started from, which was kept")
    elif begun and best:
        lines.append(_forgotten(seen[0], best))
    return "\n".join(lines)


def start_was_kept(run: Path) -> bool:
    """Tell whether no epoch scored better than the network that the run started from."""
    history = read_history(run)
    return history is not None and history.best_epoch == 0


def _forgotten(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """Say what learning the new images cost on general ones, or that it was not measured."""
    if "kept_mean_iou" not in before:
        return (
            "how much it forgot of other kinds of images was not measured: give general images by "
            "--keep, or put your own photographs without masks into unlabelled/ of the data folder"
        )
    was, now = before["kept_mean_iou"], after["kept_mean_iou"]
    return f"IoU on the images to remember: {was:.3f} before, {now:.3f} after ({now - was:+.3f})"


def next_step(run: Path, root: Path, name: str) -> str:
    """Say where the network is, and give the command that makes a bundle of it."""
    command = [
        "-m",
        "model_export",
        "export",
        "--run",
        str(run),
        "--data",
        str(root),
        "--out",
        f"mine/{name}",
    ]
    return f"network: {run / MODEL}\nto make a bundle: .venv/bin/python {shlex.join(command)}"
