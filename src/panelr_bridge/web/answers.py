"""Common parts of the admin API's answers: envelopes, times and amounts."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, Field, PlainSerializer, WithJsonSchema

T = TypeVar("T")


def format_time(value: datetime) -> str:
    """Return an aware time in ISO 8601, in UTC."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def is_none(value: object) -> bool:
    """Return whether a field is None. As `exclude_if`, leaves empty fields out."""
    return value is None


TIME_EXAMPLE = "2026-11-21T19:16:44Z"
Time = Annotated[
    datetime,
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [TIME_EXAMPLE]}),
]
"""A time, written in UTC."""
Amount = Annotated[
    Decimal,
    PlainSerializer(lambda amount: format(amount, "f"), return_type=str),
    WithJsonSchema({"type": "string", "examples": ["58.45"]}),
]
"""An amount of money, written as text to stay exact."""


class PageMeta(BaseModel):
    """The position of a page in its list."""

    page: int = Field(description="Number of this page, counted from 1.", examples=[1])
    per_page: int = Field(description="Largest number of rows on a page.", examples=[20])
    total: int = Field(description="Number of rows on all pages.", examples=[1])
    total_is_a_minimum: Literal[True] | None = Field(
        None,
        description="True if there are more rows than `total`: rows are counted up to 10,000. Left out otherwise.",
        exclude_if=is_none,
    )


class SingleAnswer(BaseModel, Generic[T]):
    """One object."""

    data: T = Field(description="The object.")


class ListAnswer(BaseModel, Generic[T]):
    """One page of a list."""

    data: list[T] = Field(description="The rows of this page, with the requested `fields`.")
    meta: PageMeta = Field(description="The position of this page in its list.")
