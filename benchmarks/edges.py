"""How well `refine` follows edges and hair at 4 MP: `python -m benchmarks.edges --data DIR`.

DIR has `cutouts/SET/*.webp` (RGBA) and `backgrounds/SET/*.jpg`. The true alpha has to be known
exactly, so the images are composed: a cut-out enlarged, its edge made two pixels wide, its colours
given grain, on an enlarged background. Of kind "hair", strands of one to three pixels, of the
subject's colours, are drawn around it; of kind "hard" there are none. Enlarged images have less
detail than photographs of that size, and drawn strands are not fur: figures compare methods on the
same images, and say little of a photograph.

The coarse alpha is the shipped network's ("network"), or the truth reduced to 320 pixels, blurred,
displaced by about a pixel and noisy ("degraded"), which leaves out whether the subject was found.

Errors are those within REACH pixels of an edge or strand: SAD is the mean difference of alpha,
gradient that of its gradient (Gaussian derivatives, as alphamatting.com has them, squared and
summed; per pixel of the band), both in thousandths. Seconds are CPU time. Minutes on two cores.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.images import grown
from cutout.imaging.mask import refine, to_size
from cutout.imaging.preprocess import Alpha, Image, Matte
from cutout.inference.load import load_bundles
from cutout.inference.predictor import Predictor, coarse_alpha
from cutout.inference.registry import Registry
from cutout.settings import SHIPPED_MODELS
from cutout.system.clock import Clock
from cutout.system.cores import usable_cores
from cutout.system.process import prepare_for_images

Floats = NDArray[np.float32]
Enlarge = Callable[[Alpha, Image], Matte]

WIDTH, HEIGHT = 2400, 1760  # pixels of a scene
FILLED = 0.8  # share of the image that the cut-out's longer side fills
SEEN = 320  # pixels of a degraded alpha's longer side
REACH = {"hair": 20, "hard": 10}  # pixels around an edge in which errors are measured
SIGMA = 1.4  # pixels, of the Gaussian whose derivatives are the gradient
STRANDS = 2500  # around a subject


@dataclass(frozen=True)
class Scene:
    """An image (H, W, 3) uint8 RGB and its true alpha (H, W) uint8."""

    kind: str
    image: Image
    alpha: Matte


def enlarged(upload: Path) -> tuple[Floats, Floats]:
    """Enlarge a cut-out to its part of the image.

    Returns colours (H, W, 3) float32 RGB, 0 to 255, and alpha (H, W) float32 in [0, 1]. Exits with
    a message where the file has no alpha.
    """
    small = cv2.imread(str(upload), cv2.IMREAD_UNCHANGED)
    if small is None or small.ndim != 3 or small.shape[2] != 4:
        raise SystemExit(f"{upload}: not an image with an alpha")
    ratio = FILLED * min(HEIGHT / small.shape[0], WIDTH / small.shape[1])
    share = small[..., 3:].astype(np.float32) / 255
    near = cv2.GaussianBlur(small[..., :3] * share, (0, 0), 3)
    own = near / (cv2.GaussianBlur(share, (0, 0), 3)[..., np.newaxis] + 1e-3)
    layers = np.dstack([share * small[..., :3] + (1 - share) * own, share])[..., [2, 1, 0, 3]]
    size = (round(small.shape[1] * ratio), round(small.shape[0] * ratio))
    large = cv2.resize(layers, size, interpolation=cv2.INTER_CUBIC)
    row, column = (HEIGHT - size[1]) // 2, (WIDTH - size[0]) // 2
    rest = (row, HEIGHT - size[1] - row, column, WIDTH - size[0] - column)
    colors = cv2.copyMakeBorder(large[..., :3], *rest, cv2.BORDER_REPLICATE)
    alpha = cv2.copyMakeBorder(large[..., 3], *rest, cv2.BORDER_CONSTANT, value=0)
    smooth = cv2.GaussianBlur(alpha, (0, 0), ratio / 2)
    sharp = np.clip((smooth - 0.5) * ratio + 0.5, 0, 1)
    return np.asarray(colors, np.float32), np.asarray(sharp, np.float32)


def with_hair(colors: Floats, alpha: Floats, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw strands that begin at the subject's outline, and lie mostly outwards.

    `colors` is (H, W, 3) float32 RGB, 0 to 255, and `alpha` (H, W) float32 in [0, 1]; returns both,
    with strands.
    """
    solid = (alpha > 0.5).astype(np.uint8)
    outlines, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(outlines, key=len)[:, 0].astype(np.float64)
    smooth = cv2.GaussianBlur(alpha, (0, 0), 20)
    down, across = np.gradient(smooth)
    strands = np.zeros(alpha.shape, np.uint8)
    colored = colors.copy()
    along = np.linspace(0, 1, 12)[:, np.newaxis]
    for start in points[random.integers(0, len(points), STRANDS)]:
        place = int(start[1]), int(start[0])
        outwards = -np.array([across[place], down[place]])
        outwards /= np.hypot(*outwards) + 1e-9
        turned = outwards[::-1] * (-1, 1)
        length = random.uniform(20, 110)
        bend = random.normal(0, 25)
        lean = random.normal(0, 0.4)
        line = start + along * length * (outwards + lean * turned) + along**2 * bend * turned
        line -= outwards * 6
        thick = int(random.integers(1, 4))
        shade = colors[place] * random.uniform(0.7, 1.25)
        fixed = [np.round(line * 16).astype(np.int32)]
        cv2.polylines(colored, fixed, False, shade.tolist(), thick + 3, cv2.LINE_8, 4)
        cv2.polylines(strands, fixed, False, 255, thick, cv2.LINE_AA, 4)
    outside = (1 - alpha)[..., np.newaxis]
    colors = colors * (1 - outside) + colored * outside
    return np.asarray(colors, np.float32), np.maximum(alpha, strands / np.float32(255))


