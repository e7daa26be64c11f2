"""A batch on a Ray cluster: Ray Data passes the images to a pool of actors with loaded models.

Ray schedules, restarts and retries; this process alone writes the journal. Work that is done twice,
because an actor exited before it could report, writes the same bytes to the same file. IN and OUT
are buckets, or directories that every machine of the cluster has under the same path.
"""

import json
from collections.abc import Generator, Iterable, Mapping
from dataclasses import asdict

from cutout.cli.batch import Job, process
from cutout.cli.engine import LocalEngine
from cutout.cli.folders import Folder
from cutout.cli.manifest import Journal, Record
from cutout.errors import InvalidOption, Unreachable
from cutout.explain import explain_os_error
from cutout.settings import EngineSettings

IMAGES_A_TASK = 16
TRIES = 3
"""Attempts at an image alone, after two together with others: it may be what crashes the
workers."""


def run(
    settings: EngineSettings,
    job: Job,
    folder: Folder,
    journal: Journal,
    stems: Mapping[str, str],
    paths: list[str],
    jobs: int | None,
) -> Generator[Record]:
    """Process `paths` on a Ray cluster; yield each record once it is in the journal.

    Uses at most `jobs` actors of one core each, by default as many as the cluster has cores. The
    cluster is that of RAY_ADDRESS; without it, one is started here. An image that crashes every
    actor ends as a failure.

    Raises InvalidOption where Ray (the extra `ray`) is not installed, Unreachable where there is no
    cluster, and Ray's own errors where actors cannot start.
    """
    if not paths:
        return
    _connect()
    work = {path: json.dumps([path, stems[path]]) for path in paths}
    for together, tries in (IMAGES_A_TASK, 2), (1, TRIES):
        # A list, as `work` shrinks meanwhile: the second round is for what has no record then.
        for record in _records(settings, job, folder, list(work.values()), together, tries, jobs):
            work.pop(record.path, None)
            journal.add(record)
            yield record
        if not work:
            return
    died = f"worker_died: each of {TRIES} workers exited while processing this image alone"
    for path in work:
        journal.add(record := Record(path, error=died))
        yield record


def _connect() -> None:
    try:
        import ray
    except ImportError:
        raise InvalidOption("--engine ray needs Ray: pip install '.[ray]'") from None
    try:
        ray.init(ignore_reinit_error=True, log_to_driver=False, include_dashboard=False)
    except Exception as error:  # Ray has no exception class for an unreachable cluster
        raise Unreachable(f"cannot connect to a Ray cluster: {error}") from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # images of a lost task have no record, and are tried again


def _records(
    settings: EngineSettings,
    job: Job,
    folder: Folder,
    items: list[str],
    together: int,
    tries: int,
    jobs: int | None,
) -> Generator[Record]:
    """Yield the records of items whose task, of `together` items, succeeded within `tries`."""
    import ray

    # A block is a task; their number is rounded up.
    done = ray.data.from_items(
        [{"item": item} for item in items], override_num_blocks=-(-len(items) // together)
    ).map_batches(
        _Actor,
        fn_constructor_args=(settings, job, folder),
        batch_size=together,
        compute=ray.data.ActorPoolStrategy(
            min_size=1,
            # A cluster may start with no cores at all, and grow when there is work.
            max_size=jobs or int(ray.cluster_resources().get("CPU", 0)) or None,
            # Otherwise images queued behind one that crashes the actor would fail with it.
            max_tasks_in_flight_per_actor=1 if together == 1 else None,
        ),
        num_cpus=1,
        max_task_retries=tries - 1,
    )
    # Blocks as they come: with a size, records would be held back to fill a batch.
    for batch in done.iter_batches(batch_size=None, prefetch_batches=0):
        for line in batch["record"]:
            yield Record(**json.loads(line))


class _Actor:
    """A Ray actor with loaded models.

    It takes and returns JSON: Arrow refuses names that are not UTF-8, and integers that are None.
    """

    def __init__(self, settings: EngineSettings, job: Job, folder: Folder) -> None:
        self._engine = LocalEngine(settings)
        self._job = job
        self._folder = folder

    def __call__(self, batch: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
        work = (json.loads(item) for item in batch["item"])
        return {"record": [json.dumps(asdict(self._process(path, stem))) for path, stem in work]}

    def _process(self, path: str, stem: str) -> Record:
        try:
            return process(self._engine, self._job, self._folder, path, stem)
        except OSError as error:  # this machine's disk is full; others may have space
            return Record(path, error=f"file: {explain_os_error(error)}")
