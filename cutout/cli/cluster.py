"""The same batch on a Ray cluster: Ray Data hands the images to a pool of actors, each with the models loaded once.

Ray schedules, restarts and tries again; what is done is written down here, by the one process that holds the journal.
Work that is done twice, because its actor died before it could say so, writes the same bytes to the same place. IN and
OUT are buckets, or folders that every machine of the cluster has under the same path.
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
"""of an image by itself, after two with others: it may be what kills the processes that read it"""


def run(
    settings: EngineSettings,
    job: Job,
    folder: Folder,
    journal: Journal,
    stems: Mapping[str, str],
    paths: list[str],
    jobs: int | None,
) -> Generator[Record]:
    """As `batch.run`, by at most `jobs` actors of one core each, or as many as the cluster has cores. RAY_ADDRESS says
    which cluster; without it, one is started here. An image that no actor outlives ends as a failure.

    Raises InvalidOption without Ray, which the extra `ray` has, Unreachable without a cluster, and Ray's own errors
    where actors can't even start.
    """
    if not paths:
        return
    _connect()
    work = {path: json.dumps([path, stems[path]]) for path in paths}
    for together, tries in (IMAGES_A_TASK, 2), (1, TRIES):
        for record in _records(settings, job, folder, list(work.values()), together, tries, jobs):
            work.pop(record.path, None)
            journal.add(record)
            yield record
        if not work:
            return
    died = f"worker_died: so did each of the {TRIES} that had this image alone"
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
    except Exception as error:  # Ray has no class of its own for a cluster that can't be had
        raise Unreachable(f"no Ray cluster: {error}") from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = (
        -1
    )  # a task that is lost is seen by its images, which have no record


def _records(
    settings: EngineSettings,
    job: Job,
    folder: Folder,
    items: list[str],
    together: int,
    tries: int,
    jobs: int | None,
) -> Generator[Record]:
    """Of those `items` whose task, of `together` of them, an actor lived to end in as many `tries`."""
    import ray

    done = ray.data.from_items(
        [{"item": item} for item in items], override_num_blocks=-(-len(items) // together)
    ).map_batches(
        _Actor,
        fn_constructor_args=(settings, job, folder),
        batch_size=together,
        compute=ray.data.ActorPoolStrategy(
            min_size=1,
            max_size=jobs or int(ray.cluster_resources()["CPU"]),
            # what waits behind an image that kills an actor would be blamed with it
            max_tasks_in_flight_per_actor=1 if together == 1 else None,
        ),
        num_cpus=1,
        max_task_retries=tries - 1,
    )
    for batch in done.iter_batches(batch_size=None, prefetch_batches=0):
        for line in batch["record"]:
            yield Record(**json.loads(line))


class _Actor:
    """Text in and out, since Arrow takes no names that are not UTF-8 and makes floats of integers that may be None."""

    def __init__(self, settings: EngineSettings, job: Job, folder: Folder) -> None:
        self._engine, self._job, self._folder = LocalEngine(settings), job, folder

    def __call__(self, batch: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
        work = (json.loads(item) for item in batch["item"])
        return {"record": [json.dumps(asdict(self._process(path, stem))) for path, stem in work]}

    def _process(self, path: str, stem: str) -> Record:
        try:
            return process(self._engine, self._job, self._folder, path, stem)
        except OSError as error:  # this machine's disk is full; others may have room
            return Record(path, error=f"file: {explain_os_error(error)}")
