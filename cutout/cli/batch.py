"""A folder of images, in parallel, to a folder of cut-outs and a manifest. What is done is not done again.

The folder of cut-outs belongs to one job: `batch.json` says which. On this machine it is locked while a process works
on it. An image is done when its output is there whole and its record in the manifest; whatever kills the process, the
next run of the same command goes on from there.
"""

import errno
import hashlib
import json
import mimetypes
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from cutout.cli.engine import Engine
from cutout.cli.folders import File, Folder
from cutout.cli.manifest import JOURNAL, Journal, Record
from cutout.errors import CutoutError, OutputRefused, Unreachable
from cutout.explain import explain_os_error
from cutout.options import CutoutOptions, PredictOptions

JOB = "batch.json"
IMAGES = frozenset(
    {".avif", ".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)
SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "application/zip": ".zip",
    "image/png": ".png",
}

FULL = frozenset({errno.EDQUOT, errno.ENOSPC, errno.EROFS})


@dataclass(frozen=True)
class Job:
    """What to make of which images. Two runs with equal descriptions may share a folder of cut-outs."""

    source: Folder
    options: CutoutOptions
    background: bytes | None = None

    def description(self, engine: Engine) -> dict[str, object]:
        model = engine.mask_model(self.options.model)
        return {
            "source": self.source.address,
            "options": self.options.model_dump(mode="json", exclude={"model"}),
            "background_image": None
            if self.background is None
            else hashlib.sha256(self.background).hexdigest(),
            "model": {"name": model.name, "version": model.version, "sha256": model.model.sha256},
        }


@contextmanager
def output_folder(
    folder: Folder, description: Mapping[str, object], force: bool
) -> Iterator[Journal]:
    """The folder of a job, made where it isn't there, locked, with its journal; `force` starts the job anew.

    Raises OutputRefused where another process works there, or what is there is another job's or nobody's.
    """
    if not force and _job_of(folder) is None and _files(folder):
        raise OutputRefused(f"{folder.address} is not empty; --force writes there all the same")
    with folder.locked():
        before = _job_of(folder)
        if (
            force
        ):  # first, as a process may be killed in between: no old records under the new job's name
            folder.log(JOURNAL).rewrite("")
        if force or before is None:
            folder.write(JOB, (json.dumps(description, indent=2) + "\n").encode())
        else:
            _check_same(folder, before, description)
        with closing(Journal(folder)) as journal:
            yield journal


def find_images(paths: Iterable[str]) -> list[str]:
    """Those of `paths` that are images, by the ends of their names; no cut-outs of another batch, below."""
    paths = list(paths)
    made = _folders_of_batches(paths)
    return sorted(
        path
        for path in paths
        if PurePosixPath(path).suffix.lower() in IMAGES and not path.startswith(made)
    )


def passed_over(paths: Iterable[str], images: Iterable[str]) -> Counter[str]:
    """How many of which kind there are in `paths` that `find_images` did not find."""
    others = sorted(set(paths).difference(images))
    made = _folders_of_batches(others)
    return Counter(
        "files of another batch"
        if path.startswith(made)
        else PurePosixPath(path).suffix.lower() or "without a suffix"
        for path in others
    )


def output_stems(paths: Iterable[str]) -> dict[str, str]:
    """Each image's output, without its suffix: `a/cat` for `a/cat.jpg`, but `a/cat.jpg` where there's an `a/cat.png`
    too, be it an image or a folder, so that no two images have one output. Raises OutputRefused where that does not
    help."""
    paths = list(paths)
    count = Counter(_without_suffix(path) for path in paths)
    folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    taken = {
        _without_suffix(folder)
        for folder in folders
        if PurePosixPath(folder).suffix in SUFFIXES.values()
    }
    count.update(taken)
    stems = {
        path: path if count[_without_suffix(path)] > 1 else _without_suffix(path) for path in paths
    }
    if len(set(stems.values())) != len(stems):
        twice = next(stem for stem, times in Counter(stems.values()).items() if times > 1)
        raise OutputRefused(f"two images would both become {twice}: rename one of them")
    return stems


def to_do(
    journal: Journal, images: Mapping[str, File], folder: Folder, paths: Iterable[str]
) -> list[str]:
    """Those of `paths` whose output in `folder` is missing, failed, or older than an image that has changed since."""
    outputs = _files(folder)
    return [
        path for path in paths if not _is_done(journal.records.get(path), images[path], outputs)
    ]


def run(
    engine: Engine,
    job: Job,
    folder: Folder,
    journal: Journal,
    stems: Mapping[str, str],
    paths: list[str],
    jobs: int,
) -> Generator[Record]:
    """Work through `paths`, `jobs` at a time; each record is in the journal when it comes out.

    Raises Unreachable when the server is gone, OSError when the disk is full: then nothing more is begun.
    """
    remaining, pending = iter(paths), set[Future[Record]]()
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="batch")
    try:
        while True:
            more = islice(remaining, 2 * jobs - len(pending))
            pending |= {
                pool.submit(process, engine, job, folder, path, stems[path]) for path in more
            }
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                journal.add(record := future.result())
                yield record
    finally:
        engine.stop()
        pool.shutdown(cancel_futures=True)


