"""Which dtype training computes in: what is stated, what the flags say, what a measurement says."""

from pathlib import Path

import pytest

from model_export.config import TrainingConfig
from model_export.networks.precision import (
    choose,
    precision,
    processor_flags,
    seconds_of_gradients,
)


def never(_: str) -> float:
    raise AssertionError("measured although it was known")


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16"])
def test_a_processor_that_multiplies_in_bfloat16_does(flag: str) -> None:
    chosen = choose({"avx2", flag}, never)
    assert str(chosen) == f"computing in bfloat16: the processor has {flag}"
    assert chosen.policy == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("bfloat16", "policy"), [(12.0, "float32"), (1.0, "float32"), (0.6, "mixed_bfloat16")]
)
def test_others_take_what_is_faster(bfloat16: float, policy: str) -> None:
    chosen = choose({"avx2"}, {"bfloat16": bfloat16, "float32": 1.0}.__getitem__)
    assert chosen.policy == policy
    assert f"take {bfloat16:.2g} times as long in bfloat16" in chosen.reason


def test_what_is_stated_is_taken() -> None:
    assert TrainingConfig().dtype_policy == "auto"
    assert precision("float32").policy == "float32"
    assert precision("mixed_bfloat16").policy == "mixed_bfloat16"


def test_flags_are_those_of_the_first_processor(tmp_path: Path) -> None:
    text = "processor\t: 0\nflags\t\t: fpu avx2 avx512_bf16\n\nprocessor\t: 1\nflags\t\t: fpu\n"
    (tmp_path / "x86").write_text(text)
    (tmp_path / "arm").write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert processor_flags(tmp_path / "x86") == {"fpu", "avx2", "avx512_bf16"}
    assert processor_flags(tmp_path / "arm") == {"fp", "asimd", "bf16"}
    assert processor_flags(tmp_path / "none") == set()


def test_the_gradients_can_be_measured_here() -> None:
    assert seconds_of_gradients("float32") > 0
    assert seconds_of_gradients("bfloat16") > 0
