"""The command `python -m model_export`: train, evaluate and export the networks of the server."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import cv2
import typer

from cutout.errors import CutoutError, DataError
from cutout.explain import reason
from cutout.system.cores import usable_cores
from model_export.config import config_names
from model_export.data.soft_labels import Rule

if TYPE_CHECKING:
    from model_export.config import TrainConfig

INTERRUPTED = 130  # exit code after Ctrl-C: that of a shell for SIGINT

cli = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@cli.callback()
def options() -> None:
    """Train, evaluate and export the networks that the server runs."""


Overrides = Annotated[
    list[str], typer.Option("--set", help="override a config entry: section.key=value (repeatable)")
]
Clips = Annotated[
    list[str],
    typer.Option(
        "--clips", help="SET=REGEX: group 1 names the clip, as in data.clips (repeatable)"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object instead of text")]
Force = Annotated[
    bool,
    typer.Option("--force", help="replace what is in --out, not only by another --version of it"),
]
Data = Annotated[
    Path,
    typer.Option(
        help="folder of sets, such as DIR/<set>/images/x.jpg with DIR/<set>/masks/x.png; "
        "docs/training.md has the other layouts"
    ),
]


@cli.command()
def train(
    config: Annotated[
        str, typer.Argument(help=f"a .toml file, or one of {', '.join(config_names())}")
    ],
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help="the run's folder; runs/<name> when absent")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="continue the run in --out")] = False,
    start: Annotated[
        Path | None,
        typer.Option("--from", help="fine-tune: a bundle, a run or a .keras file to start from"),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="with --from: a folder of general images to train on too, so as not to forget; "
            "without masks the network labels them itself; DIR/unlabelled when absent"
        ),
    ] = None,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="no report.html in the run's folder")
    ] = False,
    overrides: Overrides = [],  # noqa: B006 - typer reads it, nothing writes to it
) -> None:
    """Train a network on a folder of images with masks; the run's folder gets a report."""
    from cutout.system.process import keep_freed_memory
    from model_export.config import load_config
    from model_export.networks.tensorflow import import_tensorflow
    from model_export.training.fine_tuning import find_origin

    keep_freed_memory()
    origin = find_origin(start) if start else None
    loaded = load_config(config, overrides, origin.config if origin else None)
    # after the config, whose errors need not wait for it, and before what imports it aloud
    import_tensorflow()
    from model_export.labelling.own_labels import images_to_rehearse
    from model_export.report.live import LiveReport
    from model_export.report.training import next_step, scores
    from model_export.report.write import write_run_report
    from model_export.training.train import train as run

    keras_file = origin.keras_file if origin else None
    folder = out or Path("runs") / loaded.name
    if start:
        keep = images_to_rehearse(keep, start, data, folder)
    run(loaded, data, folder, resume, keras_file, keep, [] if no_report else [LiveReport(folder)])
    print(scores(folder))
    if not no_report:
        write_run_report(folder, data)
    print(next_step(folder, data, loaded.name))


data_cli = typer.Typer(no_args_is_help=True, help="Look at training images.")
cli.add_typer(data_cli, name="data")


@data_cli.command()
def check(
    folder: Annotated[
        Path,
        typer.Argument(help="a folder of images with masks; docs/training.md has the layouts"),
    ],
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="where the contact sheet goes; runs/check/<folder>-<hash of its path>.png when "
            "absent"
        ),
    ] = None,
    clips: Clips = [],  # noqa: B006 - typer reads it, nothing writes to it
    as_json: Json = False,
) -> None:
    """Tell what a folder holds and what is wrong with it; exit code 1 where training would stop."""
    from model_export.data.check import check as run
    from model_export.data.pairs import read_clips
    from model_export.report.check import as_text, sheet_of, write_sheet

    if sheet is not None and not cv2.haveImageWriter(str(sheet)):
        raise typer.BadParameter(
            f"{sheet}: not the name of an image file; use one like sheet.png", param_hint="--sheet"
        )
    report = run(folder, read_clips(clips))
    path = sheet or sheet_of(folder)
    write_sheet(report.inspections, path)
    if as_json:
        print(json.dumps({**report.as_json(), "contact_sheet": str(path)}, indent=2))
    else:
        print(f"{as_text(report)}\ncontact sheet: {path}")
    raise typer.Exit(0 if report.ok else 1)


