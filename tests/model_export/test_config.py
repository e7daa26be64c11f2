"""Configs: what is wrong is told by entry, with the remedy, before anything heavy is imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cutout.errors import DataError
from cutout.inference.manifest import read_manifest
from model_export.config import TrainConfig, TrainingConfig, load_config
from tests.support.paths import ROOT


def lines(*overrides: str, config: str = "classifier") -> list[str]:
    """What is told of a config that is refused, but for the line that names the file."""
    with pytest.raises(DataError) as refusal:
        load_config(config, overrides)
    head, *rest = refusal.value.detail.splitlines()
    assert head.endswith(f"{config}.toml with --set:")
    return [line.strip() for line in rest]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "training.lerning_rate=1",
            "training.lerning_rate: no such entry; did you mean training.learning_rate?",
        ),
        ("epochs=3", "epochs: no such entry; did you mean training.epochs?"),
        ("traning.epochs=3", "traning: no such entry; did you mean training?"),
        ("network.dropuot=0.1", "network.dropuot: no such entry; did you mean network.dropout?"),
        ("network.widths=[1]", "network.widths: no entry of this kind of network"),
        ("network.kind=cnm", "network.kind: 'cnm' is not one of 'cnn', 'encoder_decoder'"),
        ("network.filters=[1, 2, 3]", "network.filters: [1, 2, 3] has 3 values; it takes 2"),
        ("training.batch_size=0", "training.batch_size: 0 is out of range: it must be at least 1"),
        ("network.filters=[0, 8]", "network.filters.0: 0 is out of range: it must be at least 1"),
        (
            "data.weights={ecssd=-1}",
            "data.weights.ecssd: -1 is out of range: it must be at least 0",
        ),
        (
            "data.part_sizes=[0.2, 0]",
            "data.part_sizes.1: 0 is out of range: it must be more than 0",
        ),
        ("training.epochs=many", "training.epochs: 'many' is not a whole number"),
        ("training=3", "training: 3 is not a section with entries of its own"),
        (
            "training.optimizer=adamm",
            "training.optimizer: 'adamm' is not one of 'adam', 'adamw', 'sgd' or 'rmsprop'",
        ),
    ],
)
def test_an_entry_that_does_not_fit_is_told_by_its_name_and_remedy(
    override: str, line: str
) -> None:
    assert lines(override) == [line]


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(lines("training.lerning_rate=1", "training.batch_size=0", "augment.flipp=1")) == 3


def test_nothing_is_asked_for_that_would_have_no_effect() -> None:
    rare = "data.augment_only_rare=true"
    assert lines(rare, config="classifier-defaults") == [
        "data.augment_only_rare needs an [augment], which says how; add one"
    ]
    load_config("classifier-defaults", [rare, "augment.color=0.5"])


def test_sizes_that_can_t_be_halved_often_enough_are_told() -> None:
    (line,) = lines("training.sizes=[{from_epoch=0,size=160,batch_size=8}]", config="segmenter")
    assert line == "size 160: 6 levels of the encoder need multiples of 64"


def test_a_file_that_is_no_utf_8_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "\u00fcber"', encoding="latin-1")
    with pytest.raises(DataError, match=r"mine\.toml: invalid TOML: 'utf-8' codec"):
        load_config(str(path))


def test_an_entry_is_no_section() -> None:
    with pytest.raises(DataError, match=r"^name\.x=3: name is an entry, not a section"):
        load_config("classifier", ["name.x=3"])


@pytest.mark.parametrize(
    ("epochs", "warmup", "decay"), [(20, 0.25, 10), (60, 0.5, 20), (100, 0.5, 20)]
)
def test_warm_up_and_decay_shrink_with_the_epochs_where_they_no_longer_fit(
    epochs: int, warmup: float, decay: float
) -> None:
    training = load_config("classifier", [f"training.epochs={epochs}"]).training
    assert (training.warmup_epochs, training.decay_epochs) == (warmup, decay)


def test_a_decay_that_was_asked_for_is_not_changed_but_refused() -> None:
    (line,) = lines("training.epochs=3", "training.decay_epochs=5")
    assert line.startswith(
        "training.epochs: warmup_epochs 0.5 and decay_epochs 5 are more than 3 together;"
    )
    assert line.endswith("add --set training.decay_epochs=2.5")
    load_config("classifier", ["training.epochs=3", "training.decay_epochs=2.5"])
    with pytest.raises(ValueError, match="are more than 10 together"):
        TrainingConfig.model_validate({"decay_epochs": 11})  # epochs left at their default


def test_the_command_line_tells_errors_alone(tmp_path: Path) -> None:
    """No traceback, no system's error number, nothing of TensorFlow's."""
    command = [sys.executable, "-m", "model_export"]
    export = ["export", "--run", str(tmp_path), "--data", "x", "--out", str(tmp_path / "bundle")]
    for arguments, words in (
        (
            ["train", "classifier", "--data", "x", "--set", "training.epochs=0"],
            "training.epochs: 0 is out of range",
        ),
        (export, "config.json: no such file or directory; give the folder of a training run"),
        (
            ["train", "classifier", "--data", str(tmp_path / "x")],
            "no such directory of training images: ",
        ),
    ):
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert words in done.stderr
        assert len(done.stderr.splitlines()) <= 2


def test_the_config_of_the_classifier_is_that_of_the_shipped_bundle() -> None:
    """Entries that came later have their defaults, which change nothing; auto is bfloat16 there."""
    training = read_manifest(ROOT / "models" / "classifier").training
    assert training is not None
    config = load_config("classifier", ["training.dtype_policy=mixed_bfloat16"])
    shipped = TrainConfig.model_validate_json(json.dumps(training.config))
    assert config == shipped
