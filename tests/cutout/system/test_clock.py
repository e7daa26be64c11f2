"""Deadlines and cancelled work."""

import pytest

from cutout.errors import Abandoned, TooSlow
from cutout.system.clock import Clock


def test_a_clock_stops_work_that_nobody_waits_for() -> None:
    clock = Clock(limit=-1)
    with pytest.raises(TooSlow, match="CUTOUT_DEADLINE_SECONDS"), clock.stage("late"):
        pass
    clock = Clock()
    clock.abandon()
    with pytest.raises(Abandoned), clock.stage("abandoned"):
        pass
