"""Pure functions on arrays: bytes to pixels and back, the network's input, alphas, cut-outs.

OpenCV reads its own cap on pixels from the environment when it is first imported, so it is set here, before any module
of this package imports cv2. It is the second line: `codec.decode` refuses by the header, before OpenCV sees the file.
"""

import os

MAX_PIXELS = 1 << 28

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
