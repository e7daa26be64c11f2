"""The subject of a report: a bundle as it is served, or a training run as it would be."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cutout.errors import DataError
from cutout.inference.manifest import MANIFEST, Manifest
from cutout.inference.onnx_predictor import load_predictor
from cutout.inference.predictor import Predictor
from model_export.config import RUN_CONFIG, read_run_config
from model_export.report.history import History, read_history
from model_export.training.run_folder import MODEL


@dataclass(frozen=True)
class Subject:
    """A loaded network with what is known of how it was made.

    `is_run`: it is in float32, and not exported yet.
    """

    predictor: Predictor
    folder: Path
    history: History | None
    is_run: bool
    threads: int = 1

    @property
    def manifest(self) -> Manifest:
        """The manifest of the network."""
        return self.predictor.manifest


def load_subject(folder: Path, root: Path, threads: int = 1) -> Subject:
    """Load a bundle, or a run, whose best network is converted to ONNX for this.

    `root` holds the images. Raises DataError where `folder` is neither, and BundleError for a
    corrupt bundle.
    """
    if (folder / MANIFEST).is_file():
        return Subject(
            load_predictor(folder, threads), folder, read_history(folder), False, threads
        )
    if (folder / RUN_CONFIG).is_file():
        return Subject(
            _converted(folder, root, threads), folder, read_history(folder), True, threads
        )
    raise DataError(f"{folder}: neither a bundle ({MANIFEST}) nor a training run ({RUN_CONFIG})")


def _converted(run: Path, root: Path, threads: int) -> Predictor:
    from model_export.networks.tensorflow import import_tensorflow

    import_tensorflow()
    from model_export.bundle.export import Export, convert
    from model_export.data.dataset import find_pairs
    from model_export.training.provenance import read_licenses

    config = read_run_config(run)
    pairs = find_pairs(root, config.data.sets, config.data.clips)
    with TemporaryDirectory() as folder:
        bundle = Path(folder) / "float32"
        converted = convert(
            Export(run / MODEL, config, root, read_licenses(), quantized=False), pairs, bundle
        )
        (bundle / MANIFEST).write_text(converted.manifest.model_dump_json())
        return load_predictor(bundle, threads)
