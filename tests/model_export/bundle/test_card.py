"""Model cards: those of the shipped bundles are current, and a card says what a reader must
know.
"""

from pathlib import Path

import pytest

from cutout.inference.manifest import DataSet, TrainingRecord, find_bundles, read_manifest
from model_export.bundle.card import CARD, card
from model_export.training.provenance import read_licenses
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
        start = f"| {entry.name} | {entry.images} | {entry.license} |"
        assert any(row.startswith(start) for row in rows)
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


def test_a_card_says_how_many_images_state_open_terms_and_who_made_the_masks(
    tmp_path: Path,
) -> None:
    sets = (
        DataSet(name="a", images=1200, license="CC0", terms="open"),
        DataSet(name="b", images=30, license="not stated", terms="unclear", masks_by="isnet 1.0.0"),
    )
    record = TrainingRecord(sets=sets, fingerprint="f", config={}, code_version="a", libraries={})
    manifest = read_manifest(write_bundle(tmp_path / "segmenter", "segment"))
    text = card(manifest.model_copy(update={"training": record}))
    assert "Of them 1,200 state open terms (CC0, CC BY, MIT and their like); 0 allow" in text
    assert "; 30 state none, or none that is clear." in text
    assert "| a | 1200 | CC0 | people |" in text
    assert "| b | 30 | not stated | isnet 1.0.0 |" in text


def test_whose_terms_are_listed_as_open_or_restricted_is_a_known_set() -> None:
    licenses = read_licenses()
    assert licenses.open | licenses.restricted <= licenses.sets.keys()
    assert not licenses.open & licenses.restricted
    kinds = [licenses.terms_of(name) for name in ("unlabelled/lego", "davis2016", "ecssd", "mugs")]
    assert kinds == ["open", "restricted", "unclear", "unclear"]
