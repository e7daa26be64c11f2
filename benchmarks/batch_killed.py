"""A batch on Ray, its actor and its driver killed, resumed, and compared with the local engine.

    python -m benchmarks.batch_killed IMAGES WORK    (extra `ray`; WORK must be empty or missing)

It takes about five times as long as the images take on one machine. The local engine writes
WORK/local. On Ray, after a quarter of the images an actor is killed (SIGKILL), after half of them
the driver; the same command then does the rest, to WORK/ray. To expect: `equal` true: the same
outputs and the same manifest, to the byte, one record for each image. Exits with 1 where it isn't.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

COMMAND = [sys.executable, "-c", "from cutout.cli.main import main; main()", "batch"]
OWN = {".lock", "batch.json"}
POLL_SECONDS = 0.2
TRIES = 3


def main() -> None:
    """Run both engines, and print the comparison. Exits with 1 where they differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if any(options.work.iterdir()):
        parser.error(f"{options.work} is not empty")
    local = options.work / "local"
    ray = options.work / "ray"
    command = [
        *COMMAND,
        str(options.images),
        str(ray),
        "--engine",
        "ray",
        "--jobs",
        str(options.jobs),
        "--quiet",
    ]
    report: dict[str, Any] = {
        "local": _timed([*COMMAND, str(options.images), str(local), "--quiet"])
    }
    total = len(_records(local))
    report["killed"] = _killed(command, ray, total)
    report["resumed"] = [_timed(command)]
    while (
        len(_records(ray)) < total and len(report["resumed"]) < TRIES
    ):  # a busy machine can be too slow for Ray's start
        report["resumed"].append(_timed(command))
    report |= compare(local, ray)
    print(json.dumps(report, indent=1))
    raise SystemExit(0 if report["equal"] else 1)


def compare(one: Path, other: Path) -> dict[str, object]:
    """Compare the contents of two directories of cut-outs."""
    here = _contents(one)
    there = _contents(other)
    records = [json.loads(line) for line in _records(other)]
    differing = sorted(
        name for name in here.keys() | there.keys() if here.get(name) != there.get(name)
    )
    return {
        "records": len(records),
        "images": len({record["path"] for record in records}),
        "failed": sorted(record["path"] for record in records if record["error"]),
        "outputs": len(there) - 1,
        "differing": differing,
        "same_pixels": [name for name in differing if _same_pixels(one / name, other / name)],
        "equal": not differing,
    }


def _same_pixels(one: Path, other: Path) -> bool:
    """Tell whether two files are the same image, encoded in two ways."""
    here, there = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (one, other))
    return here is not None and there is not None and np.array_equal(here, there)


def _timed(command: list[str]) -> dict[str, object]:
    """Run a command to its end. Images that can't be read make its status 1."""
    began = time.monotonic()
    status = subprocess.run(command, check=False).returncode
    return {"status": status, "seconds": round(time.monotonic() - began, 1)}


def _killed(command: list[str], folder: Path, total: int) -> dict[str, object]:
    """Kill one of the command's actors after a quarter of the images, and itself after half."""
    began = time.monotonic()
    process = subprocess.Popen(command)
    at_actor = _wait_for(process, folder, total // 4)
    actor = next(_actors(process.pid))
    os.kill(actor, signal.SIGKILL)
    at_driver = _wait_for(process, folder, total // 2)
    replaced = sum(1 for _ in _actors(process.pid))
    below = list(_below(process.pid))
    process.kill()
    process.wait()
    seconds = round(time.monotonic() - began, 1)
    while any(
        Path(f"/proc/{pid}").exists() for pid in below
    ):  # Ray's own processes see that their driver is gone
        time.sleep(POLL_SECONDS)
    return {
        "records_when_the_actor_was_killed": at_actor,
        "records_when_the_driver_was_killed": at_driver,
        "actors_then": replaced,
        "records_left": len(_records(folder)),
        "outputs_left": len(_contents(folder)) - 1,
        "seconds": seconds,
    }


def _wait_for(process: subprocess.Popen[bytes], folder: Path, records: int) -> int:
    while (so_far := len(_records(folder))) < records:
        if process.poll() is not None:
            raise SystemExit(f"the command ended with {process.returncode} after {so_far} records")
        time.sleep(POLL_SECONDS)
    return so_far


def _actors(driver: int) -> Iterator[int]:
    for pid in _below(driver):
        try:
            name = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if name.startswith(b"ray::MapWorker"):
            yield pid


def _below(pid: int) -> Iterator[int]:
    """Yield the processes that `pid` started, and those that they started."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from _below(child)


def _records(folder: Path) -> list[str]:
    """Return the complete lines of a manifest that may be growing."""
    path = folder / "manifest.jsonl"
    return path.read_text().split("\n")[:-1] if path.exists() else []


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in OWN)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


if __name__ == "__main__":
    main()
