"""The option `cutout batch --watch`: list a directory repeatedly, cut out images once complete.

A file counts as complete when its size and its time have not changed for SETTLED_SECONDS. Listing,
instead of the kernel's notifications, works on network file systems and in buckets too. A sender
that pauses for longer does no harm: a file that grows, or gets newer, after it was read is read
again.
"""

import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from cutout.cli.batch import Job, find_images, output_stems, process, to_do
from cutout.cli.engine import Engine
from cutout.cli.folders import File, Folder
from cutout.cli.manifest import Journal, Record
from cutout.errors import OutputRefused
from cutout.explain import explain_os_error

SETTLED_SECONDS = 2.0
LOOK_SECONDS = 1.0  # between two listings, or longer where a listing takes long
LISTING_SHARE = 0.1  # of the time, at most, that listing takes


class Arrivals:
    """The images of a directory, as they become complete."""

    def __init__(
        self,
        source: Folder,
        target: Folder,
        journal: Journal,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.paths: list[str] = []
        """Every image that is there."""
        self._source = source
        self._target = target
        self._journal = journal
        self._now = now
        self._since: dict[str, tuple[File, float]] = {}
        self._taken: dict[str, File] = {}

    def look(self) -> Mapping[str, str]:
        """List the directory; return the stem of the output of each image that is to be cut out.

        Raises OSError where it cannot be listed, and OutputRefused where two images would have one
        output.
        """
        found = self._source.files(leave_out=self._target)
        self.paths = find_images(self._source, found)
        stems = output_stems(self.paths)
        settled = [path for path in self.paths if self._is_settled(path, found[path])]
        self._since = {path: self._since[path] for path in self.paths}
        fresh = [path for path in settled if self._taken.get(path) != found[path]]
        # OUT is listed only where an image is new, and not at every look.
        missing = to_do(self._journal, found, self._target, fresh) if fresh else ()
        # After OUT was listed: where that fails, the next look takes the same images again.
        self._taken.update({path: found[path] for path in fresh})
        return {path: stems[path] for path in missing}

    def _is_settled(self, path: str, file: File) -> bool:
        before, since = self._since.get(path, (None, 0.0))
        if before != file:
            since = self._now()
            self._since[path] = (file, since)
        # An empty file is one that is yet to be written.
        return file.size != 0 and self._now() - since >= SETTLED_SECONDS


def run(
    engine: Engine,
    job: Job,
    folder: Folder,
    journal: Journal,
    arrivals: Arrivals,
    jobs: int,
    warn: Callable[[str], None],
) -> Generator[Record]:
    """Cut out images as they arrive, `jobs` at a time, until the generator is closed.

    Yields each record once it is in the journal. `warn` is called once with what prevents a
    listing, such as a network share that is away for a while.

    Raises Unreachable where the server does not respond, and OSError where the disk is full.
    """
    pending = dict[Future[Record], str]()
    waiting = dict[str, str]()
    warned = ""
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="watch")
    try:
        while True:
            began = time.monotonic()
            try:
                waiting |= arrivals.look()
                warning = ""
            except (OSError, OutputRefused) as error:
                warning = explain_os_error(error) if isinstance(error, OSError) else error.detail
            if warning not in ("", warned):
                warn(warning)
            warned = warning
            # One that is written again waits: two at a time would write one file.
            busy = set(pending.values())
            for path in [path for path in waiting if path not in busy]:
                future = pool.submit(process, engine, job, folder, path, waiting.pop(path))
                pending[future] = path
            pause = max(LOOK_SECONDS, (time.monotonic() - began) / LISTING_SHARE)
            for record in _done_within(pause, pending):
                journal.add(record)
                yield record
            # The last ones would wait for the next image, which may come tomorrow.
            journal.flush()
    finally:
        engine.stop()
        pool.shutdown(cancel_futures=True)
        for future in pending:  # what was being worked on when it was closed
            if not future.cancelled() and future.exception() is None:
                journal.add(future.result())


def _done_within(seconds: float, pending: dict[Future[Record], str]) -> Generator[Record]:
    """Yield the records of what is done within some seconds, and remove them from `pending`."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        # `wait` returns at once where there is nothing to wait for.
        if not pending:
            time.sleep(left)
            return
        for future in wait(pending, left, FIRST_COMPLETED).done:
            del pending[future]
            yield future.result()
