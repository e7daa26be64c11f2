"""The command `cutout models add`: fetch a published network, check it, and import it.

A server never does any of this.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import cv2
import typer
import urllib3

from cutout.errors import DataError, OutputRefused, Unreachable
from model_export.adding.download import digest, download
from model_export.adding.int8 import cost, quantize_bundle, samples_in
from model_export.adding.sources import Source, find_source, published
from model_export.bundle.import_spec import ImportSpec, read_spec
from model_export.bundle.importing import Import, check_name, import_onnx
from model_export.bundle.publish import refuse_overwriting
from model_export.report.imported import as_text

SHA256 = re.compile("[0-9a-fA-F]{64}")

cli = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@cli.command()
def add(
    source: Annotated[
        str,
        typer.Argument(
            help="an .onnx file, an https address of one, or a known name: "
            + ", ".join(published())
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="the bundle's directory; mine/<name> when absent")
    ] = None,
    name: Annotated[str | None, typer.Option(help="the model's name for callers")] = None,
    preset: Annotated[
        str | None, typer.Option(help="how to feed it, as in docs/importing.md")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="what its file has to be; shown and asked for when absent")
    ] = None,
    license_text: Annotated[
        str | None, typer.Option("--license", help="the terms of the weights")
    ] = None,
    int8: Annotated[
        Path | None,
        typer.Option(help="quantise to 8 bits: a directory of sample images, as will be sent"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="ask nothing")] = False,
    force: Annotated[bool, typer.Option("--force", help="replace what is in --out")] = False,
    overrides: Annotated[
        list[str],
        typer.Option("--set", help="override an entry of the preset: section.key=value"),
    ] = [],  # noqa: B006 - typer reads it, nothing writes to it
) -> None:
    """Add a network by name, from a file or from an address: fetched, checked and imported."""
    cv2.setNumThreads(1)
    if sha256 and not SHA256.fullmatch(sha256):
        raise DataError(f"--sha256 {sha256}: a SHA-256 has 64 hexadecimal digits")
    found = find_source(source, preset, license_text)
    found = replace(found, name=name or found.name)
    # what can fail without the file fails before the download
    check_name(found.name)
    ask: Callable[[str], object] = (lambda _: None) if yes else _confirm
    if found.address and not (found.md5 or sha256) and yes:
        raise DataError(f"{found}: with --yes nobody checks its checksum; give --sha256")
    spec = read_spec(found.preset, None, overrides)
    target = out or Path("mine") / found.name
    if not force:
        refuse_overwriting(target, found.name, "1.0.0")
    samples = samples_in(int8) if int8 else []
    print(f"{found.name}: {found}\nterms of the weights: {found.license}")
    ask("Take it under these terms?")
    with TemporaryDirectory() as folder:
        file = fetch(found, Path(folder), urllib3.PoolManager())
        check(found, file, sha256, ask)
        manifest = import_onnx(_job(found, spec, file), bundle := Path(folder) / "float32")
        if samples:
            quantize_bundle(bundle, quantised := Path(folder) / "model.onnx", samples)
            # imported twice: the cost is measured on bundles, and the description states it
            import_onnx(_job(found, spec, quantised), smaller := Path(folder) / "uint8")
            told = str(cost(bundle, smaller, samples))
            print(told)
            remark = f". {told[0].upper()}{told[1:]}"
            manifest = import_onnx(_job(found, spec, quantised, remark), target)
        else:
            manifest = import_onnx(_job(found, spec, file), target)
    print(as_text(manifest, target))


def fetch(source: Source, folder: Path, pool: urllib3.PoolManager) -> Path:
    """Return the path of the model's file: downloaded into `folder`, or where it is.

    Raises Unreachable where it cannot be downloaded.
    """
    if source.address is None:
        assert source.file is not None
        return source.file
    target = folder / "download.onnx"
    try:
        download(source.address, target, pool)
    except Unreachable as error:
        raise Unreachable(
            f"{error.detail}; or download the file elsewhere, and add it: cutout models add FILE "
            f"--preset {source.preset} --name {source.name}"
        ) from error
    return target


def check(source: Source, file: Path, sha256: str | None, ask: Callable[[str], object]) -> None:
    """Check a file against the checksums of the table and the user; ask where neither gives one.

    Raises DataError where a checksum differs, and what `ask` raises.
    """
    found = digest(file, "sha256")
    if sha256 and found != sha256.lower():
        raise DataError(f"{source}: its sha256 is {found}, not {sha256}; nothing was written")
    if source.md5 and digest(file, "md5") != source.md5:
        raise DataError(
            f"{source}: its MD5 is {digest(file, 'md5')}, the published one is {source.md5}; "
            "nothing was written"
        )
    print(f"sha256: {found}")
    if source.address and not (sha256 or source.md5):
        ask("No checksum is known for it; compare this one with its publisher's. Take it?")


def _job(source: Source, spec: ImportSpec, file: Path, remark: str = "") -> Import:
    stated = {"license": source.license, "description": f"{spec.description}{remark}"}
    return Import(file, spec.model_copy(update=stated), source.name)


def _confirm(question: str) -> None:
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        # Ctrl-C, or no more input: a script's, for which there is --yes
        if sys.stdin.isatty():
            raise
        raise OutputRefused("no answer; --yes agrees; nothing was written") from None
    if not agreed:
        raise OutputRefused("nothing was written")


def main(arguments: list[str]) -> None:
    """Run the command with these arguments; raises what the engine's command line explains."""
    cli(arguments, prog_name="cutout models add", standalone_mode=True)
