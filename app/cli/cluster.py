"""The same batch on a Ray cluster: Ray Data hands the pictures to a pool of actors, each with the models loaded once.

Ray schedules, restarts and tries again; what is done is written down here, by the one process that holds the journal.
Work that is done twice, because its actor died before it could say so, writes the same bytes to the same place. IN and
OUT are buckets, or folders that every machine of the cluster has under the same path.
"""

import json
from collections.abc import Generator, Iterable, Mapping
from dataclasses import asdict

from app.cli.batch import Job, process
from app.cli.engine import LocalEngine
from app.cli.folders import Folder
from app.cli.manifest import Journal, Record
from app.errors import InvalidOption
from app.settings import Settings

PICTURES_A_TASK = 16
TRIES = 5
"""of a task whose actor died; a picture that kills every actor must not be tried for ever"""


def run(
    settings: Settings,
    job: Job,
    folder: Folder,
    journal: Journal,
    stems: Mapping[str, str],
    paths: list[str],
    jobs: int | None,
) -> Generator[Record]:
    """As `batch.run`, by at most `jobs` actors of one core each, or as many as the cluster has cores. RAY_ADDRESS says
    which cluster; without it, one is started here.

    Raises InvalidOption without Ray, which the extra `ray` has, and Ray's own errors where a task failed too often.
    """
    if not paths:
        return
    try:
        import ray
    except ImportError:
        raise InvalidOption("--engine ray needs Ray: pip install '.[ray]'") from None
    ray.init(ignore_reinit_error=True, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    items = [{"item": json.dumps([path, stems[path]])} for path in paths]
    done = ray.data.from_items(items, override_num_blocks=-(-len(items) // PICTURES_A_TASK)).map_batches(
        _Actor,
        fn_constructor_args=(settings, job, folder),
        batch_size=PICTURES_A_TASK,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=jobs or int(ray.cluster_resources()["CPU"])),
        num_cpus=1,
        max_task_retries=TRIES,
    )
    for batch in done.iter_batches(batch_size=None, prefetch_batches=0):
        for line in batch["record"]:
            journal.add(record := Record(**json.loads(line)))
            yield record


class _Actor:
    """Text in and out, since Arrow takes no names that are not UTF-8 and makes floats of integers that may be None."""

    def __init__(self, settings: Settings, job: Job, folder: Folder) -> None:
        self._engine, self._job, self._folder = LocalEngine(settings), job, folder

    def __call__(self, batch: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
        work = (json.loads(item) for item in batch["item"])
        records = (process(self._engine, self._job, self._folder, path, stem) for path, stem in work)
        return {"record": [json.dumps(asdict(record)) for record in records]}
