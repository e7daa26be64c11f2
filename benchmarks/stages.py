"""The time of each stage on pixels, and of whole jobs that need few of them, on one core.

    python -m benchmarks.stages            about a minute; prints a table in Markdown
    expect at 12 MP, CPU ms on one core: decode 30, resize 6, refine 17, cutout 39, PNG 50, WebP 350

At 1 and 12 megapixels. `as before` is the plain way each stage was done at first, measured in the
same run. Times are CPU time of the thread (the median of several rounds), so that other work on the
machine disturbs them little.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.servers import ROOT
from cutout import remover
from cutout.imaging import compose
from cutout.imaging import mask as masks
from cutout.imaging.compose import LazyCutout
from cutout.imaging.decode import decode, read_header
from cutout.imaging.encode import encode_jpeg, encode_png, encode_webp
from cutout.imaging.preprocess import resize
from cutout.imaging.subject import coverage
from cutout.inference.load import load_bundles
from cutout.inference.predictor import coarse_alpha
from cutout.inference.registry import Registry
from cutout.options import CutoutOptions, MaskOptions, PredictOptions
from cutout.sources import Upload
from cutout.system.clock import Clock
from cutout.system.idle import idle_cores

Stage = tuple[str, Callable[[], object], Callable[[], object] | None]


def photograph(
    width: int, height: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Make an image with detail at every scale and a hairy subject over a third of it.

    Returns the image (height, width, 3) uint8 RGB, its alpha (height, width) float32 in [0, 1], and
    a network's alpha (320, 320) float32.
    """
    rng = np.random.default_rng(11)
    truth = np.zeros((height, width), np.uint8)
    middle = (width // 2, height // 2)
    unit = height / 100
    cv2.ellipse(truth, middle, (int(34 * unit), int(38 * unit)), 0, 0, 360, 255, -1, cv2.LINE_AA)
    for angle in rng.uniform(0, 2 * np.pi, 400):
        tip = (
            round(middle[0] + 44 * unit * np.cos(angle)),
            round(middle[1] + 47 * unit * np.sin(angle)),
        )
        cv2.line(truth, middle, tip, 255, max(1, round(unit / 10)), cv2.LINE_AA)
    share = np.asarray(truth, np.float32) / np.float32(255)
    layers = [_detail(rng, width, height) for _ in range(2)]
    image = cv2.blendLinear(layers[0], layers[1], share, 1 - share)
    coarse = cv2.GaussianBlur(
        cv2.resize(share, (320, 320), interpolation=cv2.INTER_AREA), (0, 0), 0.9
    )
    return np.asarray(image, np.uint8), share, np.asarray(coarse, np.float32)


def _detail(rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    image = np.zeros((height, width, 3), np.float32) + rng.uniform(60, 200, 3).astype(np.float32)
    for cells in (4, 16, 64, 256):
        patch = rng.normal(0, 30 / np.log2(cells), (cells, cells, 3)).astype(np.float32)
        image += cv2.resize(patch, (width, height), interpolation=cv2.INTER_CUBIC)
    image += rng.normal(0, 3, (height, width, 1)).astype(np.float32)
    return np.asarray(np.clip(image, 0, 255), np.float32)


def stages(width: int, height: int) -> list[Stage]:
    """Return (name, work as it is now, work as before) of every stage, at that size."""
    image, _, coarse = photograph(width, height)
    jpeg = encode_jpeg(image, quality=90)
    alpha = masks.refine(coarse, image)
    cutout = LazyCutout(image, alpha).whole()
    red = np.array([255, 0, 0, 255], np.uint8)
    buffer = np.frombuffer(jpeg, np.uint8)
    bgra = cv2.cvtColor(cutout, cv2.COLOR_RGBA2BGRA)
    return [
        ("decode JPEG", lambda: _decoded(jpeg), lambda: _decode(buffer)),
        ("decode JPEG at a quarter", lambda: _decoded(jpeg, 4), lambda: _decode(buffer)),
        ("resize to 320 x 320", lambda: resize(image, 320, 320), lambda: _area(image, 320, 320)),
        ("alpha, bilinear", lambda: masks.to_size(coarse, width, height), None),
        (
            "alpha, refined",
            lambda: masks.refine(coarse, image),
            lambda: _guided_filter(coarse, image),
        ),
        ("cutout", lambda: LazyCutout(image, alpha).whole(), lambda: _blur_fusion(image, alpha)),
        ("on a colour", lambda: compose.on_color(cutout, red), lambda: _blend(cutout, red)),
        (
            "shrink to 1000 pixels",
            lambda: compose.limit_size(cutout, 1000),
            lambda: _shrink(cutout),
        ),
        ("encode PNG", lambda: encode_png(cutout), lambda: cv2.imencode(".png", bgra)),
        ("encode PNG of the alpha", lambda: encode_png(alpha), lambda: cv2.imencode(".png", alpha)),
        ("encode JPEG", lambda: encode_jpeg(image), None),
        ("encode WebP", lambda: encode_webp(cutout), None),
    ]


def requests(width: int, height: int, models: Path) -> list[Stage]:
    """Return whole jobs for which fewer pixels than the upload's are enough, as `stages` does.

    As before, every pixel was decoded.
    """
    models_ = Registry(load_bundles(models))
    jpeg = encode_jpeg(photograph(width, height)[0], quality=90)

    def whole(wanted: Callable[[NDArray[np.uint8]], object]) -> Callable[[], object]:
        return lambda: wanted(_decoded(jpeg))

    classifier = models_.for_scores()
    segmenter = models_.for_masks()

    def alpha(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return coarse_alpha(segmenter, image, Clock())

    def score_and_subject(image: NDArray[np.uint8]) -> object:
        return segmenter.probability(image), coverage(masks.to_size(alpha(image), width, height))

    def mask(image: NDArray[np.uint8]) -> object:
        return encode_png(masks.to_size(alpha(image), width, height))

    def small_cutout(image: NDArray[np.uint8]) -> object:
        cutout = LazyCutout(image, masks.refine(alpha(image), image)).whole()
        return encode_png(compose.limit_size(cutout, 1000))

    def by(
        name: str,
        work: Callable[[Upload], object],
        before: Callable[[NDArray[np.uint8]], object],
    ) -> Stage:
        return name, lambda: work(Upload.read(jpeg, 10**8)), whole(before)

    unrefined = MaskOptions(refine=False)
    small = CutoutOptions(size=1000)
    both = PredictOptions(model=segmenter.manifest.name, subject=True)
    return [
        by(
            "score",
            lambda upload: remover.score(upload, PredictOptions(), models_, Clock()),
            classifier.probability,
        ),
        by(
            "score and subject by the segmenter",
            lambda upload: remover.score(upload, both, models_, Clock()),
            score_and_subject,
        ),
        by(
            "mask, not refined",
            lambda upload: remover.mask(upload, unrefined, models_, Clock()),
            mask,
        ),
        by(
            "cut-out of 1000 pixels",
            lambda upload: remover.cut_out(upload, small, models_, Clock()),
            small_cutout,
        ),
    ]


def _decoded(data: bytes, factor: int = 1) -> NDArray[np.uint8]:
    return decode(data, read_header(data, 10**8), factor).image


def _decode(buffer: NDArray[np.uint8]) -> object:
    pixels = cv2.imdecode(buffer, cv2.IMREAD_COLOR_BGR)
    return None if pixels is None else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _area(image: NDArray[np.uint8], width: int, height: int) -> object:
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _guided_filter(coarse: NDArray[np.float32], image: NDArray[np.uint8]) -> object:
    """Apply the grey guided filter (He, Sun, Tang 2013) at full size."""
    guide = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    alpha = cv2.resize(coarse, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    side = (max(image.shape) // 30,) * 2
    guide_mean = cv2.blur(guide, side)
    alpha_mean = cv2.blur(alpha, side)
    variance = cv2.blur(guide * guide, side) - guide_mean * guide_mean
    slope = (cv2.blur(guide * alpha, side) - guide_mean * alpha_mean) / (variance + 1e-4)
    offset = alpha_mean - slope * guide_mean
    return np.clip(255 * (cv2.blur(slope, side) * guide + cv2.blur(offset, side)), 0, 255).astype(
        np.uint8
    )


def _blur_fusion(image: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> object:
    """Make RGBA by Forte's estimate at full size, as published: two rounds, 90 and 6 pixels."""
    scaled = image.astype(np.float32) / 255
    share = (alpha.astype(np.float32) / 255)[..., np.newaxis]
    foreground = background = scaled
    for side in ((90, 90), (6, 6)):
        weight = cv2.blur(share, side)[..., np.newaxis]
        mean = cv2.blur(foreground * share, side) / (weight + 1e-5)
        background = cv2.blur(background * (1 - share), side) / (1 - weight + 1e-5)
        foreground = np.clip(
            mean + share * (scaled - share * mean - (1 - share) * background), 0, 1
        )
    pixels = np.dstack([(foreground * 255).astype(np.uint8), alpha])
    pixels[alpha == 0] = 0
    return pixels


def _blend(cutout: NDArray[np.uint8], color: NDArray[np.uint8]) -> object:
    share = cutout[..., 3:].astype(np.float32) / 255
    return np.rint(cutout[..., :3] * share + color[:3] * (1 - share)).astype(np.uint8)


def _shrink(cutout: NDArray[np.uint8]) -> object:
    share = cutout[..., 3:].astype(np.float32) / 255
    weighted = np.dstack([cutout[..., :3] * share, share])
    ratio = 1000 / max(cutout.shape)
    small = cv2.resize(weighted, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    return np.rint(small[..., :3] / np.maximum(small[..., 3:], 1e-6)).astype(np.uint8)


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """Return the median CPU time of this thread, in milliseconds."""
    times = []
    for _ in range(rounds):
        started = time.thread_time()
        work()
        times.append(1000 * (time.thread_time() - started))
    return statistics.median(times)


def main() -> None:
    """Measure every stage at both sizes, and print a table."""
    parser = argparse.ArgumentParser(description="Time each stage on pixels, on one core.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path, default=ROOT / "models", help="folder of bundles")
    options = parser.parse_args()
    rounds = options.rounds
    cv2.setNumThreads(1)
    idle_cores.cores = 1  # or parts would go to threads whose time is not counted
    print("| image | stage | CPU ms | as before | times |\n|---|---|---:|---:|---:|")
    for width, height in ((1155, 866), (4000, 3000)):
        for name, now, before in [*stages(width, height), *requests(width, height, options.models)]:
            new = milliseconds(now, rounds)
            old = None if before is None else milliseconds(before, min(rounds, 3))
            compared = "| – | – |" if old is None else f"| {old:.1f} | {old / new:.1f} |"
            print(f"| {width} x {height} | {name} | {new:.1f} {compared}", flush=True)


if __name__ == "__main__":
    main()
