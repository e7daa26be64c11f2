"""Errors as sentences, the same for options, settings, forms and configs."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from cutout.explain import MAX_SHOWN, choices, explain, explain_all, in_words, nearest


class Format(StrEnum):
    png = "png"
    jpeg = "jpeg"


class Circle(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["circle"] = "circle"
    radius: float = Field(1, gt=0, le=10)


class Square(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["square"] = "square"
    side: int = Field(2, multiple_of=2)


class Drawing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field("x", pattern=r"^[a-z]+$", description="small letters")
    shape: Annotated[Circle | Square, Field(discriminator="kind")] = Circle()
    format: Format = Format.png
    sizes: tuple[int, int] = (1, 2)
    tags: list[str] = Field(["a"], min_length=1)
    scale: float = Field(1, allow_inf_nan=False)
    visible: bool = True
    weights: dict[str, float] = {}
    must: int = 0

    @field_validator("must")
    @classmethod
    def _is_even(cls, value: int, info: ValidationInfo) -> int:
        if value % 2:
            raise ValueError(f"{value} is odd")
        return value


def error(values: dict[str, Any]) -> ValidationError:
    with pytest.raises(ValidationError) as refused:
        Drawing.model_validate(values)
    return refused.value


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"format": "tiff"}, "'tiff' is not one of 'png' or 'jpeg'"),
        ({"shape": {"kind": "star"}}, "'star' is not one of 'circle', 'square'"),
        ({"shape": {}}, "required"),
        ({"shape": {"kind": "circle", "radius": 0}}, "0 is out of range: it must be more than 0"),
        (
            {"shape": {"kind": "square", "side": 3}},
            "3 is out of range: it must be a multiple of 2",
        ),
        ({"sizes": [1, 2, 3]}, "[1, 2, 3] has 3 values; it takes 2"),
        ({"sizes": 3}, "3 is not a list, such as [1, 2]"),
        ({"tags": []}, "at least one value is required"),
        ({"scale": "wide"}, "'wide' is not a number"),
        ({"scale": "inf"}, "'inf' is not a finite number"),
        ({"visible": "perhaps"}, "'perhaps' is neither true nor false"),
        ({"weights": 1}, "1 is not a table, such as { name = 1.0 }"),
        ({"name": 1}, "1 is not text"),
        ({"must": 3}, "3 is odd"),
        ({"must": 2.5}, "2.5 is not a whole number"),
        ({"must": "9" * 5000}, f"'{'9' * MAX_SHOWN}...' is out of range"),
        ({"nmae": "x"}, "unknown entry"),
        ({"name": "X"}, "'X'; expected: ^[a-z]+$"),
    ],
)
def test_every_kind_of_error_has_its_sentence(values: dict[str, Any], sentence: str) -> None:
    assert [explain(item) for item in error(values).errors()] == [sentence]


def test_a_description_stands_for_a_regular_expression() -> None:
    (item,) = error({"name": "X"}).errors()
    assert explain(item, Drawing.model_fields["name"].description) == "'X'; expected: small letters"


def test_all_errors_are_explained_each_after_its_location() -> None:
    assert explain_all(error({"must": "x", "shape": {"kind": "square", "sdie": 2}})) == (
        "shape.square.sdie: unknown entry; must: 'x' is not a whole number"
    )


def test_a_config_s_entries_are_named_as_people_write_them_and_suggested() -> None:
    values = {"shape": {"kind": "square", "sdie": 2, "radius": 3}, "sides": 4, "scale": "x"}
    assert in_words(error(values), Drawing).splitlines() == [
        "  shape.sdie: no such entry; did you mean shape.side?",
        "  shape.radius: no entry of this kind of shape",
        "  scale: 'x' is not a number",
        "  sides: no such entry; did you mean sizes?",
    ]


def test_a_name_that_is_near_none_has_no_suggestion() -> None:
    assert nearest("treshold", ["model", "threshold"]) == "threshold"
    assert nearest("frobnicate", ["model", "threshold"]) is None
    assert nearest("x" * (MAX_SHOWN + 1), ["x" * MAX_SHOWN]) is None


def test_choices_are_those_of_a_field_or_its_items() -> None:
    assert choices(Format) == choices(Format | None) == ("png", "jpeg")
    assert choices(tuple[Literal["a", "b"], ...]) == ("a", "b")
    assert choices(int) == ()