@cli.command()
def label(
    bundle: Annotated[Path, typer.Argument(help="the teacher: a bundle, trained here or imported")],
    images: Annotated[
        Path, typer.Argument(help="a directory of images without masks, at any depth")
    ],
    out: Annotated[
        Path,
        typer.Argument(help="the directory of labels; training takes it as one of its sets"),
    ],
    certainty: Annotated[
        float,
        typer.Option(min=0, max=1, help="leave out labels of which the teacher is less sure"),
    ] = Rule().certainty,
    most: Annotated[
        int | None, typer.Option(min=1, help="label only so many, evenly over all")
    ] = None,
    threads: Annotated[
        int, typer.Option(min=1, help="onnxruntime's threads", show_default="all cores")
    ] = usable_cores(),
) -> None:
    """Make masks for images without any by a bundle, a teacher. Run again to continue."""
    from cutout.inference.onnx_predictor import load_predictor
    from model_export.labelling.label import label as run
    from model_export.labelling.summary import as_text, write_sheet

    teacher = load_predictor(bundle, threads)
    if teacher.manifest.task == "classify":
        print(
            f"warning: {teacher.manifest.name} is a classifier, whose alphas are coarse; a "
            "segmenter is a better teacher",
            file=sys.stderr,
        )
    made = run(teacher, images, out, Rule(certainty=certainty), most)
    write_sheet(made, images, out)
    print(as_text(made, images, out))
    if made.waiting:
        raise typer.Exit(INTERRUPTED)


class Split(StrEnum):
    """The images that are measured."""

    TEST = "test"
    ALL = "all"


@cli.command()
def evaluate(
    bundle: Annotated[Path, typer.Option(help="a bundle's folder: model.onnx with manifest.json")],
    data: Data,
    split: Annotated[
        Split,
        typer.Option(
            help="test: the images that training keeps aside; all: every one, for a bundle that "
            "saw none"
        ),
    ] = Split.TEST,
    alphas: Annotated[
        bool, typer.Option("--alphas", help="score a classifier's coarse alphas, not its parts")
    ] = False,
    clips: Clips = [],  # noqa: B006 - typer reads it, nothing writes to it
    threads: Annotated[int, typer.Option(min=1, help="onnxruntime's threads")] = 1,
    report: Annotated[
        Path | None,
        typer.Option(help="the report's file; runs/reports/<bundle>-<split>.html when absent"),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="only the JSON")] = False,
) -> None:
    """Measure a bundle on a folder of images with masks.

    Prints one JSON object on standard output, and writes a report.
    """
    from model_export.data.pairs import read_clips
    from model_export.quality.evaluate import evaluate as run
    from model_export.report.subject import load_subject
    from model_export.report.write import write_report
    from model_export.training.run_folder import REPORTS

    if no_report:
        result = run(bundle, data, split.value, alphas, threads, read_clips(clips))
    else:
        subject = load_subject(bundle, data, threads)
        out = report or REPORTS / f"{subject.manifest.name}-{split.value}.html"
        result = write_report(subject, data, out, split.value, alphas, read_clips(clips))
    print(json.dumps(result, indent=2))


