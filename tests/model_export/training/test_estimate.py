"""How long a training will take: estimated from its first steps, corrected by its epochs."""

import pytest

from model_export.training.estimate import Estimate, Size, in_words


class Clock:
    """Shows what it is set to."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def steps(size: Size) -> int:
    return 64 // size[1]


def made(sizes: list[Size], validation_seconds: float = 0.0) -> tuple[Estimate, Clock, list[str]]:
    clock, told = Clock(), list[str]()
    return Estimate(sizes, steps, validation_seconds, clock=clock, tell=told.append), clock, told


def train_steps(estimate: Estimate, clock: Clock, seconds: list[float]) -> None:
    for number, each in enumerate(seconds):
        clock.seconds += each
        estimate.on_train_batch_end(number)


def test_it_is_told_after_eight_steps_or_five_seconds_without_the_first() -> None:
    estimate, clock, told = made([(32, 4)] * 10)  # 160 steps
    estimate.on_epoch_begin(0)
    train_steps(estimate, clock, [20.0, *[0.5] * 7])
    assert told == []
    train_steps(estimate, clock, [0.5])
    assert len(told) == 1
    assert told[0].startswith("\nabout 76 s left, until ")  # 151 steps of half a second
    estimate, clock, told = made([(32, 4)] * 10)
    estimate.on_epoch_begin(0)
    train_steps(estimate, clock, [20.0, 6.0])
    assert told[0].startswith("\nabout 16 min left")


def test_larger_batches_of_larger_images_and_looks_count() -> None:
    sizes = [(32, 8), (64, 8)]  # eight steps each, the later ones of four times the pixels
    estimate, clock, told = made(sizes, validation_seconds=100.0)
    estimate.on_epoch_begin(0)
    train_steps(estimate, clock, [9.0, 5.0])
    assert told[0].startswith("\nabout 6 min left")  # 5 * (6 + 4 * 8) + 2 * 100 = 390 s


def test_an_epoch_that_tells_otherwise_corrects_it() -> None:
    estimate, clock, told = made([(32, 16)] * 3)
    estimate.on_epoch_begin(0)
    train_steps(estimate, clock, [1.0, 5.0, 5.0, 5.0])
    clock.seconds += 84.0  # a look at the validation split that nobody had foreseen
    estimate.on_epoch_end(0)
    assert [text.split(",")[0] for text in told] == ["\nabout 50 s left", "\nabout 3 min left"]
    estimate.on_epoch_begin(1)
    train_steps(estimate, clock, [25.0, 25.0, 25.0, 25.0])
    estimate.on_epoch_end(1)
    clock.seconds += 100.0
    estimate.on_epoch_end(2)
    assert len(told) == 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "1 s"), (89, "89 s"), (700, "12 min"), (5399, "1 h 30 min"), (12000, "3 h 20 min")],
)
def test_times_are_rounded_as_a_person_would(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
