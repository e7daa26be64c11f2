"""Background removal that its users train, own and serve.

OpenCV reads these two from the environment when it is first imported, so they are set before any module of this package
can import it: its own cap on pixels (the second line: `codec.decode` refuses by the header, before OpenCV sees the
file), and silence, as what it has to say about a broken upload belongs in the answer and not in the log.
"""

import os

__version__ = "0.1.0"

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 28))
os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")

# onnxruntime's official builds report processes and models to their maker and leave an identifier in the cache folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
