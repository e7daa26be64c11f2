"""Training of a network from a config on a folder of sets; a run can be stopped and resumed.

A run's directory holds `config.json`, `history.jsonl` (a line an epoch), the checkpoint to resume
from, and `model.keras`: the float32 network with the weights that scored best on the validation
split.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from cutout.errors import DataError
from cutout.system.files import replace
from cutout.system.interrupts import signals_interrupt, signals_told
from model_export.config import RUN_CONFIG, CnnConfig, EncoderDecoderConfig, TrainConfig
from model_export.data.dataset import (
    SPLITS,
    Pair,
    find_pairs,
    select,
    select_some,
    small_split_warning,
)
from model_export.networks.cnn import build_cnn
from model_export.networks.efficientnet import encoder_start, encoder_variables, take_encoder
from model_export.networks.encoder_decoder import build_encoder_decoder, freeze
from model_export.networks.precision import dtype_policy, precision
from model_export.networks.served import build_for_serving
from model_export.networks.weights import take_weights
from model_export.training.averaging import WeightAverage
from model_export.training.candidate import Candidate, Scorer
from model_export.training.estimate import Estimate
from model_export.training.losses import DeeplySupervised
from model_export.training.progress import Progress
from model_export.training.provenance import record_start
from model_export.training.rehearsal import RehearsalImages
from model_export.training.resuming import refuse_another_run
from model_export.training.run_folder import HISTORY, MODEL, STATE
from model_export.training.schedule import build_optimizer, slow_down
from model_export.training.tasks import MaskTask, PartTask, Task


def train(
    config: TrainConfig,
    root: Path,
    out: Path,
    resume: bool = False,
    start: Path | None = None,
    keep: Path | None = None,
    watchers: Sequence[keras.callbacks.Callback] = (),
) -> Path:
    """Train a network, and return the path of the best one.

    Ctrl-C and SIGTERM end the run and keep it. `root` is the data folder and `out` the run's
    directory. `start` is a saved network of the same shape to start from; `keep` is a folder of
    general images to train on beside those in `root`, so that the network does not forget them
    (rehearsal: Robins, Connection Science 7, 1995). `watchers` are called last after every epoch,
    when the history is written.

    Raises DataError for unusable images, for a run that exists and is not to be resumed, and where
    a resumed run has other settings or images than those it began with.
    """
    _refuse_overwriting(out, resume)
    if keep and config.start is None:
        raise DataError(
            "--keep is for fine-tuning and needs --from; without it, put all images into --data"
        )
    if start is None and _is_pretrained(config):
        config = config.model_copy(update={"start": encoder_start()})
    # for initial weights and dropout; batches have generators of their own, by seed and epoch
    keras.utils.set_random_seed(config.training.seed)
    pairs = find_pairs(root, config.data.sets, config.data.clips)
    _tell(config, pairs)
    kept = RehearsalImages(keep, config) if keep else None
    recorded = kept.recorded(config) if kept else config
    # without a checkpoint there is nothing to resume, and the record is of another beginning
    resumed = resume and (out / STATE).is_file()
    if resumed:
        # before _prepare, which overwrites the config that this compares with
        refuse_another_run(recorded, pairs, out)
    _prepare(recorded, out, resumed)
    record_start(pairs, out, resumed)
    batches, scorer = _task_on(config, root, pairs, kept)
    model = build_for_training(config)
    sizes = _sizes(config)
    model.compile(
        optimizer=build_optimizer(config.training, [batches.steps(step) for step in sizes]),
        **_task(config).compile,
    )
    if _is_pretrained(config):
        slow_down(model.optimizer, encoder_variables(model), config.training.encoder_rate)
    average = WeightAverage(config.training.average) if config.training.average else None
    progress = Progress(
        Candidate(*build_for_serving(config), scorer, average), config.training, out
    )
    # before the checkpoint is loaded, or there are no variables for Adam's moments: begun at 0,
    # the loss rose from 1.0 to 1.3 and never made up for it (LOG.md)
    model.optimizer.build(model.trainable_variables)
    if start:
        # when resumed too: the blend needs the old weights, and the checkpoint is loaded over them
        take_weights(model, start)
        progress.candidate.start_from(model.get_weights(), config.training.blend)
        if not resumed:
            progress.score_start(model)
    done = progress.checkpoint.resume(model) if resumed else 0
    scoring_seconds = progress.candidate.scoring_seconds
    estimate = Estimate(sizes, batches.steps, scoring_seconds, config.training.validate_every)
    try:
        with signals_told(_stopping), signals_interrupt():
            _fit(model, batches, sizes, done, [*progress.callbacks, estimate, *watchers])
    except KeyboardInterrupt:
        progress.keep_something(model)
        print(f"stopped; the best model so far is {out / MODEL}, --resume continues from here")
    return out / MODEL


def build_for_training(config: TrainConfig) -> Any:
    """Build the network with its initial weights, under the config's dtype policy.

    A segmenter takes any input size.
    """
    with dtype_policy(precision(config.training.dtype_policy).policy):
        if isinstance(config.network, CnnConfig):
            return build_cnn(config.network, config.preprocess)
        network = build_encoder_decoder(config.network, config.preprocess, training=True)
        if config.network.is_pretrained:
            take_encoder(network)
        freeze(network, config.training.frozen_levels)
        outputs = network.outputs if config.training.deep_supervision else network.outputs[0]
        return DeeplySupervised(network.input, outputs, name=network.name)


def _is_pretrained(config: TrainConfig) -> bool:
    network = config.network
    return isinstance(network, EncoderDecoderConfig) and network.is_pretrained


def _fit(model: Any, batches: Any, sizes: list[Any], done: int, callbacks: list[Any]) -> None:
    """Call `fit` for each stretch of epochs of one size."""
    while done < len(sizes):
        last = done
        while last < len(sizes) and sizes[last] == sizes[done]:
            last += 1
        batches.start(sizes[done], epoch=done)
        model.fit(
            batches,
            initial_epoch=done,
            epochs=last,
            callbacks=callbacks,
            # a bar that redraws itself is for a terminal; in a log, a line an epoch
            verbose=1 if sys.stdout.isatty() else 2,
            # the batches are random themselves
            shuffle=False,
        )
        # by Patience; the next call of `fit` would set it back to False
        if model.stop_training:
            break
        done = last


def _sizes(config: TrainConfig) -> list[tuple[int, int]]:
    """Return (input side, batch size) of each epoch."""
    training = config.training
    sizes = [(config.preprocess.size, training.batch_size)] * training.epochs
    # each step overwrites all that follows, so later ones have to come later
    for step in sorted(training.sizes, key=lambda step: step.from_epoch):
        count = max(0, training.epochs - step.from_epoch)
        sizes[step.from_epoch :] = [(step.size, step.batch_size)] * count
    return sizes


def _task(config: TrainConfig) -> Task:
    return PartTask(config) if isinstance(config.network, CnnConfig) else MaskTask(config)


def _task_on(
    config: TrainConfig, root: Path, pairs: Sequence[Pair], kept: RehearsalImages | None
) -> tuple[Any, Scorer]:
    """Return the batches to train on, and the function that scores the network."""
    train, validation = select_some(pairs, "train"), select_some(pairs, "validation")
    others = [*validation, *select(pairs, "test")]
    aside = frozenset(pair.name for pair in others)
    if kept is None:
        task = _task(config)
        return task.batches(train, root, aside), task.scorer(validation)
    task = _task(kept.weighted(config, train))
    batches = task.batches([*train, *kept.train], root, aside)
    return batches, kept.combined_scorer(task.scorer(validation), task.scorer(kept.validation))


def _tell(config: TrainConfig, pairs: Sequence[Pair]) -> None:
    """Print what is about to be done, and what is doubtful about it."""
    counts = {side: len(select(pairs, side)) for side in SPLITS}
    training = config.training
    rate = (
        f", the learning rate decaying over the last {training.decay_epochs:g}"
        if training.decay_epochs
        else ""
    )
    print(
        f"{config.name}: {counts['train']} images for training, {counts['validation']} for "
        f"validation, {counts['test']} for the test"
    )
    print(f"epochs: {training.epochs}{rate}")
    print(precision(training.dtype_policy))
    taught = Counter(str(pair.taught.teacher) for pair in pairs if pair.taught)
    for teacher, count in taught.items():
        print(f"{count} of the masks to train on are soft labels by {teacher}")
    few = small_split_warning(pairs)
    if few:
        print(f"warning: {few}", file=sys.stderr)


def _stopping() -> None:
    print(
        "\nstopping after this step; the best network so far is kept", file=sys.stderr, flush=True
    )


def _refuse_overwriting(out: Path, resume: bool) -> None:
    if (out / STATE).is_file() and not resume:
        raise DataError(
            f"{out}: already holds a run; --resume continues it, another --out starts a new one"
        )


def _prepare(config: TrainConfig, out: Path, resume: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if not resume:
        # lines are appended: those of a run that ended before its first checkpoint would stay
        (out / HISTORY).unlink(missing_ok=True)
    # when resumed too, as there may be more epochs now
    replace(out / RUN_CONFIG, lambda path: path.write_text(config.model_dump_json(indent=2)))