@cli.command()
def report(
    models: Annotated[
        list[Path], typer.Argument(help="bundles or training runs; several are compared")
    ],
    data: Data,
    out: Annotated[
        Path | None,
        typer.Option(
            help="the HTML file; in the bundle or run when absent, of several in runs/reports"
        ),
    ] = None,
    split: Annotated[
        Split, typer.Option(help="test: images that none of them trained on; all: every one")
    ] = Split.TEST,
    threads: Annotated[int, typer.Option(min=1, help="onnxruntime's threads")] = 1,
) -> None:
    """Write the report of a bundle or run, or one page that compares several on the same images."""
    from model_export.report.subject import load_subject
    from model_export.report.write import write_comparison, write_report
    from model_export.training.run_folder import REPORT, REPORTS

    subjects = [load_subject(model, data, threads) for model in models]
    if len(subjects) > 1:
        names = "-and-".join(model.resolve().name for model in models)
        write_comparison(subjects, data, out or REPORTS / f"{names}.html", split.value)
    else:
        write_report(subjects[0], data, out or models[0] / REPORT, split.value)


@cli.command()
def export(
    data: Data,
    out: Annotated[Path, typer.Option(help="the bundle's folder, for example models/classifier")],
    run: Annotated[
        Path | None, typer.Option(help="a training run's folder: its best network and its config")
    ] = None,
    keras: Annotated[
        Path | None, typer.Option(help="any saved .keras instead; needs --config")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="the config that --keras was trained with")
    ] = None,
    licenses: Annotated[
        Path | None, typer.Option(help="TOML: terms of the weights and of each set")
    ] = None,
    version: Annotated[str, typer.Option(help="the bundle's version")] = "1.0.0",
    float32: Annotated[bool, typer.Option("--float32", help="do not quantise a segmenter")] = False,
    force: Force = False,
    as_json: Json = False,
    overrides: Overrides = [],  # noqa: B006 - typer reads it, nothing writes to it
) -> None:
    """Convert a trained network to ONNX, and write a bundle that the server loads.

    The converted network is checked against Keras first.
    """
    from model_export.bundle.publish import refuse_overwriting
    from model_export.networks.tensorflow import import_tensorflow
    from model_export.training.provenance import read_licenses

    keras_file, loaded = _trained(run, keras, config, overrides)
    terms = read_licenses(licenses) if licenses else read_licenses()
    if not force:
        refuse_overwriting(out, loaded.name, version)
    import_tensorflow()
    from model_export.bundle.export import Export
    from model_export.bundle.export import export as run_export
    from model_export.report.export import as_json as json_of
    from model_export.report.export import as_text
    from model_export.report.training import start_was_kept

    exported = run_export(
        Export(keras_file, loaded, data, terms, version, quantized=not float32), out
    )
    print(json.dumps(json_of(exported, out), indent=2) if as_json else as_text(exported, out))
    if run and start_was_kept(run):
        print(
            f"warning: no epoch of {run} scored better than the network it started from: this "
            "bundle is that network",
            file=sys.stderr,
        )


@cli.command("import")
def import_model(
    file: Annotated[
        Path,
        typer.Argument(help="another project's .onnx: one image in, an alpha or its logits out"),
    ],
    out: Annotated[Path, typer.Option(help="the bundle's folder, for example mine/u2net")],
    preset: Annotated[
        str | None, typer.Option(help="a well-known network: u2net, isnet, birefnet, modnet, ...")
    ] = None,
    spec: Annotated[
        Path | None, typer.Option(help="TOML or JSON for any other; see docs/importing.md")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="the model's name; that of the folder when absent")
    ] = None,
    license_text: Annotated[
        str | None, typer.Option("--license", help="the terms of the weights")
    ] = None,
    version: Annotated[str, typer.Option(help="the bundle's version")] = "1.0.0",
    force: Force = False,
    as_json: Json = False,
    overrides: Overrides = [],  # noqa: B006 - typer reads it, nothing writes to it
) -> None:
    """Wrap another project's ONNX file into a bundle that the server loads."""
    from model_export.bundle.import_spec import NOT_STATED, read_spec
    from model_export.bundle.importing import Import, import_onnx
    from model_export.bundle.publish import refuse_overwriting
    from model_export.report.imported import as_text

    loaded = read_spec(preset, spec, overrides)
    terms = license_text or loaded.license
    job = Import(
        file, loaded.model_copy(update={"license": terms}), name or out.resolve().name, version
    )
    if not force:
        refuse_overwriting(out, job.name, version)
    manifest = import_onnx(job, out)
    if terms == NOT_STATED:
        print(
            "warning: the terms of these weights are not stated; find them, and state them with "
            "--license",
            file=sys.stderr,
        )
    if as_json:
        summary = {"bundle": str(out), "name": manifest.name, "model": manifest.model.model_dump()}
        print(json.dumps({**summary, "output": manifest.output.model_dump()}, indent=2))
    else:
        print(as_text(manifest, out))


