"""What `/metrics` tells: requests by the route's whole path as the schema has it, never by what a
client chose."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.metrics import FILE_BYTES, FILE_KINDS, MULTIPROCESS
from tests.support.images import disc, encoded


def test_requests_are_counted_by_the_paths_of_the_schema(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method in methods:
            client.request(method, path.replace("{name}", "nobody"))
    client.get("/of-a-client's-own")
    routes = set(re.findall(r'cutout_requests_total\{route="([^"]+)"', client.get("/metrics").text))
    assert routes == {*paths, "other"}


def test_images_are_measured_without_what_is_put_behind_them(client: TestClient) -> None:
    files = {"file": encoded(disc(96, 64)), "background_image": encoded(disc(300, 200))}
    assert client.post("/cutout", files=files).status_code == 200
    assert f"cutout_image_pixels_sum {96 * 64:.1f}" in client.get("/metrics").text


COUNT = """
import resource
from app.metrics import Metrics, allocate
if {full}:  # no file may grow beyond a kilobyte, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
allocate()
metrics = Metrics()
metrics.rejected.labels("overloaded").inc()
print(metrics.exposition().decode())
"""


@pytest.mark.slow
@pytest.mark.parametrize("full", [False, True])
def test_a_worker_counts_for_itself_where_there_is_no_room_for_shared_counts(
    full: bool, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT.format(full=full)],
        env={**os.environ, MULTIPROCESS: str(tmp_path)},
        capture_output=True,
        check=True,
    )
    assert b'cutout_rejected_total{code="overloaded"} 1.0' in done.stdout
    allocated = sum(file.stat().st_blocks * 512 for file in tmp_path.iterdir())
    assert allocated == (0 if full else len(FILE_KINDS) * FILE_BYTES)
