"""A history as a run leaves it."""

import json
from pathlib import Path

from model_export.report.history import read_history


def test_a_history_survives_a_torn_line_and_a_repeated_epoch(tmp_path: Path) -> None:
    lines = [
        {"epoch": 1, "seconds": 60.0, "loss": 2.0, "score": 0.5},
        {"epoch": 2, "seconds": 120.0, "loss": 1.5},
        {"epoch": 2, "seconds": 130.0, "loss": 1.0, "score": 0.7},
        {"epoch": 3, "seconds": 240.0, "loss": 0.9, "score": 0.6},
    ]
    (tmp_path / "history.jsonl").write_text(
        "\n".join(map(json.dumps, lines)) + '\n{"epoch": 4, "lo'
    )
    history = read_history(tmp_path)
    assert history is not None
    assert history.series("loss") == ([1, 2, 3], [2.0, 1.0, 0.9])
    assert (history.best_epoch, history.minutes) == (2, 4.0)
    assert read_history(tmp_path / "nothing") is None
