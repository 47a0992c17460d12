"""Pages of rows: filtered, sorted and counted, for every list of the admin API and the command line.

A list that grows is read in branches: each branch is a part of it that one index has in the order asked for, and a
page is merged from the beginnings of the branches. So a page costs what it and those before it hold, not the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, Table, func, literal_column, select, union_all

from panelr_bridge.store.tables import Row

MOST_COUNTED = 10_000
"""Where nothing knows how many rows there are, they are counted up to here."""
Branch = Sequence[ColumnElement[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """What is asked of a list: filters by name, the column to sort by (`-` descends), the page, counted from 1."""

    given: Row = field(default_factory=dict)
    sort: str = "-id"
    page: int = 1
    per_page: int = 20

    @property
    def skipped(self) -> int:
        """How many rows are on the pages before."""
        return (self.page - 1) * self.per_page

    @property
    def by(self) -> str:
        """The name of the column to sort by."""
        return self.sort.removeprefix("-")


@dataclass(frozen=True, slots=True)
class ResultPage:
    """The rows of one page, and how many rows there are on all pages, or at least are (`more`)."""

    rows: list[Row]
    total: int
    more: bool = False


def counted(rows: list[Row], total: int) -> ResultPage:
    """Return a page by what `count` says of its list."""
    return ResultPage(rows, min(total, MOST_COUNTED), total > MOST_COUNTED)


def count(connection: Connection, table: Table, branches: Sequence[Branch]) -> int:
    """Return how many rows the branches have together; one more than MOST_COUNTED stands for any number above it."""
    if not branches:
        return 0
    most = _number(MOST_COUNTED + 1)
    parts = [select(select(table.c.id).where(*branch).limit(most).subquery().c.id) for branch in branches]
    both = union_all(*parts).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(both)).scalar_one()


def merged(
    connection: Connection,
    columns: Select[Any],
    table: Table,
    branches: Sequence[Branch],
    query: PageQuery,
    *,
    by: str | None = None,
) -> list[Row]:
    """Return the rows of a page, merged from `branches`; the id breaks ties, so that pages never overlap.

    `by` names the column by which each branch is sorted, where that is another one than the list's. The ids of the
    page are found in the indexes first; only their rows are read.
    """
    if not branches:
        return []
    ids = _ids(table, branches, query, by=by or query.by).subquery()
    order = _order(table, query.by, query.sort)
    found = connection.execute(columns.join(ids, ids.c.id == table.c.id).order_by(*order))
    return [dict(row) for row in found.mappings()]


def _ids(table: Table, branches: Sequence[Branch], query: PageQuery, *, by: str) -> Select[Any]:
    few, most, skipped = (_number(each) for each in (query.per_page, query.skipped + query.per_page, query.skipped))
    keys = [table.c.id] if query.by == "id" else [table.c.id, table.c[query.by]]
    each = [select(*keys).where(*branch).order_by(*_order(table, by, query.sort)) for branch in branches]
    if len(each) == 1 and by == query.by:
        return each[0].limit(few).offset(skipped)
    every = union_all(*(select(part.limit(most).subquery()) for part in each)).subquery()
    return select(every.c.id).order_by(*_order(every, query.by, query.sort)).limit(few).offset(skipped)


def _number(value: int) -> ColumnElement[int]:
    """A limit as a part of the statement: PostgreSQL plans for a tenth of all rows where it does not know it."""
    return literal_column(str(value), Integer)


def _order(table: Any, name: str, sort: str) -> list[ColumnElement[Any]]:
    order = [table.c[name], table.c.id] if name != "id" else [table.c.id]
    return [column.desc() for column in order] if sort.startswith("-") else order
