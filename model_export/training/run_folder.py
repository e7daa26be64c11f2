"""The files of a training run that others read."""

from pathlib import Path

HISTORY = "history.jsonl"  # a line an epoch
MODEL = "model.keras"  # the best on the validation split
PROVENANCE = "provenance.json"  # the code, libraries and images that the run began with
REPORT = "report.html"
REPORTS = Path("runs/reports")  # of evaluations and comparisons, which are no run's own
