"""Pure functions on arrays: bytes to pixels and back, the network's input, alphas, cut-outs.

OpenCV reads these two from the environment when it is first imported, so they are set here, before any module of the
package imports cv2: its own cap on pixels (the second line: `codec.decode` refuses by the header, before OpenCV sees
the file), and silence, as what it has to say about a broken upload belongs in the answer and not in the log.
"""

import os

MAX_PIXELS = 1 << 28

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")
