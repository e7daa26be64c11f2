"""Search of config entries for the best validation score: grid, random or Bayesian (TPE).

With Optuna. A study's folder holds `study.db` (SQLite, all that resuming needs), `trials/NNNN/` (a
training run each), and once a trial is done `best.toml` and `study.html`. The test split is never
used.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.pool import NullPool
from tqdm import tqdm

from cutout.errors import DataError
from cutout.system.files import replace
from cutout.system.interrupts import signals_interrupt
from model_export.config import TrainConfig, load_config
from model_export.tuning.space import Space, Values, overrides
from model_export.tuning.trial import Training, to_toml

STORAGE = "study.db"
BEST = "best.toml"
TRIALS = "trials"
POLL_SECONDS = 0.5
STARTUP_TRIALS = 5  # that complete before any is pruned
SPARED_SHARE = 0.3  # of the epochs, at the start, in which nothing is pruned


Start = Callable[[TrainConfig, Path, Path, int], Training]


class Sampler(StrEnum):
    """The method of a search."""

    GRID = "grid"
    RANDOM = "random"
    TPE = "tpe"


@dataclass(frozen=True)
class Tuning:
    """A search: the config to start from, what to vary and how."""

    config: str
    fixed: tuple[str, ...]
    space: Space
    root: Path
    sampler: Sampler
    trials: int | None  # in all, those of earlier calls among them; a grid's own number when absent
    jobs: int = 1
    prune: bool = True
    storage: str | None = None
    seed: int = 0

    def with_values(self, values: Values) -> TrainConfig:
        """Return the config of a trial. Raises DataError where the values don't go together."""
        return load_config(self.config, [*self.fixed, *overrides(values)])


def tune(job: Tuning, out: Path, resume: bool = False, start: Start = Training) -> Path:
    """Run the trials that are missing, and return the path of the best config.

    Ctrl-C stops, and `resume` continues. Raises DataError for an entry that the config doesn't
    know, a study that exists and is not to be resumed or differs from this one, and where no trial
    finished.
    """
    # before any trial: else a value out of range would fail only once it is drawn
    for values in job.space.ends():
        job.with_values(values)
    study = _open(job, out, resume)
    wanted = _wanted(job, study)
    try:
        with signals_interrupt():
            _Runner(job, study, out, wanted, start).run()
    except KeyboardInterrupt:
        print(f"stopped; --resume continues the study in {out}")
    return write_results(job, study, out)


