"""How much memory a container may use."""

from pathlib import Path

import pytest

from cutout.system.memory import usable_memory


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": "1048576"}, 1048576),
        ({"memory.max": "max"}, None),
        ({"memory/memory.limit_in_bytes": "1048576"}, 1048576),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        ({}, None),
        ({"own": "0::/a/b", "a/memory.max": "2097152", "a/b/memory.max": "max"}, 2097152),
    ],
)
def test_a_container_s_limit_is_honoured(
    tmp_path: Path, files: dict[str, str], limit: int | None
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    machine = usable_memory(tmp_path / "none", tmp_path / "none")
    assert usable_memory(tmp_path, tmp_path / "own") == (limit or machine)
