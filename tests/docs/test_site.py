"""The configuration of `make docs`, without building the site, which CI does."""

import yaml

from docs.tables import ROOT


def test_every_document_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    nav = str(yaml.safe_load(text)["nav"])
    pages = {
        path.relative_to(ROOT / "docs").as_posix()
        for pattern in ("*.md", "reference/*.md", "decisions/README.md")
        for path in (ROOT / "docs").glob(pattern)
    }
    assert [page for page in sorted(pages) if page not in nav] == []
