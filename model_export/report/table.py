"""A table of figures for a terminal."""

from collections.abc import Mapping, Sequence


def table(
    title: str, columns: Mapping[str, str], rows: Sequence[tuple[str, Mapping[str, float]]]
) -> str:
    """Format figures under their headings, a line a row.

    `columns` maps a key to its heading; columns without a figure are left out.
    """
    shown = {key: head for key, head in columns.items() if any(key in values for _, values in rows)}
    lines = [[title, *shown.values()]]
    for name, values in rows:
        lines.append([name, *(f"{values[key]:.3f}" if key in values else "–" for key in shown)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = [
        [cell.rjust(width) for cell, width in zip(line, widths, strict=True)] for line in lines
    ]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *cells[1:]])
        for line, cells in zip(lines, aligned, strict=True)
    )
