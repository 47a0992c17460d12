"""The query of every list: `fields`, `sort`, `page`, `per_page` and the filters. Anything else is a 400."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from panelr_bridge.errors import BadQuery
from panelr_bridge.store.pagination import PageQuery, ResultPage

Number = Annotated[int, Field(ge=0, lt=2**63)]
"""A number within the range of both databases."""
Id = Annotated[int, Path(gt=-(2**63), lt=2**63, description="The `id` in this API.")]


class ListQuery(BaseModel):
    """The query of every list. A subclass adds its filters as fields."""

    model_config = ConfigDict(extra="forbid")

    fields: str | None = Field(
        None, description="Return only these fields, separated by commas; all of them by default.", examples=["id"]
    )
    sort: str = Field("-id", description="Field to sort by. A leading `-` sorts in descending order.")
    page: int = Field(1, ge=1, le=1_000_000, description="Number of the page, counted from 1.")
    per_page: int = Field(20, ge=1, le=100, description="Largest number of rows on a page.")

    def filters(self) -> dict[str, Any]:
        """Return the filters of this query by name, without unset ones."""
        return self.model_dump(exclude=set(ListQuery.model_fields), exclude_none=True)


@dataclass(frozen=True, slots=True)
class ListResource:
    """One list of the admin API: the model of its rows, and the fields to sort by."""

    model: type[BaseModel]
    sorts: frozenset[str]

    def page_query(self, query: ListQuery) -> PageQuery:
        """Return the store's query; raises BadQuery with the possible values if `sort` or `fields` is unknown."""
        if query.sort.removeprefix("-") not in self.sorts:
            raise BadQuery(f"sort: {query.sort!r} is none of {', '.join(sorted(self.sorts))}")
        self._fields(query)
        return PageQuery(filters=query.filters(), sort=query.sort, page=query.page, per_page=query.per_page)

    def answer(self, query: ListQuery, page: ResultPage[Any]) -> dict[str, Any]:
        """Return the content of the answer: the page's rows with the requested fields."""
        meta = {"page": query.page, "per_page": query.per_page, "total": page.total}
        if page.more:
            meta["total_is_a_minimum"] = True
        return {"data": list(self._select(page.rows, self._fields(query))), "meta": meta}

    def _select(self, rows: Iterable[Mapping[str, object]], fields: tuple[str, ...]) -> Iterable[dict[str, Any]]:
        for row in rows:
            content = self.model.model_validate(row).model_dump(mode="json")
            yield {name: content[name] for name in fields}

    def _fields(self, query: ListQuery) -> tuple[str, ...]:
        available = tuple(self.model.model_fields)
        if query.fields is None:
            return available
        names = tuple(name.strip() for name in query.fields.split(",") if name.strip())
        unknown = [name for name in names if name not in available]
        if unknown or not names:
            raise BadQuery(f"fields: {', '.join(unknown) or 'nothing'} is none of {', '.join(available)}")
        return names
