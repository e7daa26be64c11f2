"""Sources of models to add: a name that rembg publishes, a file, or an https address."""

import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from cutout.errors import DataError
from cutout.explain import nearest
from model_export.bundle.import_spec import NOT_STATED, preset_names

PUBLISHED = Path(__file__).parent / "published.toml"


@dataclass(frozen=True)
class Source:
    """A model's file, `address` or `file`, its import preset, and what is known of it."""

    name: str
    preset: str
    license: str
    address: str | None = None
    file: Path | None = None
    md5: str | None = None

    def __str__(self) -> str:
        return self.address or str(self.file)


def published() -> dict[str, dict[str, str]]:
    """Return the table of published networks, by name."""
    return tomllib.loads(PUBLISHED.read_text())


def find_source(given: str, preset: str | None = None, terms: str | None = None) -> Source:
    """Return the source that a name, a file or a URL stands for.

    `preset` and `terms` take precedence over those of the table. Raises DataError for an unknown
    name, for an address that is not https, and where nothing says which preset to import it with.
    """
    table = published()
    if given in table:
        entry = table[given]
        return Source(
            given,
            preset or entry["preset"],
            terms or entry["license"],
            address=entry["url"],
            md5=entry["md5"],
        )
    try:
        parts = urlsplit(given)
    except ValueError as error:
        raise DataError(f"{given}: not a URL: {error}") from error
    if parts.scheme in ("http", "https"):
        if parts.scheme != "https" or not parts.hostname:
            raise DataError(f"{given}: only https URLs are downloaded")
        name = PurePosixPath(parts.path).stem
        return Source(name.lower(), _preset(preset, name), terms or NOT_STATED, address=given)
    file = Path(given)
    if file.is_file():
        return Source(file.stem.lower(), _preset(preset, file.stem), terms or NOT_STATED, file=file)
    meant = nearest(given, table)
    hint = f"did you mean {meant}?" if meant else f"known names: {', '.join(table)}"
    raise DataError(f"{given}: neither a known name, nor a file, nor an https URL; {hint}")


def _preset(stated: str | None, name: str) -> str:
    """Return the given preset, or the one that the file is named after."""
    if stated or name in preset_names():
        return stated or name
    raise DataError(
        f"{name}: say how to feed it with --preset; there are {', '.join(preset_names())}; "
        "for any other network: python -m model_export import --spec, docs/importing.md"
    )
