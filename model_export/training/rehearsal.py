"""Rehearsal: fine-tuning also trains and validates on general images, so as not to forget them.

Against catastrophic forgetting (Robins, Connection Science 7, 1995).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cutout.inference.manifest import DataSet
from model_export.config import TrainConfig
from model_export.data.dataset import Pair, Split, find_pairs, odds_of, select_some
from model_export.training.candidate import Scorer, Scores
from model_export.training.provenance import teachers_of

KEPT = "kept"
SIDES: tuple[Split, Split] = ("train", "validation")
MAX_VALIDATION_IMAGES = (
    100  # general images that validate: enough to see a loss, few enough for every epoch
)


class RehearsalImages:
    """The general images that are rehearsed, on the sides of the split that they always have.

    Where all are labels by the network itself, those that validate measure how far it still agrees
    with what it was.
    """

    def __init__(self, root: Path, config: TrainConfig) -> None:
        train, validation = _sides(find_pairs(root, None, config.data.clips))
        self.share = config.training.keep_share
        self.train = [_renamed(pair) for pair in train]
        self.validation = [
            _renamed(pair)
            for pair in validation[:: max(1, len(validation) // MAX_VALIDATION_IMAGES)]
        ]

    def weighted(self, config: TrainConfig, new: Sequence[Pair]) -> TrainConfig:
        """Return the config by which general images are `training.keep_share` of what is drawn.

        `new` are the pairs of the new images to train on.
        """
        weights = config.data.weights
        total = sum(odds_of(pair, config.data) for pair in new)
        # A teacher's labels count by their certainty, so their number alone would not do.
        own = sum(
            odds_of(pair, config.data.model_copy(update={"weights": {}})) for pair in self.train
        )
        # Solves own * each / (own * each + total) = share.
        each = self.share / (1 - self.share) * total / own
        kept = {pair.set: each for pair in self.train}
        return config.model_copy(
            update={"data": config.data.model_copy(update={"weights": {**weights, **kept}})}
        )

    def combined_scorer(self, new: Scorer, kept: Scorer) -> Scorer:
        """Return a score over both kinds of images, each counted by its share in training."""

        def score(model: Any) -> Scores:
            scores = new(model)
            others = kept(model)
            both = (1 - self.share) * scores["score"] + self.share * others["score"]
            return {
                **scores,
                "score": both,
                **{f"{KEPT}_{name}": value for name, value in others.items()},
            }

        return score

    def recorded(self, config: TrainConfig) -> TrainConfig:
        """Return the config that records which general images were trained on too."""
        if config.start is None:
            return config
        counts = Counter(pair.set for pair in (*self.train, *self.validation))
        known = {
            entry.name.removeprefix(f"{config.start.name}/"): entry.license
            for entry in config.start.sets
        }
        teachers = teachers_of([*self.train, *self.validation])
        sets = tuple(
            DataSet(
                name=name,
                images=count,
                license=known.get(name.removeprefix(f"{KEPT}/"), "not stated"),
                masks_by=teachers.get(name),
            )
            for name, count in sorted(counts.items())
        )
        return config.model_copy(update={"start": config.start.model_copy(update={"kept": sets})})


def _sides(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs to train on, and those that validate.

    Labels by a teacher validate too, where there is nothing else.
    """
    # `select` leaves a teacher's labels in training; without `taught` they are split by their hash
    as_drawn = [replace(pair, taught=None) for pair in pairs]
    split = as_drawn if all(pair.taught for pair in pairs) else pairs
    train, validation = (set(select_some(split, side)) for side in SIDES)
    # a pair without `taught` equals its original: that field is not compared
    return [pair for pair in pairs if pair in train], [pair for pair in pairs if pair in validation]


def _renamed(pair: Pair) -> Pair:
    """Return the pair under a set name of its own; its split was chosen under the old name."""
    return replace(pair, set=f"{KEPT}/{pair.set}")
