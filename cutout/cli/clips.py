"""The command `cutout video`: a clip in, a clip out."""

import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cutout.cli.files import STANDARD, check_file
from cutout.errors import InvalidOption, OutputRefused
from cutout.options import CutoutOptions, Format
from cutout.options.colors import Color
from cutout.settings import EngineSettings
from cutout.system.cores import usable_cores
from cutout.system.interrupts import signals_interrupt

OPTIONS = (
    *("model", "refine", "threshold", "size", "invert"),
    *("background", "shadow", "outline"),
)
"""The options of an image that apply to a clip too: each frame is cut out with them."""
TRANSPARENT = frozenset({".webm", ".mov"})
OPAQUE = frozenset({".mp4", ".m4v"})


class Interrupted(Exception):
    """An interruption by the user; the text says what is kept."""


def check(
    source: Path, target: Path, options: CutoutOptions, has_background: bool, force: bool
) -> None:
    """Check, before any work, that a clip can be written as asked.

    Raises InvalidOption where PyAV is missing or the format cannot hold the result, and
    OutputRefused where the target must not be written.
    """
    if importlib.util.find_spec("av") is None:
        raise InvalidOption("cutout video needs PyAV: pip install '.[video]'")
    suffix = target.suffix.lower()
    if suffix and suffix not in TRANSPARENT | OPAQUE:
        raise InvalidOption(
            f"{target}: unknown suffix; use .webm, .mov or .mp4, or a name without a suffix for a "
            "directory of PNG files"
        )
    if source == STANDARD or target == STANDARD:
        raise InvalidOption("a clip is read from and written to files, not through a pipe (-)")
    if suffix in OPAQUE and _shows_through(options.background) and not has_background:
        raise InvalidOption(
            f"{target}: MP4 has no transparency; write a .webm or .mov, or give a background: "
            "--background '#fff' or --background-image IMAGE"
        )
    _check_target(source, target, force)


def _check_target(source: Path, target: Path, force: bool) -> None:
    if source.resolve() == target.resolve():
        raise OutputRefused("IN and OUT are the same file; choose another OUT")
    if target.suffix:
        check_file(target, force)
    elif target.is_file() or (target.is_dir() and any(target.iterdir()) and not force):
        if target.is_file():
            raise OutputRefused(f"{target} is a file; for a clip, add .webm, .mov or .mp4")
        raise OutputRefused(f"{target} is not empty; choose another OUT, or use --force")


def _shows_through(background: object) -> bool:
    """Tell whether a background leaves transparency; one that is blurred or an image does not."""
    return background is None or (isinstance(background, Color) and background.alpha < 255)


def run(
    source: Path,
    target: Path,
    options: CutoutOptions,
    background: bytes | None,
    steady: bool,
    settings: EngineSettings,
    console: Console | None,
) -> str:
    """Cut out a clip, with a progress bar if `console` is a terminal; return a summary line.

    Raises Interrupted on Ctrl-C, ClientError where the clip cannot be read, and OSError where a
    file cannot be read or written.
    """
    # Not at the top: PyAV is an extra, and `check` says so before any work.
    from cutout.cli.engine import LocalEngine
    from cutout.sources import Upload
    from cutout.system.shortage import explained
    from cutout.video.cut import ClipJob, cut_clip

    form = Format.jpeg if target.suffix.lower() in OPAQUE else Format.png
    job = ClipJob(
        options.model_copy(update={"format": form}),
        LocalEngine(settings).registry,
        settings.max_pixels,
        None if background is None else Upload.read(background, settings.max_pixels),
        steady,
        usable_cores(),
    )
    began = time.monotonic()
    with _progress(console) as (advance, frames):
        try:
            with signals_interrupt(), explained():
                cut_clip(source, target, job, advance)
        except KeyboardInterrupt:
            kept = f"{frames()} frames are in {target}" if not target.suffix else "nothing is kept"
            raise Interrupted(f"interrupted; {kept}") from None
    seconds = time.monotonic() - began
    return f"{frames()} frames in {seconds:.1f} s, {frames() / seconds:.1f} a second: {target}"


@contextmanager
def _progress(
    console: Console | None,
) -> Iterator[tuple[Callable[[int | None], None], Callable[[], int]]]:
    """Show a progress bar; yield a function to call after each frame, and one that counts them."""
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    began = time.monotonic()
    count = 0
    hidden = console is None or not console.is_terminal
    with Progress(*columns, console=console, disable=hidden) as progress:
        bar = progress.add_task("", total=None, rate="")

        def advance(total: int | None) -> None:
            nonlocal count
            count += 1
            rate = f"{count / (time.monotonic() - began):.1f}/s"
            # What a clip says of its length may be too low.
            progress.update(bar, advance=1, total=total and max(total, count), rate=rate)

        yield advance, lambda: count
