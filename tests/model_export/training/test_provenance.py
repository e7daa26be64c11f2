"""The terms of weights: of the images, and of what training started from."""

import pytest

from cutout.inference.manifest import DataSet, TrainingRecord
from model_export.networks.efficientnet import encoder_start
from model_export.training.provenance import GENERAL_TERMS, Licenses, weights_license

STATED = Licenses("For research.", {"ecssd": "none stated"})


@pytest.mark.parametrize(("name", "terms"), [("ecssd", "For research."), ("mine", GENERAL_TERMS)])
def test_an_encoder_s_terms_come_after_those_of_the_images(name: str, terms: str) -> None:
    start = encoder_start()
    own = DataSet(name=name, images=2, license="none stated")
    record = TrainingRecord(
        sets=(own, *start.sets), fingerprint="", config={}, code_version="", libraries={}
    )
    assert weights_license(record, STATED) == GENERAL_TERMS
    text = weights_license(record, STATED, start)
    assert text.startswith(f"{terms} Fine-tuned from efficientnet_lite0 1, whose terms go on")
    assert "EfficientNet-Lite0 of tensorflow/tpu: Apache-2.0" in text
