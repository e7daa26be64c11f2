"""What every file of the repository promises: it works from any clone, on any machine, with any
package index."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))

# The hosts that pinning tools and lock files like to write down, and the options that name an
# index.
INDEX = re.compile(
    r"https?://[\w.-]*(?:pypi|pythonhosted|npmjs|registry|mirror|artifact|nexus|crates)[\w.-]*"
    r"|--(?:extra-)?index-url[= ]|--trusted-host[= ]|--find-links[= ]",
    re.IGNORECASE,
)
# A path below somebody's home or a scratch folder. The container's own paths are elsewhere.
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:home|root|Users|tmp|work|workspace)/\w")


def _tracked_texts() -> Iterator[tuple[str, str]]:
    """Name and content of every tracked text file, other people's left out."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("not a git clone")
    for name in listing.stdout.decode().split("\0")[:-1]:
        path = ROOT / name
        if name.startswith("app/web/vendor/") or not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" not in content:
            yield name, content.decode(errors="replace")  # binary files without a NUL, too


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:160]}"
        for name, text in _tracked_texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_index() -> None:
    assert _lines_with(INDEX) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert _lines_with(MACHINE_PATH) == []


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_with_hashes(path: Path) -> None:
    joined = path.read_text().replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]
    assert lines
    assert [
        line
        for line in lines
        if not re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)
    ] == []


def test_the_server_set_is_part_of_the_larger_sets_and_free_of_training() -> None:
    pins = {
        path.stem: set(re.findall(r"^([a-z0-9-]+==\S+)", path.read_text(), re.MULTILINE))
        for path in REQUIREMENTS
    }
    assert pins["server"] <= pins["export"] <= pins["dev"]
    assert pins["server"] <= pins["test"] <= pins["dev"]
    assert not {"keras", "tensorflow-cpu", "tf2onnx"} & {
        pin.split("==")[0] for pin in pins["server"] | pins["test"]
    }
