"""The import of TensorFlow without its messages."""

import os
import sys
from importlib import import_module
from pathlib import Path


def import_tensorflow() -> None:
    """Import TensorFlow and Keras with nothing on standard error, where our own messages go.

    TensorFlow's C++ code writes straight to the file descriptor, before any of its log levels takes
    effect. Raises ImportError where one is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # what Python still holds would be written to the null device
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
