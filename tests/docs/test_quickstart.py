"""The README's first commands, as they stand there, against the shipped bundles."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.images import decoded
from tests.support.paths import ROOT
from tests.support.service import Service, eventually

pytestmark = pytest.mark.slow  # starts the service with the shipped bundles

CURL = re.compile(r"^curl .*$", re.MULTILINE)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = shutil.copytree(ROOT / "models", tmp_path_factory.mktemp("shipped") / "models")
    service = Service(folder)
    try:
        eventually(lambda: service.get("/readyz")[0] == 200)
        yield service
    finally:
        service.process.terminate()
        service.process.wait()


def test_curl_commands_give_what_the_readme_shows(shipped: Service, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    answers = {}
    for command in CURL.findall(readme):
        words = shlex.split(command.replace("127.0.0.1:8000", f"127.0.0.1:{shipped.port}"))
        words = [
            str(tmp_path / word) if before == "-o" else word
            for before, word in zip(["", *words], words)  # noqa: B905
        ]
        done = subprocess.run(
            [*words, "--silent", "--show-error", "--fail"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        answers[command.split("127.0.0.1:8000")[1].split()[0]] = done.stdout
    assert {"/cutout", "/predict"} <= answers.keys()
    shown = json.loads(re.search(r"```json\n(.*?)```", readme, re.DOTALL)[1])  # type: ignore[index]
    answer = json.loads(answers["/predict"])
    assert shown.keys() == answer.keys()
    assert (shown["label"], shown["image"], shown["model"]) == (
        answer["label"],
        answer["image"],
        answer["model"],
    )
    assert answer["probability"] == pytest.approx(shown["probability"], abs=0.02)
    alpha = decoded((tmp_path / "cat.png").read_bytes())[:, :, 3]
    assert 0.2 < np.mean(alpha > 127) < 0.8  # the cat fills about half of the image


def test_the_shipped_bundles_say_what_they_are(shipped: Service) -> None:
    models = {model["name"]: model for model in json.loads(shipped.get("/models")[1])["models"]}
    assert models.keys() == {"classifier", "segmenter"}
    assert models["classifier"]["model"]["parameters"] == 1_624_705
    assert models["segmenter"]["model"]["bytes"] <= 5_000_000
    for model in models.values():
        assert model["quality"]["overall"]
        assert model["parity"]["max_difference"] <= 1e-4
        assert all(data_set["license"] for data_set in model["training"]["sets"])
