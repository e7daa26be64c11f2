"""Remove backgrounds from images, directories and clips; score images; run the server."""

import importlib.util
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cutout import __version__
from cutout.cli import batch as batches
from cutout.cli import clips, cluster, files, folders
from cutout.cli import watch as watching
from cutout.cli.engine import Engine, LocalEngine
from cutout.cli.manifest import Journal, Record
from cutout.cli.options import one_of, takes, whole_number
from cutout.errors import (
    BundleError,
    CutoutError,
    InvalidOption,
    InvalidUrl,
    NoImages,
    OutputRefused,
    ProviderMissing,
    ServiceMissing,
    UnknownModel,
)
from cutout.explain import explain_os_error
from cutout.options import CutoutOptions, PredictOptions
from cutout.settings import EngineSettings, read_settings
from cutout.system.cores import usable_cores
from cutout.system.interrupts import signals_interrupt

REFUSED = 2
FAILED = 1
INTERRUPTED = 130
REFUSALS = (
    BundleError,
    InvalidOption,
    InvalidUrl,
    NoImages,
    OutputRefused,
    ProviderMissing,
    ServiceMissing,
    UnknownModel,
)
"""Errors before any work is started."""
SHOWN_FAILURES = 10
SHOWN_KINDS = 6
UNWRAPPED = 1000
"""Columns if standard output is not a terminal, so that each model is one line, for `grep`."""

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=__doc__,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models_cli = typer.Typer(rich_markup_mode=None)
cli.add_typer(models_cli, name="models")
# Arguments, --help among them, are for another command, which is imported only then.
PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True}
# Rich would wrap long lines, such as those with paths, and colour numbers in them.
notes = Console(stderr=True, highlight=False, soft_wrap=True)

