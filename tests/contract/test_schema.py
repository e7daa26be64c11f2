"""Calls made up from `/openapi.json` by schemathesis: every answer is one that the schema promises,
and never a 500."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from app.main import create_app
from app.settings import Settings
from tests.support import broken
from tests.support.live import live
from tests.support.stand_ins import bright_predictors

pytestmark = pytest.mark.slow  # calls every route many times

SETTINGS = Settings(threads=1, max_pixels=1_000_000)
IMAGES = [*broken.good().values(), *broken.liars().values(), b""]

schemathesis.openapi.format("binary", st.sampled_from(IMAGES))
schemathesis.openapi.media_type("application/octet-stream", st.sampled_from(IMAGES))
schema = schemathesis.openapi.from_dict(create_app(SETTINGS, bright_predictors).openapi())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with live(SETTINGS) as (address, _):
        yield address


@schema.parametrize()
@settings(max_examples=20, derandomize=True, suppress_health_check=list(HealthCheck))
def test_answers_are_as_the_schema_says(case: schemathesis.Case[Any], address: str) -> None:
    # A schema can't tell a good image from a broken one, nor that options exclude each other:
    # refusals are right.
    # All fields of a form are text, where 1 is a true as good as any: so are acceptances.
    case.call_and_validate(
        base_url=address, excluded_checks=[positive_data_acceptance, negative_data_rejection]
    )
