"""The choice between bfloat16 and float32, by which trains faster on this processor."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import keras

CPUINFO = Path("/proc/cpuinfo")
FAST = frozenset({"avx512_bf16", "amx_bf16"})  # instructions that multiply in bfloat16
FASTER = 0.9  # of float32's time: what bfloat16 may take to be chosen on a processor without these
TRIES = 3  # of which the fastest counts


class Precision(NamedTuple):
    """The precision of training: a Keras dtype policy, and why it was chosen."""

    policy: str
    reason: str

    def __str__(self) -> str:
        name = self.policy.removeprefix("mixed_")
        return f"computing in {name}: {self.reason}"


# measured once: `train` prints it and builds by it, and a second measurement may differ
@cache
def precision(stated: str) -> Precision:
    """Return what `training.dtype_policy` stands for here: itself, or for `auto` the faster one."""
    if stated != "auto":
        return Precision(stated, "as training.dtype_policy says")
    return choose(processor_flags(), seconds_of_gradients)


def choose(flags: set[str], seconds: Callable[[str], float]) -> Precision:
    """Choose by a processor's flags, else by the seconds of a convolution's gradients.

    `seconds` measures these in a dtype. Where TensorFlow computes in bfloat16 through oneDNN, all
    is well. Elsewhere only the forward pass has a kernel of its own: the two gradients of a
    convolution fall back on generic code, twelve to nineteen times slower than float32
    (model_export/LOG.md).
    """
    if known := FAST & flags:
        return Precision("mixed_bfloat16", f"the processor has {', '.join(sorted(known))}")
    ratio = seconds("bfloat16") / seconds("float32")
    times = f"the gradients of a convolution take {ratio:.2g} times as long in bfloat16 here"
    return Precision("mixed_bfloat16" if ratio <= FASTER else "float32", times)


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Build layers under a dtype policy during the block, and restore the previous one."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def processor_flags(cpuinfo: Path = CPUINFO) -> set[str]:
    """Return the flags that Linux lists for the first processor; empty where it lists none."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return set()
    # x86 calls them flags, ARM Features
    flags = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return set(next(flags, "").split())


def seconds_of_gradients(dtype: str) -> float:
    """Return how many seconds both gradients of a 3x3 convolution take, the best of some tries."""
    import tensorflow as tf

    # as many channels out as in: `values` stands for the input and for the output's gradient
    values, kernel = (tf.cast(tf.ones(shape), dtype) for shape in ((2, 32, 32, 64), (3, 3, 64, 64)))

    def gradients() -> Any:
        stated: dict[str, Any] = {"strides": [1, 1, 1, 1], "padding": "SAME"}
        return (
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=values.shape, filter=kernel, out_backprop=values, **stated
            ),
            tf.raw_ops.Conv2DBackpropFilter(
                input=values, filter_sizes=kernel.shape, out_backprop=values, **stated
            ),
        )

    compiled = tf.function(gradients)
    # the first call traces and compiles
    compiled()
    return min(_seconds(compiled) for _ in range(TRIES))


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    for result in work():
        result.numpy()
    return time.perf_counter() - began
