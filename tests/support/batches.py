"""A batch in a process of its own, and what it writes."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

# SIGINT as in a terminal: jobs that a script starts with & are born deaf to it
AWAKE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
COMMAND = [sys.executable, "-c", AWAKE + "from cutout.cli.main import main; main()", "batch"]


def manifest(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def outputs(folder: Path) -> dict[str, bytes]:
    """Everything below a folder but what the batch says of itself."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if path.name not in (".lock", "batch.json", "manifest.jsonl", "manifest.parquet")
    }


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
