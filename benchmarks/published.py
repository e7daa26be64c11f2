"""A published network, imported, beside rembg's server with the same file.

    python -m model_export import isnet.onnx --preset isnet --out build/isnet
    python -m benchmarks.published isnet.onnx build/isnet    # about 3 minutes, on an idle machine
    python -m benchmarks.published isnet.onnx build/isnet build/isnet-int8

The servers take turns within each round, as in benchmarks.serve. rembg gives the file to its
`isnet-general-use`, or to what `--rembg` names. The target was twice rembg's images a second in a
third of its memory; IS-Net on two cores gave 1.3 times in .9 of it, and in 8 bits 3.5 times in .4.
Writes benchmarks/results/published.json.
"""

import argparse
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import peer
from benchmarks.images import SIZES, photographs
from benchmarks.load import ask, closed_loop, run, upload
from benchmarks.serve import IMAGES, RESULTS, Contender, Row, machine
from benchmarks.servers import cutout_server
from cutout.inference.manifest import read_manifest

CLIENTS = 2
WARM_UP = 2  # requests


def main() -> None:
    """Measure every server, write the figures and print a table."""
    options = _options()
    photos = photographs(*SIZES[options.size], IMAGES, options.images)
    with TemporaryDirectory() as home, ExitStack() as stack:
        contenders = [
            *(_cutout(stack, bundle, photos) for bundle in options.bundles),
            _rembg(stack, options.file, options.rembg, Path(home), photos),
        ]
        rows = [_row(contender) for contender in contenders]
        for _ in range(options.rounds):
            for contender, row in zip(contenders, rows, strict=True):
                contender.measure(row, options.seconds)
    summaries = [row.summary() for row in rows]
    report = {"machine": machine(), "size": options.size, "rows": summaries}
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(_table(summaries))


def _cutout(stack: ExitStack, bundle: Path, photos: Sequence[bytes]) -> Contender:
    manifest = read_manifest(bundle)
    server = stack.enter_context(cutout_server(bundle))
    name = f"cutout, {manifest.name} {manifest.model.precision}"
    return Contender(name, server, [upload("/cutout", photo) for photo in photos])


def _rembg(
    stack: ExitStack, file: Path, model: str, home: Path, photos: Sequence[bytes]
) -> Contender:
    peer.offer(file, model, home)
    requests = [upload("/api/remove", photo, model=model) for photo in photos]
    server = stack.enter_context(peer.rembg_server(home, requests[0]))
    return Contender(f"rembg, {model}", server, requests)


def _row(contender: Contender) -> Row:
    """Return an empty row of a contender that has loaded its network and answers with a cut-out."""
    run(closed_loop(contender.server.port, contender.requests, CLIENTS, 0, least=WARM_UP))
    answer = ask(contender.server.port, contender.requests[0])
    if answer.status != 200:
        raise SystemExit(f"{contender.name}: {answer.status} {answer.body[:300]!r}")
    return Row(contender.name, CLIENTS)


def _table(summaries: Sequence[dict[str, Any]]) -> str:
    peer_rate, peer_mb = summaries[-1]["per_second"], summaries[-1]["peak_rss_mb"]
    lines = [
        "| | images/s | times rembg | p50 ms | peak MB | of rembg's |",
        "|---|---|---|---|---|---|",
    ]
    for each in summaries:
        rate = each["per_second"]
        peak = each["peak_rss_mb"]
        lines.append(
            f"| {each['contender']} | {rate:.3f} | {rate / peer_rate:.2f} | {each['p50_ms']:.0f} "
            f"| {peak} | {peak / peer_mb:.2f} |"
        )
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", type=Path, help="the network's ONNX file, as published")
    parser.add_argument("bundles", type=Path, nargs="+", help="bundles imported from it")
    parser.add_argument("--rembg", default="isnet-general-use", help="rembg's name of the network")
    parser.add_argument("--size", choices=list(SIZES), default="1 MP")
    parser.add_argument("--images", type=Path, help="folder of photographs to measure with")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each server in each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "published.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
