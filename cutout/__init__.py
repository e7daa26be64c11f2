"""Background removal that its users train, own and serve.

    from cutout import remove

    png = remove(open("in.jpg", "rb").read())

The names below are the public API (docs/python.md); what they need is imported with the first of
them. `app` is the FastAPI service over this package, `model_export` the offline step that trains.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cutout.api import Remover, remove
    from cutout.errors import BundleError, ClientError, CutoutError
    from cutout.options import Channels, CutoutOptions, Format, MaskOptions, PredictOptions
    from cutout.results import Score, Subject

__version__ = "0.2.0"
__all__ = [
    "BundleError",
    "Channels",
    "ClientError",
    "CutoutError",
    "CutoutOptions",
    "Format",
    "MaskOptions",
    "PredictOptions",
    "Remover",
    "Score",
    "Subject",
    "__version__",
    "remove",
]

_HOME = {
    "cutout.api": ("Remover", "remove"),
    "cutout.errors": ("BundleError", "ClientError", "CutoutError"),
    "cutout.options": ("Channels", "CutoutOptions", "Format", "MaskOptions", "PredictOptions"),
    "cutout.results": ("Score", "Subject"),
}

# OpenCV reads these two from the environment when it is first imported: its own limit on pixels (a
# second line of defence: headers are checked against ours before OpenCV sees a file), and the level
# of its log, as what it says of a corrupt file belongs in the error and not in the log.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 28))
os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")

# libtiff lets a JPEG inside a TIFF have 100 scans, which `cutout.imaging.headers.jpeg` cannot see.
os.environ.setdefault("LIBTIFF_JPEG_MAX_ALLOWED_SCAN_NUMBER", "20")

# onnxruntime's official builds report processes and models to their maker, and leave an identifier
# in the cache directory.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    """Import the home of a public name when it is first used (PEP 562)."""
    from importlib import import_module

    for home, names in _HOME.items():
        if name in names:
            # Kept in the module, so that this is called once for each name.
            value = globals()[name] = getattr(import_module(home), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
