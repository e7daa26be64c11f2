"""Phrases that the project does not use (docs/words.md); codespell in `make lint` checks words."""

import re
import subprocess

from docs.tables import ROOT

PHRASES = {
    r"put(s|ting)? up with": "tolerate, or name the limit",
    r"(goes|going) away": "shutting down",
    r"who may (call|work)": "authentication, admission",
    r"in vain": "say what happens",
    r"lets? go of the interpreter": "release the GIL",
    r"port needs rights": "permission denied",
    r"gone on with": "continued",
    r"\bgo(es)? on (looking|where|with)\b": "continue",
    r"\b[Ww]ho (wants|asks|finds|minds)\b": "name who: a client, the operator, or you",
    r"\bplaces (are )?taken\b|\bhold(s|ing)? places\b": "permits",
    r"is no (setting|number|image|address|folder)\b": "is not a ...",
    r"said to be": "is, by its header",
}
SKIPPED = ("CHANGELOG.md", "docs/words.md", "tests/docs/test_words.py", "model_export/LOG.md")
ROOMS = ("app/*.py", "cutout/*.py", "docs/*.md", "deploy/*.md", "README.md")


def test_no_file_has_a_phrase_of_a_private_idiom() -> None:
    names = subprocess.run(
        ["git", "ls-files", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    found = [
        f"{name}:{number}: {line.strip()[:90]} -> {better}"
        for name in names
        if name not in SKIPPED
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        for phrase, better in PHRASES.items()
        if re.search(phrase, line)
    ]
    assert found == []
