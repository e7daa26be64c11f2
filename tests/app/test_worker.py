"""A worker that cannot start says so in one line, and is not replaced."""

import subprocess
import sys

import pytest

from app.server import STARTUP_FAILURE

START = """
import logging, resource
from app import worker
logging.basicConfig(format="%(message)s %(code)s %(detail)s")
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (40 << 20),) * 2)
worker.from_environment()
"""


@pytest.mark.slow
def test_a_library_that_cannot_be_loaded_stops_the_start() -> None:
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True)
    assert done.returncode == STARTUP_FAILURE
    assert [line[:26] for line in done.stderr.splitlines()] == ["startup failed load_failed"]
