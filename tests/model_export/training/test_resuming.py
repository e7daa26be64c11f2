"""What a resumed run may change."""

from pathlib import Path

import pytest

from cutout.errors import DataError
from model_export.config import RUN_CONFIG, load_config
from model_export.data.dataset import find_pairs
from model_export.training.provenance import record_start
from model_export.training.resuming import refuse_another_run
from tests.support.pairs import draw_pair, write_pair


@pytest.fixture
def begun(images: Path, tmp_path: Path) -> Path:
    """The directory of a run that began with ten epochs."""
    config = load_config("classifier-defaults")
    (tmp_path / RUN_CONFIG).write_text(config.model_dump_json())
    record_start(find_pairs(images), tmp_path, resume=False)
    return tmp_path


def test_it_may_go_on_for_longer(begun: Path, images: Path) -> None:
    for settings in ([], ["training.epochs=20"], ["training.epochs=20", "training.decay_epochs=5"]):
        config = load_config("classifier-defaults", settings)
        refuse_another_run(config, find_pairs(images), begun)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("training.learning_rate=0.01", "training.learning_rate 0.001 -> 0.01"),
        ("data.part_sizes=[0.5]", r"data.part_sizes \(0.2, 0.3, 0.4\) -> \(0.5,\)"),
        ("augment.flip=0.1", "augment None -> "),
    ],
)
def test_other_settings_are_named_and_refused(
    setting: str, told: str, begun: Path, images: Path
) -> None:
    config = load_config("classifier-defaults", [setting, "training.epochs=20"])
    with pytest.raises(DataError, match=rf"other settings \({told}.*give another --out"):
        refuse_another_run(config, find_pairs(images), begun)


def test_other_images_are_refused(begun: Path, images: Path, tmp_path: Path) -> None:
    config = load_config("classifier-defaults")
    for pair in find_pairs(images):
        write_pair(tmp_path / "other" / pair.set, pair.stem, *draw_pair(999))
    with pytest.raises(DataError, match="started with other images"):
        refuse_another_run(config, find_pairs(tmp_path / "other"), begun)
    (begun / "provenance.json").unlink()  # of a run that was begun before there were any
    refuse_another_run(config, find_pairs(tmp_path / "other"), begun)