def completed(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that are complete."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def write_results(job: Tuning, study: optuna.Study, out: Path) -> Path:
    """Write `best.toml` and `study.html`; return the path of the first.

    Raises DataError where no trial is complete.
    """
    from model_export.tuning.report import write_report

    if not completed(study):
        reasons = {
            trial.user_attrs.get("reason", "stopped") for trial in study.get_trials(deepcopy=False)
        }
        raise DataError(f"{out}: no trial finished: {'; '.join(sorted(reasons)) or 'none was run'}")
    best = study.best_trial
    head = (
        f"# The best of {len(completed(study))} complete trials, score {best.value:.4f} on the "
        "validation split:\n"
    )
    varied = "".join(f"#   {line}\n" for line in overrides(best.params))
    replace(
        out / BEST,
        lambda path: path.write_text(head + varied + "\n" + to_toml(job.with_values(best.params))),
    )
    write_report(study, out)
    return out / BEST


class _Runner:
    """A loop that keeps `jobs` trainings running until as many trials as wanted are done."""

    def __init__(
        self, job: Tuning, study: optuna.Study, out: Path, wanted: int, start: Start
    ) -> None:
        self.job = job
        self.study = study
        self.out = out
        self.start = start
        self.missing = max(0, wanted - len(_done(study)))
        self.running: list[tuple[Trial, Training]] = []
        self.threads = max(1, len(os.sched_getaffinity(0)) // job.jobs)

    def run(self) -> None:
        with tqdm(total=self.missing, desc="trials", unit="") as bar:
            try:
                while self.missing or self.running:
                    while self.missing and len(self.running) < self.job.jobs:
                        self.missing -= 1
                        self._begin(bar)
                    if not self._look(bar):
                        time.sleep(POLL_SECONDS)
            finally:
                self._give_up()

    def _begin(self, bar: Any) -> None:
        trial = self.study.ask(dict(self.job.space.entries))
        trial.set_user_attr("process", f"{socket.gethostname()}:{os.getpid()}")
        try:
            config = self.job.with_values(trial.params)
        except DataError as error:
            trial.set_user_attr("reason", error.detail)
            self.study.tell(trial, state=TrialState.FAIL)
            _say(bar, trial, f"failed: {error.detail}")
            bar.update()
            return
        folder = self.out / TRIALS / f"{trial.number:04d}"
        self.running.append((trial, self.start(config, self.job.root, folder, self.threads)))
        _say(bar, trial, "begun")

    def _look(self, bar: Any) -> bool:
        """Report new scores, end what is done or falls behind; return whether anything ended."""
        before = len(self.running)
        for trial, training in list(self.running):
            finished = not training.running  # before the scores are read, so that none is missed
            for epoch, score in training.new_scores():
                trial.report(score, epoch)
            if finished:
                self._finish(trial, training, bar)
            elif self.job.prune and trial.should_prune():
                training.stop()
                self._end(trial, training, bar, TrialState.PRUNED, "pruned")
        return len(self.running) < before

    def _finish(self, trial: Trial, training: Training, bar: Any) -> None:
        if training.failed or not training.scores:
            reason = training.last_log_line()
            trial.set_user_attr("reason", reason)
            self._end(trial, training, bar, TrialState.FAIL, f"failed: {reason}")
        else:
            best = max(training.scores)
            self._end(trial, training, bar, TrialState.COMPLETE, f"score {best:.4f}", best)

    def _end(
        self,
        trial: Trial,
        training: Training,
        bar: Any,
        state: TrialState,
        result: str,
        score: float | None = None,
    ) -> None:
        self.running.remove((trial, training))
        training.tidy()
        self.study.tell(trial, score, state)
        _say(bar, trial, result)
        bar.update()

    def _give_up(self) -> None:
        """Stop what still runs, and queue its values for the next call."""
        for trial, training in self.running:
            training.stop()
            _retry(self.study, trial.number)


def _say(bar: Any, trial: Trial, result: str) -> None:
    bar.write(
        f"trial {trial.number}: {' '.join(overrides(trial.params))}: {result}", file=sys.stderr
    )


def open_storage(url: str) -> RDBStorage:
    """Open a database of studies, without a pool: nobody would close its last connection."""
    return RDBStorage(url, engine_kwargs={"poolclass": NullPool})


def _open(job: Tuning, out: Path, resume: bool) -> optuna.Study:
    """Return the study in `out`, new or as it was left."""
    out.mkdir(parents=True, exist_ok=True)
    storage = open_storage(job.storage or f"sqlite:///{(out / STORAGE).resolve()}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    known = [summary.study_name for summary in optuna.get_all_study_summaries(storage)]
    name = out.resolve().name
    if name in known and not resume:
        raise DataError(
            f"{out}: already holds a study; --resume continues it, another --out starts a new one"
        )
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction="maximize",
        load_if_exists=True,
        sampler=_sampler(job, 0),
        pruner=_pruner(job),
    )
    _same_search(job, study)
    # again, as only an open study tells how many trials it has
    study.sampler = _sampler(job, len(study.get_trials(deepcopy=False)))
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if _abandoned(trial):
            _retry(study, trial.number)
    return study


def _wanted(job: Tuning, study: optuna.Study) -> int:
    """Return how many trials the study is to have; those of a grid are queued."""
    if job.sampler is not Sampler.GRID:
        return job.trials or 20
    grid = job.space.grid()
    for values in grid:
        # a resumed grid queues only what it never had
        study.enqueue_trial(values, skip_if_exists=True)
    return min(job.trials or len(grid), len(grid))


def _sampler(job: Tuning, trials_so_far: int) -> optuna.samplers.BaseSampler:
    """Return a sampler; a resumed search has another seed, so that no numbers repeat."""
    seed = job.seed + trials_so_far
    return (
        optuna.samplers.TPESampler(seed=seed)
        if job.sampler is Sampler.TPE
        else optuna.samplers.RandomSampler(seed)
    )


def _pruner(job: Tuning) -> optuna.pruners.BasePruner:
    """Return a pruner of trials that are worse than the median of others at the same epoch."""
    if not job.prune:
        return optuna.pruners.NopPruner()
    epochs = job.with_values({}).training.epochs
    return optuna.pruners.MedianPruner(STARTUP_TRIALS, n_warmup_steps=round(epochs * SPARED_SHARE))


def _same_search(job: Tuning, study: optuna.Study) -> None:
    """Check that config and space are those of the study; else scores could not be compared.

    Raises DataError where they are not.
    """
    search = {
        "config": job.with_values({}).model_dump(mode="json"),
        "space": {
            key: optuna.distributions.distribution_to_json(value)
            for key, value in job.space.entries.items()
        },
    }
    for key, value in search.items():
        text = json.dumps(value, sort_keys=True)
        # `user_attrs` is a copy, so that setdefault compares but does not store
        if study.user_attrs.setdefault(key, text) != text:
            raise DataError(
                f"{study.study_name}: this study was started with another {key}; give another --out"
            )
        study.set_user_attr(key, text)


def _done(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count: complete, pruned, or failed for a reason of their own.

    A trial that was stopped is queued again.
    """
    finished = (trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished())
    return [
        trial
        for trial in finished
        if trial.state is not TrialState.FAIL or "reason" in trial.user_attrs
    ]


def _retry(study: optuna.Study, number: int) -> None:
    """End a trial that was stopped, and queue its values again."""
    study.tell(number, state=TrialState.FAIL)
    params = study.get_trials(deepcopy=False)[number].params
    # none where it was killed between its beginning and its first value
    if params:
        study.enqueue_trial(params)


def _abandoned(trial: FrozenTrial) -> bool:
    """Tell whether the process that ran a trial, on this machine, has exited."""
    host, _, pid = str(trial.user_attrs.get("process", "")).rpartition(":")
    return host in ("", socket.gethostname()) and not Path(f"/proc/{pid or 0}").exists()
