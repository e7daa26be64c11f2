"""The files of a training run."""

from pathlib import Path

HISTORY = "history.jsonl"  # a line an epoch
MODEL = "model.keras"  # the best on the validation split
LAST = "last.keras"  # the last that was scored
CHECKPOINT = "checkpoint.weights.h5"  # this and the next two: what resuming needs
AVERAGE = "average.npz"
STATE = "state.json"
PROVENANCE = "provenance.json"  # the code, libraries and images that the run began with
REPORT = "report.html"
REPORTS = Path("runs/reports")  # of evaluations and comparisons, which are no run's own
