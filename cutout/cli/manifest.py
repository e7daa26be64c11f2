"""The manifest of a batch: one record per image, with the same fields for every engine."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import get_type_hints

from cutout.cli.folders import Folder

JOURNAL = "manifest.jsonl"
PARQUET = "manifest.parquet"


@dataclass(frozen=True)
class Record:
    """The result of one image. If there is an `error`, `output` and the figures are None."""

    path: str
    """Relative to the directory of images, with slashes."""
    sha256: str | None = None
    """Of the image's file."""
    bytes: int | None = None
    """Size of the image's file."""
    width: int | None = None
    """Of the upright image, in pixels."""
    height: int | None = None
    """Of the upright image, in pixels."""
    probability: float | None = None
    """Of foreground, 0 to 1, as in `POST /predict`."""
    coverage: float | None = None
    """Share of the image that is foreground, 0 to 1."""
    output: str | None = None
    """Relative to the directory of cut-outs."""
    output_sha256: str | None = None
    """Of the output's file."""
    error: str | None = None
    """`code: detail`, with the codes of the HTTP API."""
    frames_dropped: int = 0
    """How many frames of an animation the output lacks: it shows the first."""


class Journal:
    """The records of a batch in `manifest.jsonl`, a line each; the last line of a path counts."""

    def __init__(self, folder: Folder) -> None:
        """Read the lines that are there; truncated ones, left by a killed process, are ignored."""
        self.address = f"{folder.address}/{JOURNAL}"
        self._folder = folder
        self._log = folder.log(JOURNAL)
        self.records: dict[str, Record] = {}
        self._makers: dict[str, str] = {}  # output -> path of its image
        for record in _read(self._log.lines()):
            self._take(record)
        self._compact = False

    def add(self, record: Record) -> None:
        """Add a record, and write its line. Raises OSError where it cannot be written."""
        # Or the line would continue one that a killed process left truncated.
        if not self._compact:
            self.compact()
        self._take(record)
        self._log.append(_line(record))

    def flush(self) -> None:
        """Write records that wait to be written with others. Raises OSError as `add` does."""
        self._log.flush()

    def _take(self, record: Record) -> None:
        """Keep a record; forget another image's whose output this one has replaced."""
        if record.output is not None:
            other = self.records.get(self._makers.get(record.output, record.path))
            if other is not None and other.output == record.output:
                del self.records[other.path]
            self._makers[record.output] = record.path
        self.records[record.path] = record

    def forget_failures_outside(self, paths: Iterable[str]) -> None:
        """Forget failures of images that are no longer there; successes are kept."""
        there = set(paths)
        self.records = {
            path: item for path, item in self.records.items() if item.error is None or path in there
        }

    def close(self) -> None:
        """Rewrite the log as `compact` does."""
        self.compact()

    def compact(self) -> None:
        """Rewrite the log: one line per image, sorted by path."""
        self._log.rewrite("".join(_line(self.records[path]) for path in sorted(self.records)))
        self._compact = True

    def write_parquet(self) -> None:
        """Write `manifest.parquet`. Raises ImportError without pyarrow (extra `batch`)."""
        import pyarrow as pa
        from pyarrow import parquet

        types = {"bytes": pa.int64(), "width": pa.int32(), "height": pa.int32()}
        # As a PNG says, unchecked, in 32 bits without a sign.
        types["frames_dropped"] = pa.int64()
        types |= dict.fromkeys(("probability", "coverage"), pa.float64())
        # Arrow finds no type for a column of None alone.
        schema = pa.schema(
            [(field.name, types.get(field.name, pa.string())) for field in fields(Record)]
        )
        rows = [_printable(asdict(self.records[path])) for path in sorted(self.records)]
        table = pa.Table.from_pylist(rows, schema)
        # To memory, as it is `Folder.write` that is atomic and knows buckets.
        parquet.write_table(table, whole := pa.BufferOutputStream())
        self._folder.write(PARQUET, whole.getvalue().to_pybytes())


def _read(lines: Iterable[str]) -> Iterable[Record]:
    for line in lines:
        try:
            record = Record(**json.loads(line))
        # TypeError: no object, or one with other names.
        except (ValueError, TypeError):
            continue
        if _has_its_types(record):
            yield record


def _has_its_types(record: Record) -> bool:
    """Tell whether each value has the type of its field: a line may be from another program."""
    types = get_type_hints(Record)
    return all(isinstance(value, types[name]) for name, value in asdict(record).items())


def _line(record: Record) -> str:
    return json.dumps(asdict(record)) + "\n"  # ASCII, so that names that are not UTF-8 survive


def _printable(row: dict[str, object]) -> dict[str, object]:
    """Escape what is not UTF-8, as text in Parquet has to be and file names need not."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode()
        if isinstance(value, str)
        else value
        for name, value in row.items()
    }
