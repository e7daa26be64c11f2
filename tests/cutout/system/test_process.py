"""How a process that works on images is set up, watched from outside."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, threading
import numpy as np

if sys.argv[1] != "as it is":
    import cutout.system.process
    getattr(cutout.system.process, sys.argv[1])()

sizes = [int(size) for size in sys.argv[2:]]

def image():
    arrays = [np.full(size, 1, np.uint8) for size in sizes]

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
@pytest.mark.parametrize(
    ("prepared", "sizes"),
    [
        ("prepare_for_images", (3_500_000, 1_200_000, 3_000_000, 600_000)),
        ("keep_freed_memory", (50_000_000, 40_000, 7_000_000)),
    ],
)
def test_memory_that_is_freed_is_used_again(prepared: str, sizes: tuple[int, ...]) -> None:
    def faults(how: str) -> int:
        command = [sys.executable, "-c", FAULTS, how, *map(str, sizes)]
        return int(subprocess.run(command, check=True, capture_output=True).stdout)

    assert faults(prepared) < 100 < faults("as it is")