@cli.command()
def card(bundles: Annotated[list[Path], typer.Argument(help="bundles' folders")]) -> None:
    """Write the model cards of bundles from their manifests; `export` writes them too."""
    from cutout.inference.manifest import read_manifest
    from model_export.bundle.card import write_card

    for bundle in bundles:
        print(write_card(read_manifest(bundle), bundle))


@cli.command()
def tune(
    config: Annotated[
        str, typer.Argument(help="a .toml file, or a name from model_export/configs")
    ],
    data: Data,
    space: Annotated[
        Path,
        typer.Option(help="TOML: the config's entries with lists or ranges; see docs/tuning.md"),
    ],
    out: Annotated[
        Path | None, typer.Option(help="the study's folder; runs/tune-<name> when absent")
    ] = None,
    sampler: Annotated[str, typer.Option(help="grid, random or tpe (Bayesian)")] = "tpe",
    trials: Annotated[
        int | None, typer.Option(min=1, help="in all; 20, or all of a grid, when absent")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="trainings at once; they share the cores")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="continue the study in --out")] = False,
    prune: Annotated[bool, typer.Option(help="stop trials that fall behind the median")] = True,
    storage: Annotated[
        str | None, typer.Option(help="a database's URL, to share a study; study.db when absent")
    ] = None,
    seed: Annotated[int, typer.Option(help="of the search, not of the trainings")] = 0,
    overrides: Overrides = [],  # noqa: B006 - typer reads it, nothing writes to it
) -> None:
    """Search config entries for the best score on the validation split.

    Ends with the config to train with.
    """
    from model_export.config import load_config
    from model_export.tuning.space import read_space
    from model_export.tuning.study import Sampler, Tuning
    from model_export.tuning.study import tune as run

    if sampler not in list(Sampler):
        raise DataError(f"no sampler {sampler!r}; choose one of {', '.join(Sampler)}")
    search = Tuning(
        config,
        tuple(overrides),
        read_space(space),
        data,
        Sampler(sampler),
        trials,
        jobs,
        prune,
        storage,
        seed,
    )
    best = run(search, out or Path("runs") / f"tune-{load_config(config, overrides).name}", resume)
    print(best.read_text())
    print(f"# python -m model_export train {best} --data {data}")


def _trained(
    run: Path | None, keras: Path | None, config: str | None, overrides: list[str]
) -> tuple[Path, "TrainConfig"]:
    """Return the saved network and its config."""
    from model_export.config import load_config, read_run_config

    if run and not keras and not config:
        return run / "model.keras", read_run_config(run, overrides)
    if keras and config and not run:
        return keras, load_config(config, overrides)
    raise DataError("give either --run FOLDER, or --keras FILE with --config NAME")


def main() -> None:
    """Run the command. Exits with 1, after one line, for an error that is to be expected."""
    cv2.setNumThreads(1)  # the cores belong to the training; OpenCV's own pool would fight it
    try:
        cli()
    except CutoutError as error:
        _fail(error.detail)
    except OSError as error:
        _fail(f"{error.filename}: {reason(error)}" if error.filename else reason(error))
    except ModuleNotFoundError as error:
        _fail(
            f"{error.name} is not installed; `make export-env` brings all that model_export needs"
        )


def _fail(text: str) -> NoReturn:
    bars = sys.modules.get("tqdm")  # imported by what shows a progress bar, which `write` clears
    write = print if bars is None else bars.tqdm.write
    write(f"error: {text}", file=sys.stderr)
    raise SystemExit(1) from None


if __name__ == "__main__":
    main()
