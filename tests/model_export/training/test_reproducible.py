"""The same command trains the same network: docs/reports.md states the tolerance."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.support.training import SMALL, history, run, settings

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

METRICS_TOLERANCE = 0.002
WEIGHTS_TOLERANCE = 1e-4  # of weights around 0.1


@pytest.mark.parametrize("name", ["classifier", "segmenter"])
def test_the_same_command_gives_the_same_metrics(name: str, images: Path, tmp_path: Path) -> None:
    """With all that is random switched on: drawn parts, augmentation, pasting, dropout,
    averaging.
    """
    random = {
        "classifier": ["augment.flip=0.5", "data.redraw_parts=true", "network.dropout=0.3"],
        "segmenter": ["network.dropout=0.1", "augment.flip=0.5"],
    }
    for out in ("first", "second"):
        options = settings(*SMALL[name], *random[name], "training.epochs=2")
        run("train", name, "--no-report", "--data", images, "--out", tmp_path / out, *options)
    first, second = history(tmp_path / "first"), history(tmp_path / "second")
    assert len(first) == 2
    for one, other in zip(first, second, strict=True):
        assert one == pytest.approx(other, abs=METRICS_TOLERANCE)
    networks = [
        keras.models.load_model(tmp_path / out / "last.keras", compile=False)
        for out in ("first", "second")
    ]
    for one, other in zip(*(network.get_weights() for network in networks), strict=True):
        np.testing.assert_allclose(one, other, atol=WEIGHTS_TOLERANCE)
