"""Hooks of `make docs` (mkdocs.yml): pages from the root, and links that lead out of the site.

README.md, CHANGELOG.md, CONTRIBUTING.md and SECURITY.md become pages. A link to a file of the
repository that is not a page, such as a module, becomes its text.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
ABOUT = {f"{name}.md": f"about/{name.lower()}.md" for name in ("CHANGELOG", "CONTRIBUTING")}
ABOUT |= {"README.md": "about/readme.md", "SECURITY.md": "about/security.md"}
TREE = "## Every file"
SHIM = "https://unpkg.com/iframe-worker/shim"
TEXT = r"[^\]\[]*(?:\[[^\]]*\])?[^\]\[]*"
LINK = re.compile(rf"(!?)\[({TEXT})\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from the root (a hook of MkDocs)."""
    for name, page in ABOUT.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links at pages, or leave their text (a hook of MkDocs)."""
    here = page.file.src_uri
    sources = {page: name for name, page in ABOUT.items()}
    source = sources.get(here, f"docs/{here}")

    def resolved(link: re.Match[str]) -> str:
        mark = link[1]
        text = link[2]
        target = link[3]
        anchor = link[4] or ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        uri = _page(path, files)
        if uri is None:
            return text
        return f"{mark}[{text}]({posixpath.relpath(uri, posixpath.dirname(here) or '.')}{anchor})"

    # The tree of all files would come first whatever is searched for, and fill the window.
    return LINK.sub(resolved, markdown).replace(TREE, f"{TREE} {{ data-search-exclude }}")


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Take the script by which search works from a disk from the site (a hook of MkDocs)."""
    here = posixpath.dirname(page.url)
    return output.replace(SHIM, posixpath.relpath("assets/iframe-worker.js", here or "."))


def on_post_template(output: str, template_name: str, config: MkDocsConfig) -> str:
    """Make links absolute in 404.html, which a server sends for any path (a hook of MkDocs)."""
    return output.replace(SHIM, "/assets/iframe-worker.js")


def _page(path: str, files: Files) -> str | None:
    """Return the page or image of a path in the repository, if the site has it."""
    candidates = [ABOUT.get(path)]
    if path.startswith("docs/"):
        inside = path.removeprefix("docs/")
        candidates += [inside, f"{inside}/README.md"]
    return next((uri for uri in candidates if uri and files.get_file_from_path(uri)), None)