def process(engine: Engine, job: Job, folder: Folder, path: str, stem: str) -> Record:
    """One image: read, scored, cut out, written. Its failure is its record.

    Raises Unreachable, and OSError where there is room for no other cut-out either.
    """
    record = Record(path)
    try:
        image = job.source.read(path)
        record = Record(path, hashlib.sha256(image).hexdigest(), len(image))
        prediction = engine.predict(image, PredictOptions())
        cutout = engine.cut_out(image, job.options, job.background)
        output = stem + (
            SUFFIXES.get(cutout.media_type) or mimetypes.guess_extension(cutout.media_type) or ""
        )
        folder.write(output, cutout.data)
    except Unreachable:
        raise
    except CutoutError as error:
        return _failed(record, f"{error.code}: {error.detail}")
    except OSError as error:
        if error.errno in FULL:
            raise
        return _failed(record, f"file: {explain_os_error(error)}")
    except (
        Exception
    ) as error:  # an image that nobody thought of must not end the work on all the others
        return _failed(record, f"internal_error: {type(error).__name__}: {error}")
    return Record(
        path,
        record.sha256,
        record.bytes,
        prediction.image.width,
        prediction.image.height,
        prediction.probability,
        cutout.coverage,
        output,
        hashlib.sha256(cutout.data).hexdigest(),
    )


def _failed(record: Record, error: str) -> Record:
    return Record(record.path, record.sha256, record.bytes, error=error)


def _is_done(record: Record | None, image: File, outputs: Mapping[str, File]) -> bool:
    if record is None or record.error is not None or record.output is None:
        return False
    output = outputs.get(record.output)
    return output is not None and image.size == record.bytes and image.mtime_ns <= output.mtime_ns


def _files(folder: Folder) -> dict[str, File]:
    try:
        return folder.files()
    except FileNotFoundError:
        return {}


def _job_of(folder: Folder) -> str | None:
    """The text of its `batch.json`."""
    try:
        return folder.read(JOB).decode(errors="replace")
    except FileNotFoundError:
        return None


def _folders_of_batches(paths: Iterable[str]) -> tuple[str, ...]:
    """Those below, as the beginnings of paths: where there is what a batch says of itself."""
    said = {JOB: set[str](), JOURNAL: set[str]()}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder and name in said:
            said[name].add(f"{folder}/")
    return tuple(said[JOB] & said[JOURNAL])


def _without_suffix(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _check_same(folder: Folder, before: str, description: Mapping[str, object]) -> None:
    try:
        job = json.loads(before)
        differing = [name for name in description if job.get(name) != description[name]]
    except (ValueError, AttributeError):
        raise OutputRefused(f"{folder.address}/{JOB} can't be read; --force starts anew") from None
    if differing:
        raise OutputRefused(
            f"{folder.address} holds another job, with other {', '.join(differing)}; take another folder, or --force"
        )
