"""Train a network from a config on a folder of sets. A run can be stopped at any time and resumed.

A run's folder holds `config.json`, `history.jsonl` (a line an epoch), the checkpoint to resume from, and
`model.keras`: the float32 network with the weights that scored best on the validation split.
"""

from pathlib import Path
from typing import Any

import keras

from app.errors import DataError
from model_export.callbacks import STATE, Checkpoint, WeightAverage
from model_export.config import RUN_CONFIG, CnnConfig, TrainConfig
from model_export.data import find_pairs, select_some
from model_export.losses import DeeplySupervised
from model_export.networks import build_cnn, build_encoder_decoder, dtype_policy, inference_model
from model_export.report.live import LiveReport
from model_export.run_folder import HISTORY, MODEL, replace
from model_export.schedule import build_optimizer
from model_export.tasks import MaskTask, PartTask, Task


def train(config: TrainConfig, root: Path, out: Path, resume: bool = False) -> Path:
    """Train and return the path of the best model. Ctrl-C ends the run and keeps it.

    Raises DataError for unusable pictures, and for a run that is there already and was not asked to go on.
    """
    _prepare(config, out, resume)
    keras.utils.set_random_seed(config.training.seed)
    pairs = find_pairs(root, config.data.sets, config.data.clips)
    task = _task(config)
    batches, judge = task.batches(select_some(pairs, "train"), root), task.judge(select_some(pairs, "validation"))
    model = build_for_training(config)
    sizes = _sizes(config)
    model.compile(optimizer=build_optimizer(config.training, [batches.steps(step) for step in sizes]), **task.compile)
    average = WeightAverage(config.training.average) if config.training.average else None
    reference, served = build_for_serving(config)
    checkpoint = Checkpoint(out, reference, served, judge, average, config.training.validate_every)
    model.optimizer.build(model.trainable_variables)
    done = checkpoint.resume(model) if resume and (out / STATE).is_file() else 0
    try:
        _fit(model, batches, sizes, done, [callback for callback in (average, checkpoint, LiveReport(out)) if callback])
    except KeyboardInterrupt:
        print(f"stopped; the best model so far is {out / MODEL}, and --resume goes on from here")
    if not (out / MODEL).is_file():
        raise DataError(f"{out}: stopped before the first epoch was complete; nothing to keep")
    return out / MODEL


def build_for_training(config: TrainConfig) -> Any:
    """The network with fresh weights under the config's dtype policy, of any input size if it takes any."""
    with dtype_policy(config.training.dtype_policy):
        if isinstance(config.network, CnnConfig):
            return build_cnn(config.network, config.preprocess)
        network = build_encoder_decoder(config.network, config.preprocess, training=True)
        return DeeplySupervised(network.inputs, network.outputs, name=network.name)


def build_for_serving(config: TrainConfig) -> tuple[Any, Any]:
    """The same network in float32 at its final size: whole, to take the weights, and the part that is exported."""
    with dtype_policy("float32"):
        if isinstance(config.network, CnnConfig):
            whole = build_cnn(config.network, config.preprocess)
        else:
            whole = build_encoder_decoder(config.network, config.preprocess, config.preprocess.size)
    return whole, inference_model(whole)


def _fit(model: Any, batches: Any, sizes: list[Any], done: int, callbacks: list[Any]) -> None:
    """One `fit` for each stretch of epochs of one size."""
    while done < len(sizes):
        last = done
        while last < len(sizes) and sizes[last] == sizes[done]:
            last += 1
        batches.start(sizes[done], epoch=done)
        model.fit(batches, initial_epoch=done, epochs=last, callbacks=callbacks, verbose="auto", shuffle=False)
        done = last


def _sizes(config: TrainConfig) -> list[tuple[int, int]]:
    """(input side, batch size) of each epoch."""
    training = config.training
    sizes = [(config.preprocess.size, training.batch_size)] * training.epochs
    for step in sorted(training.sizes, key=lambda step: step.from_epoch):
        count = max(0, training.epochs - step.from_epoch)
        sizes[step.from_epoch :] = [(step.size, step.batch_size)] * count
    return sizes


def _task(config: TrainConfig) -> Task:
    return PartTask(config) if isinstance(config.network, CnnConfig) else MaskTask(config)


def _prepare(config: TrainConfig, out: Path, resume: bool) -> None:
    if (out / STATE).is_file() and not resume:
        raise DataError(f"{out}: a run is there already; --resume goes on with it, another --out starts afresh")
    out.mkdir(parents=True, exist_ok=True)
    if not resume:
        (out / HISTORY).unlink(missing_ok=True)
    replace(out / RUN_CONFIG, lambda path: path.write_text(config.model_dump_json(indent=2)))
