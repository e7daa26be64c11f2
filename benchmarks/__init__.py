"""Measurements of speed and quality, and the figures last measured (`results/`).

Nothing here is a test: timings never are. `make bench-env` installs what most of them need;
`flicker` needs the extra `video` too, `batch_killed` the extra `ray`, `overload` HAProxy, and
`kill_replica` Docker.
"""

from importlib.util import find_spec

_missing = [module for module in ("keras", "onnx") if find_spec(module) is None]
if _missing:
    # in one line, and not as the traceback of whichever import comes first
    raise SystemExit(f"{_missing[0]} is not installed; `make bench-env` installs it")