Server = Annotated[
    str | None,
    typer.Option(
        help="address of a running server to use instead of this process", envvar="CUTOUT_SERVER"
    ),
]
Key = Annotated[
    str | None,
    typer.Option("--api-key", help="the server's key", envvar="CUTOUT_API_KEY", show_envvar=True),
]
Background = Annotated[
    Path | None,
    typer.Option(
        help="an image to put behind, scaled to cover; where it is transparent, --background or "
        "white"
    ),
]
GivenMask = Annotated[
    Path | None,
    typer.Option(
        "--mask",
        help="a trimap, what is known of the mask: white is kept, black removed, and the network "
        "decides where it is grey; as large as the image or scaled",
    ),
]
ImageFile = Annotated[Path, typer.Argument(metavar="IMAGE", help="an image; - for standard input")]
Force = Annotated[bool, typer.Option("--force", help="overwrite existing files")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit; an error is one line and an exit status."""
    try:
        cli(arguments, prog_name="cutout")
    except CutoutError as error:
        say(f"cutout: {error.code}: {error.detail}")
        raise SystemExit(REFUSED if isinstance(error, REFUSALS) else FAILED) from None
    except OSError as error:
        say(f"cutout: {explain_os_error(error)}")
        raise SystemExit(FAILED) from None


def say(line: str) -> None:
    """Print a line on standard error, escaped: file names may contain control sequences."""
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    # Without markup: brackets in a file name are no tags of Rich.
    notes.print("".join(escaped), markup=False)


@cli.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="print the version and exit")] = False,
) -> None:
    """Background removal that you train, own and serve yourself."""
    if version:
        print(__version__)
        raise typer.Exit


@cli.command()
@takes(CutoutOptions)
def remove(
    options: CutoutOptions,
    image: ImageFile,
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="the file to write, its format by its suffix; - for standard output",
        ),
    ],
    background_image: Background = None,
    given: GivenMask = None,
    force: Force = False,
    server: Server = None,
    api_key: Key = None,
) -> None:
    """Remove the background of one image. For many, use `cutout batch`."""
    files.check_output(output, force)
    # Not by its value: a default of png would contradict the suffix .jpg.
    asked = options.format if "format" in options.model_fields_set else None
    options = options.model_copy(update={"format": files.format_of(output, asked)})
    behind, known = _read_image(background_image, server), _read_image(given, server)
    upload = files.read(image)
    with _engine(server, api_key) as engine, files.naming(image):
        files.write(output, engine.cut_out(upload, options, behind, known).data)


@cli.command()
@takes(PredictOptions)
def predict(
    options: PredictOptions, image: ImageFile, server: Server = None, api_key: Key = None
) -> None:
    """Print the probability that an image shows foreground, as JSON (POST /predict)."""
    upload = files.read(image)
    with _engine(server, api_key) as engine, files.naming(image):
        answer = engine.predict(upload, options)
    print(answer.model_dump_json(exclude_none=not options.subject, indent=2))


@cli.command()
@takes(CutoutOptions)
def batch(
    options: CutoutOptions,
    source: Annotated[
        str,
        typer.Argument(metavar="IN", help="directory of images, or its address in a bucket"),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="directory for cut-outs and manifest, or its address in a bucket"
        ),
    ],
    background_image: Background = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            *("--jobs", "-j"),
            parser=whole_number(1, 256),
            metavar="INTEGER",
            help="images processed at the same time; by default the number of cores",
        ),
    ] = None,
    parquet: Annotated[
        bool,
        typer.Option(
            "--parquet", help="write the manifest as Parquet too (needs the extra `batch`)"
        ),
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="keep watching for new images until Ctrl-C; each is done once complete"
        ),
    ] = False,
    engine_name: Annotated[
        str,
        typer.Option(
            "--engine",
            parser=one_of("local", "ray"),
            metavar="local|ray",
            help="process images here, or on the Ray cluster of RAY_ADDRESS (extra `ray`)",
        ),
    ] = "local",
    force: Annotated[
        bool, typer.Option("--force", help="start again, overwriting files in OUT")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress, no summary")] = False,
    server: Server = None,
    api_key: Key = None,
) -> None:
    """Remove the backgrounds of a directory of images, recursively. Run it again to resume.

    Exit status: 0 if every image is done, 1 if some failed (the next run retries them), 2 if
    nothing was started (no image found, or OUT belongs to another batch), 130 if interrupted. With
    --watch, Ctrl-C is the usual end: then 0 or 1.
    """
    _refuse_files(source, target)
    images = folders.open_folder(source)
    out = folders.open_folder(target)
    _refuse_batch(images, out, parquet, watch, server, engine_name)
    job = batches.Job(images, options, _read_image(background_image, server))
    found = _files_in(source, images, out)
    paths = batches.find_images(images, found)
    others = batches.skipped(found, paths)
    if not paths and not watch:
        raise NoImages(
            f"no JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC image in {source}"
            + (f"; {_skipped_files(others)}" if others else "")
        )
    stems = batches.output_stems(paths)
    with (
        _engine(server, api_key) as engine,
        batches.output_folder(out, job.description(engine), force) as journal,
    ):
        journal.forget_failures_outside(paths)
        began = time.monotonic()
        if watch:
            arrivals = watching.Arrivals(images, out, journal)
            most = jobs or usable_cores()
            arriving = watching.run(engine, job, out, journal, arrivals, most, say)
            if not quiet:
                say(f"watching {images.address}; Ctrl-C ends it")
            tried, interrupted = _follow(arriving, None, quiet)
            paths = arrivals.paths
        else:
            missing = batches.to_do(journal, found, out, paths)
            work = _work(engine_name, engine, job, out, journal, stems, missing, jobs)
            tried, interrupted = _follow(work, len(missing), quiet)
        if parquet:
            journal.write_parquet()
        failures = _summarize(journal, paths, tried, time.monotonic() - began, others, quiet)
    if interrupted and not watch:
        say("interrupted; run the same command to resume")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(FAILED if failures else 0)


@cli.command()
@takes(CutoutOptions, only=clips.OPTIONS)
def video(
    options: CutoutOptions,
    source: Annotated[Path, typer.Argument(metavar="IN", help="a clip: MP4, MOV, WebM or GIF")],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="the clip to write: .webm or .mov with transparency, .mp4 with a background; "
            "or a folder, for PNG files",
        ),
    ],
    background_image: Background = None,
    steady: Annotated[
        bool,
        typer.Option(
            "--steady/--no-steady",
            help="smooth the masks over time, or process each frame on its own",
        ),
    ] = True,
    force: Force = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress, no summary")] = False,
) -> None:
    """Remove the background of a clip; the sound is kept. Needs the extra `video`.

    The clip is written completely or not at all. Exit status: 130 if interrupted.
    """
    clips.check(source, target, options, background_image is not None, force)
    behind = _read_image(background_image, None)
    settings = read_settings(EngineSettings)
    shown = None if quiet else notes
    try:
        done = clips.run(source, target, options, behind, steady, settings, shown)
    except clips.Interrupted as interrupted:
        say(str(interrupted))
        raise typer.Exit(INTERRUPTED) from None
    if not quiet:
        say(done)


@models_cli.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    server: Server = None,
    api_key: Key = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="print the complete manifests as JSON")
    ] = False,
) -> None:
    """List the installed models, or those of a server; `add` installs others."""
    if context.invoked_subcommand:
        return
    with _engine(server, api_key) as engine:
        manifests = engine.models()
        default = engine.mask_model().name
    if as_json:
        print("[" + ",\n".join(manifest.model_dump_json(indent=2) for manifest in manifests) + "]")
        return
    table = Table("model", "version", "task", "size", "made for", box=None, pad_edge=False)
    for manifest in manifests:
        name = manifest.name + (" (default)" if manifest.name == default else "")
        size = f"{manifest.model.bytes / 1e6:.1f} MB"
        table.add_row(name, manifest.version, manifest.task, size, manifest.description)
    Console(highlight=False, width=None if sys.stdout.isatty() else UNWRAPPED).print(table)


@models_cli.command("add", add_help_option=False, context_settings=PASSED_ON)
def add_model(context: typer.Context) -> None:
    """Add a published network by name, file or URL; see `cutout models add --help`."""
    from cutout.cli.adding import add

    add(context.args)


@cli.command(add_help_option=False, context_settings=PASSED_ON)
def serve(context: typer.Context) -> None:
    """Run the server; its settings are options: `cutout serve --help`."""
    from cutout.cli.serve import serve as run

    run(context.args)


def _read_image(path: Path | None, server: str | None) -> bytes | None:
    """Read an image that accompanies others, within the limit of this machine or of a server."""
    if path is None:
        return None
    # A server's limit is not known here.
    limit = files.MOST_PIXELS if server else read_settings(EngineSettings).max_pixels
    return files.read_image(path, limit)


def _engine(server: str | None, key: str | None) -> closing[Engine]:
    if server:
        from cutout.cli.client import ServerEngine

        return closing(ServerEngine(server, key))
    return closing(LocalEngine(read_settings(EngineSettings)))


def _follow(work: Generator[Record], total: int | None, quiet: bool) -> tuple[int, bool]:
    """Process everything, with a bar; return how many were tried, and whether it was interrupted.

    Without a total the work has no end of its own, and failures are printed as they come; where no
    terminal shows the bar, as in a service's log, so is what was written.
    """
    tried = 0
    logged = total is None and not quiet and not notes.is_terminal
    try:
        # `work` is closed first: while images end, a second signal has its usual effect.
        with signals_interrupt(), _progress(total, quiet) as advance, closing(work):
            for record in work:
                tried += 1
                advance(record)
                if total is None and record.error is not None:
                    say(f"{record.path}: {record.error}")
                elif logged:
                    say(f"{record.path}: written to {record.output}")
    except KeyboardInterrupt:
        return tried, True
    return tried, False


def _work(
    name: str,
    engine: Engine,
    job: batches.Job,
    target: folders.Folder,
    journal: Journal,
    stems: Mapping[str, str],
    paths: list[str],
    jobs: int | None,
) -> Generator[Record]:
    """Yield the records of `paths` as they are done, here or on a Ray cluster."""
    if name == "ray":
        return cluster.run(read_settings(EngineSettings), job, target, journal, stems, paths, jobs)
    return batches.run(engine, job, target, journal, stems, paths, jobs or usable_cores())


def _files_in(
    given: str, source: folders.Folder, target: folders.Folder
) -> dict[str, folders.File]:
    try:
        return source.files(leave_out=target)
    except FileNotFoundError:
        raise InvalidOption(f"no such directory: {given}") from None


def _refuse_files(source: str, target: str) -> None:
    for given in (source, target):
        if not given:
            raise InvalidOption("the name of a directory is empty; for the current one, use .")
        if Path(given).is_file():
            raise InvalidOption(
                f"{given} is a file, not a directory; for one image, use cutout remove"
            )


def _refuse_batch(
    source: folders.Folder,
    target: folders.Folder,
    parquet: bool,
    watch: bool,
    server: str | None,
    engine: str,
) -> None:
    """Refuse invalid combinations before any work is done."""
    if target.address == source.address:
        raise OutputRefused("IN and OUT are the same directory; choose another OUT")
    if source.address.startswith(target.address.rstrip("/") + "/"):
        raise OutputRefused(
            "IN is inside OUT: a cut-out could overwrite an image; choose another OUT"
        )
    if parquet:
        _require_pyarrow()
    if server and engine == "ray":
        raise InvalidOption("--engine ray and --server cannot be combined")
    if watch and engine == "ray":
        raise InvalidOption("--engine ray and --watch cannot be combined")
    if engine == "ray" and importlib.util.find_spec("ray") is None:
        raise InvalidOption("--engine ray needs Ray: pip install '.[ray]'")


def _require_pyarrow() -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise InvalidOption("--parquet needs pyarrow: pip install '.[batch]'")


@contextmanager
def _progress(total: int | None, quiet: bool) -> Iterator[Callable[[Record], None]]:
    """Show a progress bar if standard error is a terminal; yield the function for each record."""
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
    )
    began = time.monotonic()
    failed = 0
    with Progress(*columns, console=notes, disable=quiet or not notes.is_terminal) as progress:
        bar = progress.add_task("", total=total, state="")

        def advance(record: Record) -> None:
            nonlocal failed
            failed += record.error is not None
            rate = (progress.tasks[0].completed + 1) / (time.monotonic() - began)
            state = f"{rate:.1f}/s" + (f", {failed} failed" if failed else "")
            progress.update(bar, advance=1, state=state)

        yield advance


def _skipped_files(others: Counter[str]) -> str:
    """Say which files of the directory are not images, by suffix."""
    shown = others.most_common(SHOWN_KINDS)
    rest = others.total() - sum(count for _, count in shown)
    kinds = [f"{count} {kind}" for kind, count in shown] + ([f"{rest} others"] if rest else [])
    return f"skipped: {', '.join(kinds)}"


def _summarize(
    journal: Journal,
    paths: list[str],
    tried: int,
    seconds: float,
    others: Counter[str],
    quiet: bool,
) -> int:
    """Print a summary on standard error. Returns how many images have failed."""
    records = [journal.records[path] for path in paths if path in journal.records]
    failures = [record for record in records if record.error is not None]
    if not quiet:
        for record in failures[:SHOWN_FAILURES]:
            say(f"{record.path}: {record.error}")
        if len(failures) > SHOWN_FAILURES:
            say(f"... and {len(failures) - SHOWN_FAILURES} more")
        rate = f", {tried} in {seconds:.1f} s" if tried else ""
        say(
            f"{len(records) - len(failures)} of {len(paths)} done, {len(failures)} failed{rate}: "
            f"{journal.address}"
        )
        _say_dropped(records)
        if others:
            say(_skipped_files(others))
    return len(failures)


def _say_dropped(records: list[Record]) -> None:
    """Say how many frames of animations the cut-outs lack."""
    dropped = [record.frames_dropped for record in records if record.frames_dropped]
    if dropped:
        say(f"{len(dropped)} animations: only the first frame is cut out, {sum(dropped)} dropped")
