"""Figures as parts of a page."""

import numpy as np

from model_export.report.curves import (
    ScoreCounts,
    precision_recall,
    roc,
)
from model_export.report.figures import precision_recall_figure, roc_figure


def test_figures_take_their_colours_and_fonts_from_the_page_and_share_no_ids() -> None:
    counts = ScoreCounts.of_labels(np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.6, 0.4]))
    first, second = (
        roc_figure([("", roc(counts))]),
        precision_recall_figure([("", precision_recall(counts))], 0.5),
    )
    for svg in (first, second):
        assert svg.startswith("<svg viewBox=")
        assert "var(--series-0)" in svg
        assert not any(text in svg for text in ("font-family", "http", "<style", "#0f766e"))
    ids = [{part.split('"')[0] for part in svg.split(' id="')[1:]} for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
