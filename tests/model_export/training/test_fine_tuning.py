"""Going on with a trained network: its weights, what it has seen, what it keeps, and when a run
ends.
"""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from cutout.errors import DataError
from cutout.inference.manifest import read_manifest
from cutout.inference.onnx_predictor import load_predictor
from model_export.config import TrainingConfig, load_config, read_run_config
from model_export.data.dataset import find_pairs
from model_export.data.soft_labels import Rule, read_labels
from model_export.labelling.label import label
from model_export.labelling.own_labels import images_to_rehearse
from model_export.training.candidate import Candidate
from model_export.training.fine_tuning import find_origin
from model_export.training.progress import Progress
from tests.support.bundles import write_bundle
from tests.support.pairs import draw_pair, write_pair
from tests.support.training import BRIEF, history, run, settings

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of a user, as few as can be split."""
    root = tmp_path_factory.mktemp("own")
    for number in range(4):
        write_pair(root / "mugs", f"mug{number}", *draw_pair(100 + number))
    return root


def weights_of(path: Path) -> dict[str, list[np.ndarray]]:
    return {
        layer.name: layer.get_weights()
        for layer in keras.models.load_model(path, compile=False).layers
    }


def test_it_starts_from_the_weights_of_the_bundle(shipped: Path, own: Path, tmp_path: Path) -> None:
    still = settings("training.learning_rate=1e-12", "training.average=0")
    run("train", "fine-tune", "--from", shipped, "--data", own, "--out", tmp_path, *BRIEF, *still)
    assert [line["epoch"] for line in history(tmp_path)] == [0, 1]
    last, started = weights_of(tmp_path / "last.keras"), weights_of(shipped / "model.keras")
    convolutions = [
        name for name in started if not name.endswith("_norm")
    ]  # batch statistics move at any rate
    assert all(
        np.allclose(a, b, atol=1e-6)
        for name in convolutions
        for a, b in zip(last[name], started[name], strict=True)
    )


@pytest.mark.parametrize(("scores", "learned"), [((0.7, 0.6), False), ((0.6, 0.7), True)])
def test_it_ends_with_no_less_than_it_started_from(
    scores: tuple[float, float], learned: bool, tmp_path: Path
) -> None:
    model, served = (keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]) for _ in range(2))
    model.compile("sgd", "mse")
    told = iter(scores)
    candidate = Candidate(served, served, lambda _: {"score": next(told)})
    progress = Progress(candidate, TrainingConfig(), tmp_path)
    progress.score_start(model)
    start = model.get_weights()
    model.fit(np.ones((8, 2)), np.ones((8, 1)), callbacks=progress.callbacks, verbose=0)
    kept = keras.models.load_model(tmp_path / "model.keras").get_weights()
    assert all(map(np.array_equal, kept, model.get_weights() if learned else start))


def test_frozen_levels_stay_and_the_others_learn(shipped: Path, own: Path, tmp_path: Path) -> None:
    frozen = settings("training.frozen_levels=2", "training.average=0")
    run("train", "fine-tune", "--from", shipped, "--data", own, "--out", tmp_path, *BRIEF, *frozen)
    last, started = weights_of(tmp_path / "last.keras"), weights_of(shipped / "model.keras")
    changed = {
        name for name, old in started.items() if not all(map(np.array_equal, last[name], old))
    }
    assert {"down2", "down2_norm", "decode0", "alpha0_logits"} <= changed
    assert not [
        name for name in changed if name.startswith(("down0", "down1", "encode0", "encode1"))
    ]


def test_what_is_kept_lies_on_the_way_to_what_was_learned(tmp_path: Path) -> None:
    model, served = (keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]) for _ in range(2))
    model.compile("sgd", "mse")
    candidate = Candidate(served, served, lambda _: {"score": 1.0})
    progress = Progress(candidate, TrainingConfig(), tmp_path)
    start = model.get_weights()
    candidate.start_from(start, blend=0.25)
    model.fit(np.ones((8, 2)), np.ones((8, 1)), callbacks=progress.callbacks, verbose=0)
    for kept, old, learned in zip(served.get_weights(), start, model.get_weights(), strict=True):
        assert not np.allclose(learned, old)
        assert np.allclose(kept, 0.75 * old + 0.25 * learned)


def test_the_bundle_tells_what_it_started_from_and_what_was_kept(
    shipped: Path, own: Path, images: Path, tmp_path: Path
) -> None:
    options = ["--from", shipped / "model.keras", "--data", own, "--keep", images]
    run("train", "fine-tune", *options, "--out", tmp_path / "run", *BRIEF)
    assert {"iou/mugs", "kept_iou/kept/discs"} <= set(history(tmp_path / "run")[-1])
    run("export", "--run", tmp_path / "run", "--data", own, "--out", tmp_path / "bundle")
    manifest = read_manifest(tmp_path / "bundle")
    assert manifest.training is not None
    assert {entry.name: entry.images for entry in manifest.training.sets} == {
        "mugs": 3,
        "kept/discs": 15,
        "segmenter/discs": 15,
    }
    assert "Fine-tuned from segmenter 1.0.0, whose terms go on applying" in manifest.license
    assert manifest.license.count("terms of the training images apply") == 1
    gone_on_with = find_origin(tmp_path / "run").config.start
    assert gone_on_with is not None
    assert {entry.name for entry in gone_on_with.sets} == {
        "fine-tuned/mugs",
        "kept/discs",
        "segmenter/discs",
    }
    assert find_origin(tmp_path / "bundle").config.network == find_origin(shipped).config.network


def test_a_set_that_several_versions_of_a_network_saw_is_one_set(
    shipped: Path, tmp_path: Path
) -> None:
    bundle = shutil.copytree(shipped, tmp_path / "bundle")
    manifest = json.loads((bundle / "manifest.json").read_text())
    discs = manifest["training"]["sets"][0]
    earlier = [{**discs, "name": f"segmenter/{name}"} for name in ("discs", "rings")]
    manifest["training"]["sets"] = [{**discs, "images": 20}, *earlier]
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    start = find_origin(bundle).config.start
    assert start is not None
    assert {entry.name: entry.images for entry in start.sets} == {
        "segmenter/discs": 20,
        "segmenter/rings": 15,
    }


def test_labels_of_its_own_are_rehearsed_and_judged(
    shipped: Path, own: Path, tmp_path: Path
) -> None:
    """All labels, where an untrained network is sure of none: its rule is set to take them."""
    photographs = photographs_in(tmp_path / "photographs", 6)
    every = Rule(certainty=0, least=0, most=1, peak=0)
    label(load_predictor(shipped), photographs, tmp_path / "labels", every)
    options = ["--from", shipped, "--data", own, "--keep", tmp_path / "labels"]
    run("train", "fine-tune", *options, "--out", tmp_path / "run", *BRIEF)
    assert "kept_iou/kept/labels" in history(tmp_path / "run")[-1]
    start = read_run_config(tmp_path / "run").start
    assert start is not None
    assert [(entry.name, entry.images) for entry in start.kept] == [("kept/labels", 5)]
    assert str(start.kept[0].masks_by).startswith("segmenter 1.0.0")


def test_photographs_without_masks_are_labelled_by_the_bundle(own: Path, tmp_path: Path) -> None:
    bundle, data = (
        write_bundle(tmp_path / "bright", "segment"),
        shutil.copytree(own, tmp_path / "d"),
    )
    assert images_to_rehearse(None, bundle, data, tmp_path / "run") is None
    photographs_in(data / "unlabelled", 6)
    with pytest.raises(DataError, match="is certain of its mask in none of 6 images"):
        images_to_rehearse(None, bundle, data, tmp_path / "doubtful")
    for number in range(6):
        # white discs on black, of which a teacher by brightness is certain
        cv2.imwrite(str(data / "unlabelled" / f"x{number}.jpg"), draw_pair(number)[1])
    kept = images_to_rehearse(None, bundle, data, tmp_path / "run")
    assert kept == tmp_path / "run" / "own-labels"
    assert len(list(read_labels(kept))) == 6
    assert {pair.set for pair in find_pairs(data)} == {"mugs"}


def photographs_in(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        cv2.imwrite(str(folder / f"x{number}.jpg"), draw_pair(number)[0])
    return folder


def test_only_a_bundle_labels_for_itself(own: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no masks, .*export that run first"):
        images_to_rehearse(own / "mugs" / "images", tmp_path, own, tmp_path / "run")
    assert images_to_rehearse(own, tmp_path, own, tmp_path / "run") == own
    assert images_to_rehearse(None, tmp_path, own, tmp_path / "run") is None


def test_the_network_comes_from_the_start_and_the_rest_from_the_file(shipped: Path) -> None:
    base = find_origin(shipped).config
    config = load_config("fine-tune", ["network.dropout=0.3"], base)
    assert config.network == base.network.model_copy(update={"dropout": 0.3})
    assert (config.preprocess, config.data.clips) == (base.preprocess, base.data.clips)
    assert config.training.learning_rate < base.training.learning_rate
    with pytest.raises(DataError, match=r"fine-tune\.toml: names no network; give --from"):
        load_config("fine-tune")


def test_levels_that_never_learned_stay_frozen(shipped: Path, tmp_path: Path) -> None:
    base = find_origin(shipped).config
    training = base.training.model_copy(update={"frozen_levels": 3})
    frozen = base.model_copy(update={"training": training})
    assert load_config("fine-tune", [], frozen).training.frozen_levels == 3
    free = load_config("fine-tune", ["training.frozen_levels=0"], frozen)
    assert free.training.frozen_levels == 0
    no_table = tmp_path / "mine.toml"
    no_table.write_text("training = 3")
    with pytest.raises(DataError, match=r"training: 3 is not a section"):
        load_config(str(no_table), [], frozen)


def test_what_cannot_be_started_from_is_named(shipped: Path, own: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing/model\.keras: no such saved network"):
        find_origin(tmp_path / "nothing")
    write_bundle(tmp_path / "imported", "segment")
    with pytest.raises(DataError, match="networks that were imported have none"):
        find_origin(tmp_path / "imported")
    (tmp_path / "model.keras").write_bytes((shipped / "model.keras").read_bytes())
    with pytest.raises(
        DataError, match=r"neither manifest\.json nor config\.json beside model\.keras"
    ):
        find_origin(tmp_path)
    wider = settings("network.widths=[8, 8, 8, 8, 8, 16]")
    with pytest.raises(DataError, match=r"model\.keras: its weights don't fit"):
        run(
            "train",
            "fine-tune",
            "--from",
            shipped,
            "--data",
            own,
            "--out",
            tmp_path / "run",
            *BRIEF,
            *wider,
        )


def test_a_run_that_no_longer_improves_ends(images: Path, tmp_path: Path) -> None:
    still = settings("training.epochs=9", "training.patience=2", "training.learning_rate=1e-12")
    run("train", "classifier-defaults", "--data", images, "--out", tmp_path, *still, "--no-report")
    assert [entry["epoch"] for entry in history(tmp_path)] == [1, 2, 3]
    assert json.loads((tmp_path / "state.json").read_text())["best_epoch"] == 1


def test_a_stopped_run_keeps_its_best_and_goes_on(images: Path, tmp_path: Path) -> None:
    """Stopped in its second epoch, and before it would first have looked at the validation
    split.
    """
    options = ["classifier-defaults", "--data", str(images), "--out", str(tmp_path)]
    lasting = settings("training.epochs=5000", "training.validate_every=1000")
    command = [sys.executable, "-um", "model_export", "train", *options, *lasting]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        while "Epoch 3/" not in (line := process.stdout.readline()):
            assert line, "it ended by itself"
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert (process.returncode, "stopped; the best model so far is" in rest) == (0, True)
    keras.models.load_model(tmp_path / "model.keras")
    done = json.loads((tmp_path / "state.json").read_text())["epochs_done"]
    again = settings(f"training.epochs={done + 1}", "training.validate_every=1000")
    run("train", *options, "--no-report", "--resume", *again)
    assert history(tmp_path)[-1]["epoch"] == done + 1


def test_keeping_needs_something_to_keep(images: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--keep is for fine-tuning and needs --from"):
        run("train", "classifier", "--data", images, "--keep", images, "--out", tmp_path)


def test_a_run_of_an_older_version_is_read(tmp_path: Path) -> None:
    config = load_config("segmenter-plain")
    new = ("patience", "blend", "frozen_levels", "deep_supervision", "keep_share")
    values = config.model_dump(
        mode="json", exclude={"start": True, "training": set(new), "network": {"l2"}}
    )
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert read_run_config(tmp_path) == config
    assert read_run_config(tmp_path, ["name=mugs", "network.sharpness=3"]).name == "mugs"
    with pytest.raises(DataError, match=r"no such entry; did you mean network\.sharpness"):
        read_run_config(tmp_path, ["network.sharpnes=3"])