def composed(cutout: Path, background: Path, kind: str, seed: int) -> Scene:
    """Compose a scene of a cut-out and a background."""
    random = np.random.default_rng(seed)
    colors, alpha = enlarged(cutout)
    if kind == "hair":
        colors, alpha = with_hair(colors, alpha, random)
    behind = grown(background, WIDTH, HEIGHT)[..., ::-1]
    grain = random.normal(0, 4, (HEIGHT, WIDTH, 1)).astype(np.float32)
    share = alpha[..., np.newaxis]
    image = (colors + grain) * share + behind * (1 - share)
    return Scene(
        kind, np.clip(image, 0, 255).astype(np.uint8), np.rint(alpha * 255).astype(np.uint8)
    )


def scenes(data: Path, count: int) -> Iterator[Scene]:
    """Yield `count` scenes of each kind, of cut-outs and backgrounds from all over the folders.

    Exits with a message where there are too few.
    """
    cutouts = sorted((data / "cutouts").rglob("*.webp"))
    backgrounds = sorted((data / "backgrounds").rglob("*.jpg"))
    if len(cutouts) < count or len(backgrounds) < count:
        raise SystemExit(f"{data}: {count} cut-outs and {count} backgrounds are needed")
    for number in range(count):
        cutout = cutouts[number * len(cutouts) // count]
        background = backgrounds[number * len(backgrounds) // count]
        for kind in REACH:
            yield composed(cutout, background, kind, number)


def degraded(alpha: Matte, seed: int) -> Alpha:
    """Make a coarse alpha as of a network that found the subject, SEEN pixels long.

    `alpha` is (H, W) uint8, the true one. Returns (h, w) float32 in [0, 1].
    """
    random = np.random.default_rng(seed)
    ratio = SEEN / max(alpha.shape)
    size = (round(alpha.shape[1] * ratio), round(alpha.shape[0] * ratio))
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    waves = [
        cv2.resize(
            random.normal(0, 1, (12, 16)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC
        )
        for _ in range(2)
    ]
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
    moved = cv2.remap(
        small,
        columns + waves[0],
        rows + waves[1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    blurred = cv2.GaussianBlur(moved, (0, 0), 0.9)
    noise = random.normal(0, 0.02, blurred.shape) * (blurred > 0.02)
    return np.clip(blurred + noise, 0, 1).astype(np.float32)


def errors(answer: Matte, scene: Scene) -> tuple[float, float]:
    """Compute SAD and the gradient's error in the band around the edges, in thousandths per pixel.

    `answer` is (H, W) uint8.
    """
    reach = 2 * REACH[scene.kind] + 1
    mixed = ((scene.alpha > 12) & (scene.alpha < 243)).astype(np.uint8)
    band = cv2.dilate(mixed, np.ones((reach, reach), np.uint8)) > 0
    true, ours = scene.alpha.astype(np.float32) / 255, answer.astype(np.float32) / 255
    change = cv2.GaussianBlur(ours - true, (0, 0), SIGMA)
    down, across = np.gradient(change)
    square = np.asarray(down) ** 2 + np.asarray(across) ** 2
    return 1000 * float(np.abs(ours - true)[band].mean()), 1000 * float(square[band].mean())


def enlarge_only(coarse: Alpha, image: Image) -> Matte:
    """Enlarge an alpha (h, w) float32 to the size of an image (H, W, 3): (H, W) uint8."""
    return to_size(coarse, image.shape[1], image.shape[0])


METHODS: dict[str, Enlarge] = {"enlarged": enlarge_only, "refine": refine}


def measured(
    data: Path, count: int, predictor: Predictor, methods: dict[str, Enlarge]
) -> dict[tuple[str, str, str], list[tuple[float, float, float]]]:
    """Measure (SAD, gradient, seconds) of each scene, by kind, coarse alpha and method."""
    found = defaultdict(list)
    for seed, scene in enumerate(scenes(data, count)):
        coarse = {
            "network": coarse_alpha(predictor, scene.image, Clock()),
            "degraded": degraded(scene.alpha, seed),
        }
        for source, alpha in coarse.items():
            for name, enlarge in methods.items():
                start = time.process_time()
                answer = enlarge(alpha, scene.image)
                seconds = time.process_time() - start
                found[scene.kind, source, name].append((*errors(answer, scene), seconds))
    return found


def main(
    data: Annotated[Path, typer.Option(help="folder of cut-outs and backgrounds")],
    count: Annotated[int, typer.Option(help="scenes of each kind")] = 20,
) -> None:
    """Measure every method, and print a table."""
    prepare_for_images()
    models = Registry(load_bundles(SHIPPED_MODELS, usable_cores(), ("cpu",)), None)
    found = measured(data, count, models.for_masks(None), METHODS)
    print("| edges | coarse alpha | method | SAD | gradient | CPU seconds |")
    print("|---|---|---|---:|---:|---:|")
    for (kind, source, name), rows in found.items():
        sad, gradient, seconds = np.mean(rows, axis=0)
        print(f"| {kind} | {source} | {name} | {sad:.1f} | {gradient:.2f} | {seconds:.3f} |")


if __name__ == "__main__":
    typer.run(main)
