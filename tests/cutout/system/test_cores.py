"""How many cores a container may use."""

from pathlib import Path

import pytest

from cutout.system.cores import usable_cores


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
        (
            {
                "own": "0::/system.slice/cutout.service",
                "system.slice/cutout.service/cpu.max": "100000 100000",
            },
            1,
        ),
        ({"own": "0::/system.slice/cutout.service", "system.slice/cpu.max": "100000 100000"}, 1),
        ({"own": "0::/system.slice/cutout.service", "user.slice/cpu.max": "100000 100000"}, None),
        (
            {
                "own": "5:memory:/a\n4:cpu,cpuacct:/a",
                "cpu/a/cpu.cfs_quota_us": "100000",
                "cpu/a/cpu.cfs_period_us": "100000",
            },
            1,
        ),
        ({"own": "nonsense"}, None),
    ],
)
def test_a_container_s_quota_is_honoured(
    tmp_path: Path, files: dict[str, str], cores: int | None
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    unlimited = usable_cores(tmp_path / "none", tmp_path / "none")
    assert usable_cores(tmp_path, tmp_path / "own") == (cores or unlimited)
