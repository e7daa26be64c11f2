"""docs/video.md: every command makes what it says, of a tiny clip."""

import re
import shlex
from pathlib import Path

import pytest

from cutout.cli.main import main
from docs.tables import ROOT
from tests.support.bundles import write_bundles
from tests.support.images import disc, encoded

pytest.importorskip("av")

from tests.support.clips import FRAMES, play, write_clip

DOCUMENT = (ROOT / "docs" / "video.md").read_text()


def test_the_commands_make_clips_with_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUTOUT_MODELS", str(write_bundles(tmp_path / "models")))
    monkeypatch.chdir(tmp_path)
    write_clip(Path("clip.mp4"), sound="aac")
    Path("beach.jpg").write_bytes(encoded(disc(), ".jpg"))
    commands = re.findall(r"^cutout (video .*)$", DOCUMENT, re.MULTILINE)
    assert len(commands) == 6
    for command in commands:
        words = shlex.split(command)
        with pytest.raises(SystemExit) as end:
            main([*words, "--quiet"])
        assert not end.value.code, command
        made = Path(words[2])
        if made.is_dir():
            assert len(list(made.iterdir())) == FRAMES
            continue
        played = play(made)
        assert len(played.frames) == FRAMES
        assert played.sound in {"aac", "opus"}
        is_see_through = made.suffix in {".webm", ".mov"}
        assert (int(played.frames[:, :, :, 3].min()) < 10) == is_see_through


def test_the_table_names_every_kind_of_file() -> None:
    from cutout.video.writers import KINDS

    assert [suffix for suffix in KINDS if f"`{suffix}`" not in DOCUMENT] == []
