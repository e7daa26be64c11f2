"""Whole reports, of bundles for which bright is foreground: right figures, one file, and never in
the way.
"""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cutout.errors import DataError
from model_export.__main__ import cli
from model_export.config import load_config
from model_export.data.dataset import Pair, find_pairs
from model_export.report.comparison import drawn
from model_export.report.write import common_pairs, write_progress, write_run_report
from tests.support.bundles import write_bundle, write_bundles

VOID = {"meta", "link", "img", "br", "path", "use"}


class Document(HTMLParser):
    """What a page refers to and holds; fails on tags that don't nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.headings: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [
            value or ""
            for name, value in attrs
            if name in {"src", "href", "srcset", "data", "action"}
        ]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(
        cli, [str(argument) for argument in arguments], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundles(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize("name", ["classifier", "segmenter"])
def test_an_evaluation_writes_one_file_that_needs_no_other(
    bundles: Path, images: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "new" / "folder" / "out.html"
    options = ["--bundle", bundles / name, "--data", images, "--split", "all"]
    result = json.loads(call("evaluate", *options, "--report", out).stdout)
    page = out.read_text()
    document = Document(page)
    assert all(reference.startswith(("data:", "#")) for reference in document.references)
    assert not re.search(r"url\((?!#)|@import|<script|https?:(?!//www\.w3\.org/)", page)
    assert len(set(document.ids)) == len(document.ids)
    assert {reference[1:] for reference in document.references if reference.startswith("#")} <= set(
        document.ids
    )
    wanted = ["Quality", "Set by set", "Images", "Data", "Model and speed"]
    assert document.headings == [
        *wanted[:3],
        *(["What it looks at"] if name == "classifier" else []),
        *wanted[3:],
    ]
    main = "balanced_accuracy" if name == "classifier" else "iou"
    assert page.count(f"{result[main]:.3f}") >= 2
    assert f"{result['images']} images" in page
    assert page.count('alt="truth"') == min(16, result["images"])
    assert len(page) < 2_000_000


def test_without_a_report_the_figures_are_the_same(
    bundles: Path, images: Path, tmp_path: Path
) -> None:
    common = ["evaluate", "--bundle", bundles / "classifier", "--data", images]
    plain = call(*common, "--no-report").stdout
    assert json.loads(plain) == json.loads(call(*common, "--report", tmp_path / "out.html").stdout)


def test_a_page_that_can_not_be_written_costs_no_figures(
    bundles: Path, images: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / "file" / "out.html"
    result = call("evaluate", "--bundle", bundles / "segmenter", "--data", images, "--report", out)
    assert json.loads(result.stdout)["images"] == 3
    assert result.stderr.splitlines()[-1].startswith(f"warning: no report {out}: ")


def test_a_run_that_can_not_be_reported_is_only_warned_of(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run_report(tmp_path, images)
    assert re.search(
        r"warning: no report of .*; the run itself is complete: DataError: ",
        capsys.readouterr().err,
    )
    (tmp_path / "history.jsonl").write_text('{"epoch": 1, "score": 0.5}\n')
    write_progress(tmp_path)
    assert re.search(
        r"warning: no report of .*: DataError: .*config\.json", capsys.readouterr().err
    )


def test_a_run_in_progress_has_a_page_that_loads_itself_anew(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        load_config("classifier", ["training.epochs=90"]).model_dump_json()
    )
    lines = [
        {"epoch": 0, "seconds": 0.0, "score": 0.4},
        {"epoch": 1, "seconds": 60.0, "loss": 0.7, "rate": 1e-3, "score": 0.625, "val_loss": 0.65},
    ]
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_progress(tmp_path)
    page = (tmp_path / "report.html").read_text()
    document = Document(page)
    assert document.headings == ["Learning curves", "Configuration"]
    assert '<meta http-equiv="refresh"' in page
    assert "Epoch 1 of 90" in page
    assert "0.625" in page
    with (tmp_path / "history.jsonl").open("a") as history:
        history.write('{"epoch": 2, "seconds": 120.0, "loss": 0.6, "rate": 0.001}\n')
    write_progress(tmp_path)
    assert (tmp_path / "report.html").read_text() == page, (
        "no look at the validation split, no new page"
    )


def test_bundles_are_compared_on_the_same_images(
    bundles: Path, images: Path, tmp_path: Path
) -> None:
    other = write_bundle(tmp_path / "other", "segment")
    out = tmp_path / "compare.html"
    models = [bundles / "segmenter", other, bundles / "classifier"]
    call("report", *models, "--data", images, "--out", out, "--split", "all")
    page = out.read_text()
    document = Document(page)
    assert all(reference.startswith(("data:", "#")) for reference in document.references)
    assert document.headings == [
        "Quality",
        "Set by set",
        "Where they differ most",
        "Cut-outs",
        "Models and speed",
    ]
    for name in ("segmenter", "other", "classifier"):
        assert f'<th class="number">{name}</th>' in page
    assert "(18), through onnxruntime" in page
    assert "segmenter 0, other 0, classifier 0" in page, "two are equal: neither is ahead"
    assert page.count('alt="other"') == 18, "of at most fifty, each image is cut out by each model"
    assert page.count('class="number bar best"') == 2 * 2, "both of them, overall and in the set"


def test_cut_outs_are_drawn_from_every_set_in_turn_and_always_the_same(images: Path) -> None:
    one, two, three, *_ = find_pairs(images)
    pairs = [replace(one, set="cups"), replace(two, set="cups"), replace(three, set="mugs")]
    found = drawn(pairs, 3)
    assert [pair.set for pair in found] == ["cups", "mugs", "cups"]
    assert drawn(pairs[::-1], 2) == found[:2]


def test_a_report_goes_beside_what_it_is_about_and_a_comparison_to_the_reports(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = (write_bundle(tmp_path / "mine" / name, "segment") for name in ("cups", "mugs"))
    assert (
        call("report", first, "--data", images).stderr.splitlines()[-1]
        == f"report: {first / 'report.html'}"
    )
    call("report", first, second, "--data", images)
    assert [path.relative_to(tmp_path) for path in sorted(tmp_path.rglob("*.html"))] == [
        Path("mine/cups/report.html"),
        Path("runs/reports/cups-and-mugs.html"),
    ]
    page = (first / "report.html").read_text()
    assert page.count('alt="truth"') == 3
    assert "<h3>The worst</h3>" in page


def test_of_one_image_nothing_is_called_the_worst(
    bundles: Path, images: Path, tmp_path: Path
) -> None:
    for kind, suffix in (("images", ".jpg"), ("masks", ".png")):
        source = min((images / "discs" / kind).glob(f"*{suffix}"))
        (tmp_path / "one" / kind).mkdir(parents=True)
        (tmp_path / "one" / kind / source.name).write_bytes(source.read_bytes())
    options = ["--bundle", bundles / "segmenter", "--data", tmp_path / "one", "--split", "all"]
    call("evaluate", *options, "--report", tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text()
    assert page.count('alt="truth"') == 1
    assert "The worst" not in page


def test_only_images_that_none_trained_on_count(images: Path) -> None:
    pairs = find_pairs(images)
    grouped = [Pair(pair.set, pair.stem, "clip", pair.image_path, pair.mask_path) for pair in pairs]
    assert common_pairs([pairs[:6], grouped[4:]]) == pairs[4:6]
    with pytest.raises(DataError, match="no image in common"):
        common_pairs([pairs[:3], grouped[3:]])
