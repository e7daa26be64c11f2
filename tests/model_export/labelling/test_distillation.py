"""docs/distillation.md, command by command, on images and networks small enough for a test."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from cutout.inference.manifest import read_manifest
from tests.support.bundles import write_bundle
from tests.support.pairs import draw_pair, write_pair
from tests.support.paths import ROOT
from tests.support.training import BRIEF, run

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

FENCE = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def test_the_commands_lead_to_a_student(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(shipped, "models/segmenter")
    write_bundle(tmp_path / "mine" / "isnet", "segment")
    for number in range(6):
        write_pair(tmp_path / "data" / "checked", f"x{number}", *draw_pair(number))
    for number in range(12):
        image = np.clip(draw_pair(50 + number)[0].astype(int) + 20, 0, 255).astype(np.uint8)
        write_pair(tmp_path / "drawn", f"x{number}", image, image[:, :, 0])
    shutil.move("drawn/images", "photographs")
    lines = "\n".join(FENCE.findall((ROOT / "docs" / "distillation.md").read_text())).splitlines()
    served = [line for line in lines if line and " -m model_export " not in line]
    commands = [
        shlex.split(line.partition(" -m model_export ")[2])
        for line in lines
        if " -m model_export " in line
    ]
    assert [words[0] for words in commands] == ["label", "data", "train", "export", "report"]
    for words in commands:
        run(
            *words,
            *(BRIEF if words[0] == "train" else []),
            *(["--certainty", 0.3] if words[0] == "label" else []),
        )
    assert served == ["CUTOUT_MODELS=mine/student make serve"]
    manifest = read_manifest(Path("mine/student"))
    assert manifest.training is not None
    masks_by = {entry.name: entry.masks_by for entry in manifest.training.sets}
    assert masks_by["checked"] is None
    assert str(masks_by["photographs"]).startswith("isnet 1.0.0 (")
    assert "Taught by isnet 1.0.0" in manifest.license
    card = Path("mine/student/README.md").read_text()
    assert "| photographs | 12 | not stated | isnet 1.0.0 (" in card
    assert Path("runs/reports/isnet-and-student.html").is_file()
