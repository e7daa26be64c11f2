"""The files of a training run."""

from pathlib import Path

HISTORY = "history.jsonl"  # a line an epoch
MODEL = "model.keras"  # the network that is best on the validation split
LAST = "last.keras"  # the last network that was scored
# Keras writes weights to names that end in .weights.h5 only
CHECKPOINT = "checkpoint.weights.h5"  # this and the next two are what resuming needs
AVERAGE = "average.npz"
STATE = "state.json"
PROVENANCE = "provenance.json"  # the code, libraries and images that the run began with
REPORT = "report.html"
REPORTS = Path("runs/reports")  # of evaluations and comparisons, which belong to no run
