"""What a bundle is written over, and what it is not."""

from pathlib import Path

import pytest

from cutout.errors import OutputRefused
from cutout.inference.manifest import read_manifest
from model_export.bundle.publish import publish, refuse_overwriting
from tests.support.bundles import write_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "segmenter", "segment")


def test_only_another_version_of_the_same_bundle_is_replaced(bundle: Path) -> None:
    there = read_manifest(bundle)
    refuse_overwriting(bundle, there.name, there.version + "1")
    for name, version in ((there.name, there.version), ("other", "9.9.9")):
        with pytest.raises(
            OutputRefused,
            match=rf"segmenter: {there.name} {there.version} is there already;.*--force",
        ):
            refuse_overwriting(bundle, name, version)


def test_a_folder_of_bundles_is_not_made_a_bundle(bundle: Path) -> None:
    with pytest.raises(
        OutputRefused, match=r"a directory of bundles \(segmenter\); give --out .*/mine$"
    ):
        refuse_overwriting(bundle.parent, "mine", "1.0.0")


def test_files_of_others_are_kept(tmp_path: Path) -> None:
    refuse_overwriting(tmp_path / "new", "mine", "1.0.0")
    (tmp_path / "notes.txt").touch()
    refuse_overwriting(tmp_path, "mine", "1.0.0")
    (tmp_path / "README.md").touch()
    with pytest.raises(OutputRefused, match=r"not a bundle, but it has README\.md"):
        refuse_overwriting(tmp_path, "mine", "1.0.0")


def test_what_is_published_reads_back_as_it_was(bundle: Path, tmp_path: Path) -> None:
    manifest = read_manifest(bundle)
    publish([bundle / "model.onnx"], manifest, tmp_path / "new")
    assert read_manifest(tmp_path / "new") == manifest
    assert (tmp_path / "new/model.onnx").read_bytes() == (bundle / "model.onnx").read_bytes()
