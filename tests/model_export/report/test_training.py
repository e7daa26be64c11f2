"""What `train` says at its end: the score before and after, from the run's history."""

import json
from pathlib import Path

from model_export.report.training import next_step, scores, start_was_kept


def write_history(run: Path, *values: tuple[int, float]) -> None:
    lines = [
        {"epoch": epoch, "score": score, "mean_iou": score + 0.05, "mean_mae": 0.05}
        for epoch, score in values
    ]
    unseen = {"epoch": 99, "loss": 0.1}
    (run / "history.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in [*lines, unseen])
    )


def test_fine_tuning_tells_what_it_began_with_and_the_best_epoch(tmp_path: Path) -> None:
    write_history(tmp_path, (0, 0.5), (1, 0.7), (2, 0.6))
    *table, forgotten = scores(tmp_path).splitlines()
    assert table == [
        "validation split    IoU    MAE  score",
        "before            0.550  0.050  0.500",
        "epoch 1           0.750  0.050  0.700",
    ]
    assert "was not measured: give general images by --keep" in forgotten


def test_fine_tuning_tells_what_it_forgot(tmp_path: Path) -> None:
    lines = [
        {"epoch": epoch, "score": score, "mean_iou": score, "mean_mae": 0.1, "kept_mean_iou": kept}
        for epoch, score, kept in ((0, 0.5, 0.81), (1, 0.7, 0.79))
    ]
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert scores(tmp_path).splitlines()[-1] == (
        "IoU on the images to remember: 0.810 before, 0.790 after (-0.020)"
    )


def test_it_says_so_where_the_start_was_kept(tmp_path: Path) -> None:
    write_history(tmp_path, (0, 0.5), (1, 0.4))
    assert (
        scores(tmp_path).splitlines()[-1]
        == "no epoch scored better than the network it started from, which was kept"
    )
    assert start_was_kept(tmp_path)
    write_history(tmp_path, (0, 0.5), (1, 0.6))
    assert not start_was_kept(tmp_path)


def test_training_from_scratch_has_nothing_before(tmp_path: Path) -> None:
    write_history(tmp_path, (1, 0.4), (2, 0.6))
    assert [line.split()[0] for line in scores(tmp_path).splitlines()] == ["validation", "epoch"]
    assert "epoch 2" in scores(tmp_path)
    (tmp_path / "history.jsonl").unlink()
    assert scores(tmp_path) == "not yet evaluated on the validation images"


def test_the_next_command_can_be_typed(tmp_path: Path) -> None:
    assert next_step(Path("runs/mugs"), Path("my images"), "mugs").endswith(
        "export --run runs/mugs --data 'my images' --out mine/mugs"
    )
