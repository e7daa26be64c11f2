r"""The gain and cost of fine-tuning: IoU on the new and general sets, by images trained on.

    .venv/bin/python -m benchmarks.fine_tuning --start models/segmenter --new DIR \
        --general GENERAL --run 50=runs/a --run 200=runs/b --run 50=runs/c:kept

Networks in Keras at their canvas, on the test split of both folders (of the general one every
second image). Draws docs/images/fine-tuning.png and prints the table of docs/training.md.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import keras
import typer
from matplotlib import pyplot as plt

from model_export.data.dataset import find_pairs, select_some
from model_export.training.fine_tuning import find_origin
from model_export.training.tasks import MaskTask

PLAIN = "default"
EVERY = 2  # of the general test images, one in so many is used
COLORS = {"new": "#c2185b", "general": "#455a64"}

Point = tuple[int, float, float]


def main(
    start: Annotated[Path, typer.Option(help="the bundle that fine-tuning started from")],
    new: Annotated[Path, typer.Option(help="the new kind of images, all of them")],
    general: Annotated[Path, typer.Option(help="the general sets")],
    run: Annotated[list[str], typer.Option(help="IMAGES=RUN[:variant], repeatable")],
    out: Annotated[Path, typer.Option(help="the image")] = Path("docs/images/fine-tuning.png"),
) -> None:
    """Evaluate every run, print a table and draw the plot."""
    scorer = _judge(start, new, general)
    curves: dict[str, list[Point]] = {PLAIN: [(0, *scorer(start))]}
    print("| images | how | new kind, IoU | general sets, IoU |\n|---|---|---|---|")
    _print(0, "as shipped", curves[PLAIN][0])
    for entry in run:
        count, _, rest = entry.partition("=")
        folder, _, variant = rest.partition(":")
        point = (int(count), *scorer(Path(folder)))
        curves.setdefault(variant or PLAIN, []).append(point)
        _print(int(count), variant or PLAIN, point)
    draw(curves, out)


def draw(curves: dict[str, list[Point]], out: Path) -> None:
    """Draw two lines for training on the new images only, two marks for each other variant."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for (variant, points), mark in zip(curves.items(), "osD^v", strict=False):
        places = [max(count, 10) for count, _, _ in points]
        for index, (kind, color) in enumerate(COLORS.items(), 1):
            values: list[float] = [float(point[index]) for point in points]
            label = f"{kind}: {variant}"
            axes.plot(
                places, values, mark + ("-" if variant == PLAIN else ""), color=color, label=label
            )
    ticks = sorted({count for points in curves.values() for count, _, _ in points})
    axes.set_xscale("log")
    axes.set_xticks([max(count, 10) for count in ticks], [str(count) for count in ticks])
    axes.minorticks_off()
    axes.set(xlabel="images of the new kind", ylabel="IoU on images kept aside")
    axes.grid(visible=True, alpha=0.3)
    figure.legend(loc="outside lower center", ncols=len(curves), fontsize=8)
    figure.savefig(out, dpi=110)


def _judge(start: Path, new: Path, general: Path) -> Callable[[Path], tuple[float, float]]:
    config = find_origin(start).config
    task = MaskTask(config)
    scorers = [
        task.scorer(select_some(find_pairs(new), "test")),
        task.scorer(select_some(find_pairs(general, None, config.data.clips), "test")[::EVERY]),
    ]

    def scorer(path: Path) -> tuple[float, float]:
        network: Any = keras.models.load_model(find_origin(path).keras_file, compile=False)
        on_new, on_general = (scores(network)["mean_iou"] for scores in scorers)
        return on_new, on_general

    return scorer


def _print(count: int, variant: str, point: Point) -> None:
    print(f"| {count} | {variant} | {point[1]:.3f} | {point[2]:.3f} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
