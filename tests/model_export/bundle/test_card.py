"""Model cards: those of the shipped bundles are current, and a card says what a reader must
know.
"""

from pathlib import Path

import pytest

from cutout.inference.manifest import TrainingRecord, find_bundles, read_manifest
from model_export.bundle.card import CARD, card
from tests.support.bundles import write_bundle
from tests.support.paths import ROOT

SHIPPED = find_bundles(ROOT / "models")


@pytest.mark.parametrize("bundle", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_cards_are_as_their_manifests_say(bundle: Path) -> None:
    assert (bundle / CARD).read_text() == card(read_manifest(bundle)), (
        f"run: python -m model_export card {bundle}"
    )


@pytest.mark.parametrize("bundle", SHIPPED, ids=lambda path: path.name)
def test_a_card_names_every_set_its_terms_and_what_repeats_the_training(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    training = manifest.training
    assert training is not None
    text = card(manifest)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for entry in training.sets:
        assert f"| {entry.name} | {entry.images} | {entry.license} |" in rows
    for fact in (
        manifest.license,
        training.fingerprint,
        training.code_version,
        manifest.model.sha256,
    ):
        assert fact in text
    assert f"| seed | {training.config['training']['seed']} |" in rows


def test_a_bundle_that_was_not_trained_here_has_a_card_too(tmp_path: Path) -> None:
    manifest = read_manifest(write_bundle(tmp_path / "segmenter", "segment"))
    text = card(manifest)
    assert "Not measured." in text
    assert "## Training data" not in text
    record = TrainingRecord(
        sets=(), fingerprint="f", config={"training": {"seed": 7}}, code_version="a", libraries={}
    )
    assert "| seed | 7 |" in card(manifest.model_copy(update={"training": record}))
