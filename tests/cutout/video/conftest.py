"""Needs PyAV: the extra `video`, which the extra `test` has; without it there is nothing to test."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("av") else ["test_*.py"]
