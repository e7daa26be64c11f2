"""The manifest of a batch: one record an image. Every engine writes these fields, under these names."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

from cutout.cli.folders import Folder

JOURNAL = "manifest.jsonl"
PARQUET = "manifest.parquet"


@dataclass(frozen=True)
class Record:
    """What became of one image. `output` and what follows from the image are None where there is an `error`."""

    path: str
    """below the folder of images, with slashes"""
    sha256: str | None = None
    """of the image's file"""
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    """of the upright image"""
    probability: float | None = None
    """of foreground, as `POST /predict` gives it"""
    coverage: float | None = None
    """share of the image that is foreground"""
    output: str | None = None
    """below the folder of cut-outs"""
    output_sha256: str | None = None
    error: str | None = None
    """`code: detail`, with the codes of the HTTP API"""


class Journal:
    """`manifest.jsonl` while a batch runs: a line for each image as it is done; the last line of a path counts."""

    def __init__(self, folder: Folder) -> None:
        """Reads what is there; a line that was cut off, as by a killed process, counts as not written."""
        self.address = f"{folder.address}/{JOURNAL}"
        self._folder, self._log = folder, folder.log(JOURNAL)
        self.records, self._makers = dict[str, Record](), dict[str, str]()
        for record in _read(self._log.lines()):
            self._take(record)
        self._compact = False

    def add(self, record: Record) -> None:
        if not self._compact:
            self.compact()
        self._take(record)
        self._log.append(_line(record))

    def _take(self, record: Record) -> None:
        """Where another image's cut-out was of the same name, it is no longer there."""
        if record.output is not None:
            other = self.records.get(self._makers.get(record.output, record.path))
            if other is not None and other.output == record.output:
                del self.records[other.path]
            self._makers[record.output] = record.path
        self.records[record.path] = record

    def forget_failures_outside(self, paths: Iterable[str]) -> None:
        """What failed and is there no longer is no failure. What was done stays on record."""
        there = set(paths)
        self.records = {
            path: item for path, item in self.records.items() if item.error is None or path in there
        }

    def close(self) -> None:
        self.compact()

    def compact(self) -> None:
        """One line an image, in the order of the paths."""
        self._log.rewrite("".join(_line(self.records[path]) for path in sorted(self.records)))
        self._compact = True

    def write_parquet(self) -> None:
        """`manifest.parquet` beside it. Raises ImportError without pyarrow, which the extra `batch` has."""
        import pyarrow as pa
        from pyarrow import parquet

        types = {"bytes": pa.int64(), "width": pa.int32(), "height": pa.int32()}
        types |= dict.fromkeys(("probability", "coverage"), pa.float64())
        schema = pa.schema(
            [(field.name, types.get(field.name, pa.string())) for field in fields(Record)]
        )
        rows = [_printable(asdict(self.records[path])) for path in sorted(self.records)]
        table = pa.Table.from_pylist(rows, schema)
        parquet.write_table(table, whole := pa.BufferOutputStream())
        self._folder.write(PARQUET, whole.getvalue().to_pybytes())


def _read(lines: Iterable[str]) -> Iterable[Record]:
    for line in lines:
        try:
            yield Record(**json.loads(line))
        except (ValueError, TypeError):
            continue


def _line(record: Record) -> str:
    return (
        json.dumps(asdict(record)) + "\n"
    )  # ASCII: also names of files that are no UTF-8 come back as they were


def _printable(row: dict[str, object]) -> dict[str, object]:
    """Parquet's text is UTF-8, names of files need not be."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode()
        if isinstance(value, str)
        else value
        for name, value in row.items()
    }
