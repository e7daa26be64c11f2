"""The pieces of a report: curves, ranking, occlusion, images, histories."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from model_export.data.dataset import Pair
from model_export.quality.part_measures import auc, confusion
from model_export.report.curves import (
    Curve,
    ScoreCounts,
    calibration,
    confusion_at,
    precision_recall,
    roc,
    thinned,
)
from model_export.report.evidence import Evidence, ImageScore, spread_over_sets
from model_export.report.figures import precision_recall_figure, roc_figure
from model_export.report.history import read_history
from model_export.report.images import OUTLINE, faded, heat, with_outline
from model_export.report.occlusion import occlusion_map

labels_and_scores = st.integers(2, 60).flatmap(
    lambda size: st.tuples(
        arrays.arrays(np.int64, size, elements=st.integers(0, 1)).filter(
            lambda labels: 0 < labels.sum() < len(labels)
        ),
        arrays.arrays(
            np.float64, size, elements=st.sampled_from([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
        ),
    )
)


@given(labels_and_scores)
def test_curves_agree_with_the_measures(
    given: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> None:
    labels, scores = given
    counts = ScoreCounts.of_labels(labels, scores)
    assert roc(counts).area == pytest.approx(auc(labels, scores))
    np.testing.assert_array_equal(confusion_at(counts, 0.5), confusion(labels, scores, 0.5))
    for threshold in np.unique(scores):
        table = confusion(labels, scores, float(threshold))
        place = np.flatnonzero(counts.scores[::-1] == threshold)[0]
        curve = precision_recall(counts)
        assert curve.x[place] == pytest.approx(table[1, 1] / table[1].sum())
        assert curve.y[place] == pytest.approx(table[1, 1] / table[:, 1].sum())


def test_average_precision_is_that_of_the_textbook() -> None:
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    assert precision_recall(ScoreCounts.of_labels(labels, scores)).area == pytest.approx(
        0.5 + 0.5 * 2 / 3
    )


def test_calibration_error_is_nothing_where_scores_are_frequencies_and_their_distance_elsewhere() -> (
    None
):
    scores = np.array([0.15, 0.85])
    honest = ScoreCounts(scores, np.array([85.0, 15.0]), np.array([15.0, 85.0]))
    assert calibration(honest).ece == pytest.approx(0, abs=1e-12)
    too_sure = ScoreCounts(scores, np.array([75.0, 25.0]), np.array([25.0, 75.0]))
    assert calibration(too_sure).ece == pytest.approx(0.1)
    np.testing.assert_allclose(calibration(too_sure).frequency, [0.25, 0.75])


def test_a_thinned_curve_keeps_its_ends_and_its_corner() -> None:
    x = np.concatenate([np.zeros(5000), np.linspace(0, 1, 5000)])
    y = np.concatenate([np.linspace(0, 1, 5000), np.ones(5000)])
    thin = thinned(Curve(x, y, 1.0), 100)
    assert len(thin.x) <= 102
    assert (thin.x[0], thin.y[0], thin.x[-1], thin.y[-1]) == (0, 0, 1, 1)
    assert float(np.hypot(thin.x, thin.y - 1).min()) < 0.03


def pair(name: str, of: str = "set") -> Pair:
    return Pair(of, name, name, Path(f"{name}.jpg"), Path(f"{name}.png"))


def test_pixels_count_alike_for_images_of_all_sizes() -> None:
    evidence = Evidence()
    for name, size, alpha in (("small", 2, 255), ("large", 20, 0)):
        mask = np.zeros((size, size), np.uint8)
        mask[: size // 2] = 255
        evidence.alpha(pair(name), np.full((size, size), alpha, np.uint8), mask)
    np.testing.assert_allclose(confusion_at(evidence.counts, 0.5), [[0.5, 0.5], [0.5, 0.5]])
    best, worst = evidence.best_and_worst(1, 5)
    assert ([image.pair.stem for image in best], [image.pair.stem for image in worst]) == (
        ["small"],
        ["large"],
    )
    assert evidence.images[0].value == pytest.approx(0.5)
    assert evidence.images[1].error == pytest.approx(0.5)


def test_the_surest_parts_are_kept_one_a_image() -> None:
    evidence = Evidence()
    for number in range(6):
        x = np.full((3, 4, 4, 1), number, np.float32)
        scores = np.array([0.6 + number / 20, 0.55, 0.3])
        evidence.parts(pair(str(number)), x, np.array([1, 1, 1]), scores)
    kept = evidence.telling(1, right=True)
    assert [(part.pair.stem, round(part.probability, 2)) for part in kept] == [
        ("5", 0.85),
        ("4", 0.8),
        ("3", 0.75),
        ("2", 0.7),
    ]
    assert {part.pair.stem for part in evidence.telling(1, right=False)} <= set("012345")
    assert evidence.telling(0, right=True) == []
    assert evidence.images[0].value == pytest.approx(2 / 3)


def test_a_gallery_is_not_of_one_set_alone() -> None:
    ranked = [ImageScore(pair(str(number), "a"), 0.5, 0.0) for number in range(4)]
    ranked.append(ImageScore(pair("other", "b"), 0.4, 0.0))
    assert [image.pair.stem for image in spread_over_sets(ranked, 3)] == ["0", "1", "other"]
    assert len(spread_over_sets(ranked, 9)) == 5


def test_occlusion_finds_the_pixels_that_the_answer_depends_on() -> None:
    sample = np.zeros((1, 64, 64, 1), np.float32)
    sample[0, 8:24, 40:56] = 1

    def bright_spot(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(x[:, 8:24, 40:56, 0].mean(axis=(1, 2)), np.float32)

    influence = occlusion_map(sample, bright_spot)
    top, left = np.unravel_index(int(influence.argmax()), influence.shape)
    assert 8 <= top < 24
    assert 40 <= left < 56
    assert np.abs(influence[40:, :20]).max() < 1e-6


def test_overlays_show_what_they_say() -> None:
    image = np.full((20, 30, 3), (200, 40, 40), np.uint8)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 10:20] = 255
    shown = faded(image, mask)
    np.testing.assert_array_equal(shown[10, 15], (200, 40, 40))
    assert shown[0, 0].min() > 200
    outlined = with_outline(np.zeros((20, 30), np.uint8), mask)
    np.testing.assert_array_equal(outlined[5, 15], OUTLINE)
    np.testing.assert_array_equal(outlined[10, 15], (0, 0, 0))
    influence = np.zeros((20, 30), np.float32)
    influence[0, 0], influence[0, 1] = 1, -1
    colored = heat(np.full((20, 30, 3), 128, np.uint8), influence, 1.0)
    assert colored[0, 0, 0] > colored[0, 0, 2]
    assert colored[0, 1, 2] > colored[0, 1, 0]
    np.testing.assert_array_equal(colored[5, 5], (128, 128, 128))


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
