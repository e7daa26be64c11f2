"""Cut out a directory of images, in parallel, to a directory of cut-outs and a manifest; resumable.

The output directory belongs to one job, which `batch.json` in it describes. A local one is locked
while a process works on it. An image is done when its output is complete and its record in the
manifest; if the process is killed, the next run of the same command continues from there.
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
BEGINNING = 512  # bytes of a file that are read to tell its format
# Other names, such as those of HEIC, are looked into (`_begins_as_image`).
IMAGES = frozenset(
    {
        ".avif",
        ".bmp",
        ".gif",
        ".jfif",
        ".jpeg",
        ".jpg",
        ".png",
        ".tif",
        ".tiff",
        ".webp",
    }
)
UNFINISHED = frozenset({".crdownload", ".filepart", ".part", ".partial", ".tmp"})
"""Suffixes of files that a browser or a sender is still writing, and will rename."""
SUFFIXES = {
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "application/zip": ".zip",
    "image/png": ".png",
}

FULL = frozenset({errno.EDQUOT, errno.ENOSPC, errno.EROFS})
"""Errors of writing that every further image would have too."""


@dataclass(frozen=True)
class Job:
    """What to make of which images. Runs of the same description may share a directory."""

    source: Folder
    options: CutoutOptions
    background: bytes | None = None

    def description(self, engine: Engine) -> dict[str, object]:
        """Return the job as JSON-like values: runs of the same description make the same files.

        Raises UnknownModel where the engine has no model of the name.
        """
        model = engine.mask_model(self.options.model)
        return {
            "source": self.source.address,
            # The model is below: named or chosen as the default, it is the same job.
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
    """Create and lock the output directory of a job; yield its journal.

    `force` starts the job again. Raises OutputRefused where another process works there, or it has
    files of another job or of no job.
    """
    # Before the lock, which would leave a file in a directory that is somebody's.
    if not force and _job_of(folder) is None and _files(folder):
        raise OutputRefused(f"{folder.address} is not empty; choose another OUT, or use --force")
    with folder.locked():
        # Read again, under the lock: another process may have begun a job meanwhile.
        before = _job_of(folder)
        if force:  # first, so that a kill in between leaves no old records under the new job's name
            folder.log(JOURNAL).rewrite("")
        if force or before is None:
            folder.write(JOB, (json.dumps(description, indent=2) + "\n").encode())
        else:
            _check_same(folder, before, description)
        with closing(Journal(folder)) as journal:
            yield journal


def find_images(folder: Folder, paths: Iterable[str]) -> list[str]:
    """Return the paths of images in a directory, sorted, except outputs of another batch.

    Those are the files with a usual suffix, and others that begin as images do, but for those that
    are still being written.
    """
    paths = list(paths)
    made = _folders_of_batches(paths)
    # For no directory, `made` is empty, and `startswith` of an empty tuple is False.
    own = (path for path in paths if not path.startswith(made))
    return sorted(path for path in own if _has_suffix(path) or _begins_as_image(folder, path))


def _has_suffix(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in IMAGES


def _begins_as_image(folder: Folder, path: str) -> bool:
    """Tell whether a file is an image by its content; False where it cannot be read."""
    if PurePosixPath(path).suffix.lower() in UNFINISHED:
        return False
    from cutout.imaging.headers import is_image

    try:
        return is_image(folder.begins_with(path, BEGINNING))
    except OSError:
        return False


def skipped(paths: Iterable[str], images: Iterable[str]) -> Counter[str]:
    """Count the paths that `find_images` did not return, by suffix."""
    others = sorted(set(paths).difference(images))
    made = _folders_of_batches(others)
    return Counter(
        "files of another batch"
        if path.startswith(made)
        else PurePosixPath(path).suffix.lower() or "without a suffix"
        for path in others
    )


def output_stems(paths: Iterable[str]) -> dict[str, str]:
    """Return the output path of each image without its suffix, such that no two are the same.

    It is `a/cat` for `a/cat.jpg`, but `a/cat.jpg` if there is an `a/cat.png` too, an image or a
    directory. Raises OutputRefused where two would still be the same.
    """
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
        raise OutputRefused(f"two images would have the same output {twice}; rename one of them")
    return stems


def to_do(
    journal: Journal, images: Mapping[str, File], folder: Folder, paths: Iterable[str]
) -> list[str]:
    """Return the paths whose output is missing, has failed, or is older than its image."""
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
    """Process `paths`, `jobs` at a time; yield each record once it is in the journal.

    Raises Unreachable where the server does not respond, and OSError where the disk is full; then
    no further image is started.
    """
    remaining = iter(paths)
    pending = set[Future[Record]]()
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="batch")
    try:
        while True:
            # Twice as many as run, so that no thread waits while records are written here.
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
        # First, or threads would wait on between their tries. Images in progress are still written,
        # but without a record, so that the next run does them again.
        engine.stop()
        pool.shutdown(cancel_futures=True)


def process(engine: Engine, job: Job, folder: Folder, path: str, stem: str) -> Record:
    """Read, score, cut out and write one image. If that fails, the record has the error.

    Raises Unreachable where the server does not respond, and OSError where the disk is full or
    read-only.
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
    # Before CutoutError, its base: every further image would fail as well.
    except Unreachable:
        raise
    except CutoutError as error:
        return _failed(record, f"{error.code}: {error.detail}")
    except OSError as error:
        if error.errno in FULL:
            raise
        return _failed(record, f"file: {explain_os_error(error)}")
    except Exception as error:  # an unexpected image must not stop the work on all the others
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
        frames_dropped=cutout.frames_dropped,
    )


def _failed(record: Record, error: str) -> Record:
    return Record(record.path, record.sha256, record.bytes, error=error)


def _is_done(record: Record | None, image: File, outputs: Mapping[str, File]) -> bool:
    if record is None or record.error is not None or record.output is None:
        return False
    output = outputs.get(record.output)
    # The size too: a file moved into place may be older than the output of the one before.
    return output is not None and image.size == record.bytes and image.mtime_ns <= output.mtime_ns


def _files(folder: Folder) -> dict[str, File]:
    try:
        return folder.files()
    except FileNotFoundError:
        return {}


def _job_of(folder: Folder) -> str | None:
    """Return the text of its `batch.json`; None if there is none."""
    try:
        return folder.read(JOB).decode(errors="replace")
    except FileNotFoundError:
        return None


def _folders_of_batches(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the directories with the files of a batch, as prefixes of paths."""
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
    # AttributeError: valid JSON, but not an object.
    except (ValueError, AttributeError):
        raise OutputRefused(
            f"{folder.address}/{JOB} is not valid JSON; use --force to start again"
        ) from None
    if differing:
        raise OutputRefused(
            f"{folder.address} belongs to a batch with another {', '.join(differing)}; choose "
            "another OUT, or use --force to start again"
        )
