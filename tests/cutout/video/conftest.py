"""Needs PyAV (the extra `video`, which the extra `test` has)."""

import pytest

pytest.importorskip("av")
