"""Other people's ONNX files become bundles: the signatures of well-known networks, through the real
server.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app.main import create_app
from app.settings import Settings
from cutout.errors import BundleError, DataError
from cutout.inference.golden import check_golden
from cutout.inference.manifest import Manifest, read_manifest
from cutout.inference.onnx_predictor import load_predictor
from model_export.__main__ import cli
from model_export.bundle.import_spec import preset_names
from tests.support.images import decoded, disc, encoded
from tests.support.networks import write_convolutions, write_network

IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
Shape = list[int | str | None]


def nchw(side: int) -> Shape:
    return [1, 3, side, side]


SIGNATURES: dict[str, tuple[Shape, dict[str, Any]]] = {
    "u2net": (nchw(320), {"outputs": 7, **IMAGENET}),
    "isnet": (["batch", 3, 1024, 1024], {"outputs": 6, "mean": (0.5,)}),
    "isnet-anime": (["batch", 3, "height", "width"], {}),
    "birefnet": ([None, 3, 1024, 1024], {"logits": True, **IMAGENET}),
    "modnet": (["batch_size", 3, "height", "width"], {"mean": (0.5,), "std": (0.5,)}),
}


def import_file(file: Path, out: Path, *arguments: str) -> Manifest:
    command = ["import", str(file), "--out", str(out), "--license", "mine", "--json", *arguments]
    result = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["name"] == out.name
    return read_manifest(out)


def mask_of(models: Path) -> Any:
    """What the whole server answers to a bright disc on black: the mask (64, 96) uint8, the
    network's own.
    """
    with TestClient(create_app(Settings(models=models))) as client:
        answer = client.post("/mask", files={"file": encoded(disc())}, data={"refine": "false"})
        assert answer.status_code == 200, answer.text
        return decoded(answer.content)


@pytest.mark.parametrize("preset", SIGNATURES)
def test_a_preset_makes_a_bundle_that_the_server_runs(preset: str, tmp_path: Path) -> None:
    shape, options = SIGNATURES[preset]
    file = write_network(tmp_path / "theirs.onnx", shape, **options)
    manifest = import_file(file, tmp_path / "models" / preset, "--preset", preset)
    assert manifest.model.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    mask = mask_of(tmp_path / "models")
    truth = disc()[:, :, 0]
    assert mask.shape == truth.shape
    assert np.abs(mask.astype(int) - truth).mean() < 3  # the disc's edge, resampled
    assert mask[32, 48] >= 253  # six standard deviations of a sigmoid are 0.9975
    assert mask[2, 2] <= 2


def test_the_file_that_people_have_is_taken_as_it_is(tmp_path: Path) -> None:
    """Weights in half precision, nodes out of their order, seven outputs with numbers for names."""
    file = write_convolutions(tmp_path / "theirs.onnx", 64, half=True)
    size = ["--set", "preprocess.size=64"]
    manifest = import_file(file, tmp_path / "models" / "isnet", "--preset", "isnet", *size)
    assert manifest.model.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (manifest.model.precision, manifest.output.name) == ("float16", "1890")
    assert np.abs(mask_of(tmp_path / "models").astype(int) - disc()[:, :, 0]).mean() < 3


def test_it_ends_with_where_the_bundle_is_and_what_to_do_next(tmp_path: Path) -> None:
    file = write_network(tmp_path / "theirs.onnx", nchw(320), **IMAGENET)
    out = tmp_path / "my models"
    command = ["import", str(file), "--out", str(out), "--preset", "u2net", "--name", "theirs"]
    lines = CliRunner().invoke(cli, command, catch_exceptions=False).stdout.splitlines()
    assert lines[0].startswith(f"bundle: {out} (theirs 1.0.0, float32, ")
    assert lines[1] == f"serve it: CUTOUT_MODELS='{out}' make serve"


def test_every_name_of_a_preset_is_known(tmp_path: Path) -> None:
    assert {*SIGNATURES, "u2netp", "u2net_human_seg", "silueta", "isnet-general-use"} <= set(
        preset_names()
    )
    with pytest.raises(DataError, match="no preset 'u3net'; there are birefnet, "):
        import_file(tmp_path / "theirs.onnx", tmp_path / "out", "--preset", "u3net")


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_spec_says_what_no_preset_does(suffix: str, tmp_path: Path) -> None:
    spec = {
        "description": "half precision, last of two channels, half as large as its input, "
        "channels last, blue first",
        "preprocess": {"color": "bgr", "size": 64, "fit": "pad", "scale": "unit"},
        "output": {"name": "out1", "layout": "NHWC", "channel": 1},
    }
    file = tmp_path / f"spec.{suffix}"
    file.write_text(json.dumps(spec) if suffix == "json" else _toml(spec))
    theirs = write_network(
        tmp_path / "theirs.onnx", [1, 64, 64, 3], kind=TensorProto.FLOAT16, outputs=2, planes=2
    )
    manifest = import_file(theirs, tmp_path / "models" / "theirs", "--spec", str(file))
    assert (manifest.model.precision, manifest.model.input) == ("float16", "input")
    mask = mask_of(tmp_path / "models")
    assert abs(int(mask[32, 48]) - round(0.9 * 255)) <= 1
    assert mask[2, 2] == 0


def test_an_output_of_another_size_is_brought_to_the_canvas(tmp_path: Path) -> None:
    theirs = write_network(tmp_path / "theirs.onnx", nchw(64), half_size=True)
    import_file(
        theirs,
        tmp_path / "models" / "theirs",
        "--preset",
        "isnet-anime",
        "--set",
        "preprocess.size=64",
    )
    mask = mask_of(tmp_path / "models")
    assert (mask[32, 48], mask[2, 2]) == (255, 0)


def test_weights_beside_the_file_are_brought_in(tmp_path: Path) -> None:
    write_network(tmp_path / "whole.onnx", nchw(64))
    model = onnx.load(tmp_path / "whole.onnx")
    onnx.save_model(
        model,
        tmp_path / "split.onnx",
        save_as_external_data=True,
        location="split.data",
        size_threshold=0,
    )
    options = ["--preset", "isnet-anime", "--set", "preprocess.size=64"]
    import_file(tmp_path / "split.onnx", tmp_path / "models" / "x", *options)
    (tmp_path / "split.data").unlink()
    check_golden(load_predictor(tmp_path / "models" / "x"))
    with pytest.raises(BundleError, match=r"split\.onnx"):
        import_file(tmp_path / "split.onnx", tmp_path / "other", *options)


@pytest.mark.parametrize(
    ("shape", "options", "arguments", "message"),
    [
        (
            nchw(320),
            {},
            ["--preset", "isnet"],
            r"is \[1, 3, 320, 320\].*--set preprocess\.size=320",
        ),
        ([1, 320, 320, 3], {}, ["--preset", "u2net"], r"try --set preprocess\.layout=NHWC$"),
        (
            [4, 3, 320, 320],
            {},
            ["--preset", "u2net"],
            r"\[4, 3, 320, 320\], the spec makes \[1, 3, 320, 320\]",
        ),
        ([1, 3, 320, 240], {}, ["--preset", "u2net"], "one square image"),
        (
            [1, 3, "side", "side"],
            {"inputs": 3},
            ["--preset", "u2net"],
            "3 inputs .input.*state0.*state1",
        ),
        (
            nchw(64),
            {"logits": True},
            ["--preset", "isnet-anime"],
            r"from -6.* --set output\.activation=sigmoid",
        ),
        (
            nchw(64),
            IMAGENET,
            ["--preset", "birefnet"],
            r"alpha already.* --set output\.activation=none",
        ),
        (
            nchw(64),
            {"planes": 64},
            ["--preset", "isnet-anime"],
            r"64 channels in NCHW: features of the network.*output\.index",
        ),
        (
            nchw(64),
            {"planes": 64},
            ["--preset", "isnet-anime", "--set", "output.activation=sigmoid"],
            "64 channels in NCHW",
        ),
        *(
            (
                nchw(64),
                {"std": (spread,), "mean": (shift,)},
                ["--preset", "isnet-anime", "--set", f"output.activation={activation}"],
                r"neither an alpha in \[0, 1\] nor the logits of one",
            )
            for spread, shift in ((2.0, -1.0), (255.0, 0.0))
            for activation in ("none", "sigmoid")
        ),
        (nchw(64), {"std": (float("nan"),)}, ["--preset", "isnet-anime"], "NaN"),
        (
            nchw(64),
            {"planes": 2},
            ["--preset", "isnet-anime", "--set", "output.channel=2"],
            "no channel 2",
        ),
        (
            nchw(64),
            {},
            ["--preset", "isnet-anime", "--set", "output.index=3"],
            r"no output 3; there are out0",
        ),
        (
            nchw(64),
            {"kind": TensorProto.DOUBLE},
            ["--preset", "isnet-anime"],
            "'input' is of type DOUBLE",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(
    shape: Shape, options: dict[str, Any], arguments: list[str], message: str, tmp_path: Path
) -> None:
    file = write_network(tmp_path / "theirs.onnx", shape, **options)
    sizes = ["--set", "preprocess.size=64"] if shape == nchw(64) else []
    with pytest.raises(BundleError, match=message):
        import_file(file, tmp_path / "out", *arguments, *sizes)
    assert not (tmp_path / "out").exists()


def test_a_folder_whose_name_will_not_do_asks_for_another(tmp_path: Path) -> None:
    file = write_network(tmp_path / "theirs.onnx", nchw(320))
    with pytest.raises(BundleError, match=r"'Their Net' is not a valid name for a model.*--name"):
        import_file(file, tmp_path / "Their Net", "--preset", "u2net")


def test_an_output_may_have_a_number_for_a_name(tmp_path: Path) -> None:
    file = write_network(tmp_path / "theirs.onnx", nchw(64), outputs=2, names="189")
    options = ["--preset", "isnet-anime", "--set", "preprocess.size=64"]
    manifest = import_file(file, tmp_path / "out", *options, "--set", "output.name=1891")
    assert manifest.output.name == "1891"


def test_the_hint_for_a_grey_input_can_be_followed(tmp_path: Path) -> None:
    file = write_network(tmp_path / "theirs.onnx", [1, 1, 64, 64])
    with pytest.raises(BundleError, match="; try --set") as refusal:
        import_file(file, tmp_path / "out", "--preset", "u2net")
    hint = refusal.value.detail.partition("; try ")[2].split()
    assert {"preprocess.size=64", "preprocess.color=gray"} <= set(hint)
    assert not any("layout" in entry for entry in hint)
    unit = ["--set", "preprocess.scale=unit", "--set", "preprocess.mean=[0]"]
    import_file(
        file, tmp_path / "out", "--preset", "u2net", *hint, *unit, "--set", "preprocess.std=[1]"
    )


def test_a_pointer_of_git_lfs_is_told_from_the_network(tmp_path: Path) -> None:
    file = tmp_path / "theirs.onnx"
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 176194565\n")
    with pytest.raises(BundleError, match="a Git LFS pointer, not the network; run `git lfs pull`"):
        import_file(file, tmp_path / "out", "--preset", "u2net")


@pytest.mark.parametrize("content", [b"", b"PNG, say", None])
def test_what_is_no_onnx_file_is_refused(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "theirs.onnx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BundleError, match=r"theirs\.onnx"):
        import_file(file, tmp_path / "out", "--preset", "u2net")


def test_unknown_keys_of_a_spec_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"preprocess\.siz: no such entry; did you mean preprocess\.size\?"
    ):
        import_file(
            tmp_path / "theirs.onnx",
            tmp_path / "out",
            "--preset",
            "u2net",
            "--set",
            "preprocess.siz=1",
        )


def _toml(spec: dict[str, Any]) -> str:
    def lines(table: dict[str, Any]) -> list[str]:
        return [
            f"{key} = {json.dumps(value)}"
            for key, value in table.items()
            if not isinstance(value, dict)
        ]

    tables = [[f"[{key}]", *lines(value)] for key, value in spec.items() if isinstance(value, dict)]
    return "\n".join([*lines(spec), *(line for table in tables for line in table)])
