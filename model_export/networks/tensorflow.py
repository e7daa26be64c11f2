"""TensorFlow, brought in without what it says of itself."""

import os
import sys
from importlib import import_module
from pathlib import Path


def import_tensorflow() -> None:
    """Import TensorFlow and Keras with nothing on standard error, so that the commands' own words
    can be seen.

    TensorFlow's C++ side writes straight to the descriptor, before any of its log levels counts.
    Raises ImportError.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    before = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import_module("tensorflow")
        import_module("keras")
    finally:
        os.dup2(before, 2)
        os.close(before)
