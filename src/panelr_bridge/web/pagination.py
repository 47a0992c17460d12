"""The conventions of every list: `fields`, `sort`, `page`, `per_page`, filters; anything else is a 400."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from panelr_bridge.errors import BadQuery
from panelr_bridge.store.pagination import PageQuery, ResultPage
from panelr_bridge.store.tables import Row

T = TypeVar("T")

Number = Annotated[int, Field(ge=0, lt=2**63)]
"""A number that both databases can compare with theirs."""
Id = Annotated[int, Path(gt=-(2**63), lt=2**63)]


class ListQuery(BaseModel):
    """What every list can be asked."""

    model_config = ConfigDict(extra="forbid")

    fields: str | None = Field(None, description="Only these fields, separated by commas.", examples=["id,state"])
    sort: str = Field("-id", description="Field to sort by; a leading `-` descends.")
    page: int = Field(1, ge=1, le=1_000_000, description="Counted from 1.")
    per_page: int = Field(20, ge=1, le=100)


class PageMeta(BaseModel):
    """Where a page stands. With `total_is_a_minimum` there are more than `total`, and they were not counted."""

    page: int
    per_page: int
    total: int
    total_is_a_minimum: Literal[True] | None = Field(None, description="Only there where it is true.")


class SingleAnswer(BaseModel, Generic[T]):
    """One thing."""

    data: T


class ListAnswer(BaseModel, Generic[T]):
    """A page of things."""

    data: list[T]
    meta: PageMeta


@dataclass(frozen=True, slots=True, kw_only=True)
class ListResource:
    """What can be asked of one list: how a row is shown, by what it is sorted, and the names of its filters.

    `reads` says how a filter's value is read where it is not taken as it is.
    """

    fields: tuple[str, ...]
    show: Callable[[Row], dict[str, Any]]
    sorts: frozenset[str]
    filters: tuple[str, ...]
    reads: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)

    def query(self, asked: ListQuery) -> PageQuery:
        """Return the store's query for what was asked; raises BadQuery, naming what there is."""
        if asked.sort.removeprefix("-") not in self.sorts:
            raise BadQuery(f"sort: {asked.sort!r} is none of {', '.join(sorted(self.sorts))}")
        self._wanted(asked)
        asked_for = asked.model_dump(include=set(self.filters), exclude_none=True)
        given = {name: self.reads.get(name, _as_it_is)(value) for name, value in asked_for.items()}
        return PageQuery(filters=given, sort=asked.sort, page=asked.page, per_page=asked.per_page)

    def answer(self, asked: ListQuery, page: ResultPage) -> dict[str, Any]:
        """Return the page as it is answered."""
        wanted = self._wanted(asked)
        shown = ({name: row[name] for name in wanted} for row in map(self.show, page.rows))
        meta = {"page": asked.page, "per_page": asked.per_page, "total": page.total}
        if page.more:
            meta["total_is_a_minimum"] = True
        return {"data": list(shown), "meta": meta}

    def _wanted(self, asked: ListQuery) -> tuple[str, ...]:
        if asked.fields is None:
            return self.fields
        wanted = tuple(name.strip() for name in asked.fields.split(",") if name.strip())
        unknown = [name for name in wanted if name not in self.fields]
        if unknown or not wanted:
            raise BadQuery(f"fields: {', '.join(unknown) or 'nothing'} is none of {', '.join(self.fields)}")
        return wanted


def _as_it_is(value: Any) -> Any:
    return value


def moment(value: datetime | None) -> str | None:
    """Return a moment as the API writes it: ISO 8601 in UTC."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")
