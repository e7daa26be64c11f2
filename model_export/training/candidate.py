"""The network as it would be served if training ended now."""

import time
from collections.abc import Callable
from typing import Any

from model_export.training.averaging import WeightAverage

Scores = dict[str, float]
Scorer = Callable[[Any], Scores]


class Candidate:
    """The network that is scored and saved: float32, averaged, and blended with its start.

    `whole` is the trained network in float32, and `served` the part of it that will be exported.
    `judge` scores that on the validation split. `judging` is how many seconds the last score took.
    """

    def __init__(
        self, whole: Any, served: Any, scorer: Scorer, average: WeightAverage | None = None
    ) -> None:
        self.whole = whole
        self.served = served
        self.scorer = scorer
        self.average = average
        self.scoring_seconds = 0.0
        self.start: list[Any] = []
        self.blend = 1.0

    def start_from(self, weights: list[Any], blend: float) -> None:
        """From now on, take only the share `blend` of the way from `weights` to the learned ones.

        Halfway between two networks lies one that knows both (WiSE-FT, Wortsman et al., arXiv
        2109.01903).
        """
        self.start = weights
        self.blend = blend

    def score(self, model: Any) -> Scores:
        """Take the weights that `model` has learned, and score the network with them."""
        learned = self.average.weights if self.average else model.get_weights()
        if self.start:
            learned = [
                old + self.blend * (new - old) for old, new in zip(self.start, learned, strict=True)
            ]
        return self._scored(learned)

    def score_start(self, model: Any) -> Scores:
        """Score `model` as it is, before the first step."""
        # not the averages: before training begins there are none
        return self._scored(model.get_weights())

    def _scored(self, weights: list[Any]) -> Scores:
        # by position: this network and the trained one make their layers in the same order
        self.whole.set_weights(weights)
        began = time.monotonic()
        scores = self.scorer(self.served)
        self.scoring_seconds = time.monotonic() - began
        return scores
