"""Which images a bundle is evaluated on."""

from pathlib import Path

from cutout.inference.manifest import read_manifest
from model_export.config import load_config
from model_export.data.dataset import find_pairs
from model_export.quality.evaluate import sets_of_other_images
from model_export.training.provenance import Licenses, training_record
from tests.support.bundles import write_bundle
from tests.support.pairs import draw_pair, write_pair


def test_a_part_of_the_images_of_the_training_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number in range(12):
        for name in ("mugs", "cups"):
            write_pair(data / name, f"x{number}", *draw_pair(number))
    pairs = find_pairs(data)
    record = training_record(load_config("segmenter"), pairs, data, Licenses("", {}))
    bare = read_manifest(write_bundle(tmp_path / "bundle", "segment"))
    manifest = bare.model_copy(update={"training": record})
    assert sets_of_other_images(manifest, pairs) == []
    fewer = [pair for pair in pairs if pair.set == "mugs" or int(pair.stem[1:]) < 4]
    # the mugs too: a smaller folder needs some of them for its other splits
    assert sets_of_other_images(manifest, fewer) == ["cups", "mugs"]
    assert sets_of_other_images(bare, pairs) == []
