"""The tree of docs/architecture.md: a line a file, the first sentence of its docstring."""

import ast
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent
WIDTH = 128  # characters of a line
COLUMN = 30


def tree(room: str) -> str:
    """Draw the modules of a top-level package, each package before what is in it."""
    lines = [f"{room + '/':{COLUMN}}{_summary(ROOT / room / '__init__.py')}".rstrip()]
    _add(ROOT / room, "  ", lines)
    return "```text\n" + "\n".join(lines) + "\n```\n"


def _add(directory: Path, indent: str, lines: list[str]) -> None:
    modules = [path for path in directory.glob("*.py") if path.name != "__init__.py"]
    packages = [path.parent for path in directory.glob("*/__init__.py")]
    lines += [_line(indent + path.name, path) for path in sorted(modules)]
    for package in sorted(packages):
        lines.append(_line(f"{indent}{package.name}/", package / "__init__.py"))
        _add(package, indent + "  ", lines)


def _line(name: str, module: Path) -> str:
    return f"{name:{COLUMN}}{_summary(module)}".rstrip()


def _summary(module: Path) -> str:
    """Return the first sentence of the docstring, cut at a word if it is too long."""
    text = ast.get_docstring(ast.parse(module.read_text())) or ""
    first = " ".join(text.split("\n\n")[0].split()).split(". ")[0].removesuffix(".")
    return textwrap.shorten(first, WIDTH - COLUMN, placeholder=" ...")
