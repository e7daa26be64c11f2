"""The OpenAPI schema is what clients are generated from: every call, answer and error has a name
and a type."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.main import create_app
from app.settings import Settings
from tests.support.stand_ins import bright_predictors

SCHEMA: dict[str, Any] = create_app(Settings(), bright_predictors).openapi()
OPERATIONS = [
    (f"{method} {path}", operation)
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
]
NATIVE = [
    operation for name, operation in OPERATIONS if "/api/" not in name and "/v1.0/" not in name
]


def test_operations_are_named_by_what_they_do() -> None:
    assert {operation["operationId"] for _, operation in OPERATIONS} == {
        "predict", "mask", "cutout", "listModels", "getModel", "livez", "readyz", "metrics",
        "rembgRemove", "rembgRemoveUrl", "removebg", "removebgAccount",
    }  # fmt: skip
    assert all(operation["description"] for _, operation in OPERATIONS)
    automatic = {
        operation["operationId"]: operation["summary"].replace(" ", "").lower()
        for _, operation in OPERATIONS
    }
    assert not [name for name, summary in automatic.items() if summary == name.lower()]


def test_what_people_come_for_is_first() -> None:
    assert SCHEMA["tags"][0]["name"] == "images"
    assert {tag["name"] for tag in SCHEMA["tags"]} == {
        tag for _, operation in OPERATIONS for tag in operation["tags"]
    }
    images = [
        operation["operationId"] for _, operation in OPERATIONS if operation["tags"] == ["images"]
    ]
    assert images == ["cutout", "mask", "predict"]
    for form in ("CutoutForm", "MaskForm", "PredictForm"):
        assert next(iter(SCHEMA["components"]["schemas"][form]["properties"])) == "file"


@pytest.mark.parametrize("operation", NATIVE, ids=lambda operation: operation["operationId"])
def test_native_errors_are_problems_and_nothing_else(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if status >= "400":
            assert response["content"].keys() == {"application/problem+json"}, status
            problem = response["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}, status
            assert problem["example"]["status"] == int(status)


def test_nothing_is_of_any_type_but_the_record_of_a_training() -> None:
    assert "ValidationError" not in json.dumps(SCHEMA)
    assert list(untyped(SCHEMA["components"], "")) == ["/schemas/TrainingRecord/properties/config"]
    for _, operation in OPERATIONS:
        assert list(untyped(operation, "")) == []
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert content["schema"].keys() == {"$ref"}


def untyped(node: object, place: str) -> Iterator[str]:
    """Where a schema lets anything pass."""
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from untyped(item, f"{place}/{number}")
    if isinstance(node, dict):
        if node.get("additionalProperties") is True or (
            place.endswith(("/schema", "/items")) and not node
        ):
            yield place
        for key, value in node.items():
            yield from untyped(value, f"{place}/{key}")
