"""How a process that works on images is set up, watched from outside."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, threading
import numpy as np

if sys.argv[1] == "prepared":
    from cutout.system.process import prepare_for_images
    prepare_for_images()

def image():
    arrays = [np.full(size, 1, np.uint8) for size in (3_500_000, 1_200_000, 3_000_000, 600_000)]

def work():
    for _ in range(5):
        image()
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(20):
        image()
    print(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)

thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="of other C libraries nothing is promised"
)
def test_a_image_gets_the_memory_of_the_one_before_it() -> None:
    def faults(how: str) -> int:
        return int(
            subprocess.run(
                [sys.executable, "-c", FAULTS, how], check=True, capture_output=True
            ).stdout
        )

    assert faults("prepared") < 100 < faults("as it is")
