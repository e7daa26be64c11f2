"""What runs the networks: what was asked for, or nothing."""

from pathlib import Path
from typing import get_args

import onnxruntime
import pytest
from pydantic import ValidationError

from app.settings import Settings
from cutout.errors import ProviderMissing
from cutout.inference.onnx_predictor import PROVIDERS, load_predictor
from cutout.settings import Provider
from tests.support.bundles import write_bundle

NOT_HERE = [
    name for name, full in PROVIDERS.items() if full not in onnxruntime.get_available_providers()
]


def test_settings_and_onnxruntime_mean_the_same_names() -> None:
    assert set(get_args(Provider)) == PROVIDERS.keys()
    assert set(PROVIDERS.values()) <= set(onnxruntime.get_all_providers())


def test_providers_are_read_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUTOUT_PROVIDERS", "cuda, cpu")
    assert Settings().providers == ("cuda", "cpu")
    for unusable in ("gpu", ","):
        monkeypatch.setenv("CUTOUT_PROVIDERS", unusable)
        with pytest.raises(ValidationError):
            Settings()


@pytest.mark.parametrize("provider", NOT_HERE)
def test_one_that_is_not_there_is_never_replaced_by_the_cpu(tmp_path: Path, provider: str) -> None:
    bundle = write_bundle(tmp_path / "segmenter", "segment")
    missing = (
        f"CUTOUT_PROVIDERS={provider},cpu: the installed onnxruntime has no provider {provider}"
    )
    with pytest.raises(ProviderMissing, match=missing):
        load_predictor(bundle, providers=(provider, "cpu"))
