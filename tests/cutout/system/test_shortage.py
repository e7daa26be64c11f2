"""Short memory is told from a broken image."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from cutout.errors import OutOfMemory
from cutout.system.shortage import check_memory, explained

DECODE = """
import resource, sys
from cutout.sources import Upload
from cutout.system.shortage import explained
upload = Upload.read(sys.stdin.buffer.read(), 1 << 28)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)
with explained():
    upload.decode()
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".avif"])
def test_an_image_for_which_there_is_no_memory_is_not_called_corrupt(suffix: str) -> None:
    image = cv2.imencode(suffix, np.zeros((4000, 4000, 3), np.uint8))[1].tobytes()
    done = subprocess.run([sys.executable, "-c", DECODE], input=image, capture_output=True)
    assert done.stderr.decode().splitlines()[-1].startswith("cutout.errors.OutOfMemory: ")


def test_what_numpy_and_opencv_raise_is_explained() -> None:
    with pytest.raises(OutOfMemory), explained():
        check_memory(1 << 50)
    with pytest.raises(OutOfMemory), explained():
        _ = cv2.resize(np.zeros((9, 9), np.uint8), (1 << 24, 1 << 24))
    check_memory(1)


def test_other_errors_of_opencv_are_passed_on() -> None:
    with pytest.raises(cv2.error), explained():
        cv2.resize(np.zeros((0, 0), np.uint8), (1, 1))
