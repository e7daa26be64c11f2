"""Needs PyAV: the extra `video`, which the extra `test` has; without it, nothing is collected."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("av") else ["test_*.py"]
