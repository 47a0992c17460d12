"""Read one page of a list: filtered, sorted and counted.

A large list is read in branches. A branch is a part of the list whose rows one index holds in the requested order. A
page is merged from the first rows of every branch, so its cost depends on the page's number and not on the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

from sqlalchemy import ColumnElement, Connection, Integer, Select, Table, func, literal_column, select, union_all

from panelr_bridge.store.rows import R, fetch_all

MAX_COUNT = 10_000
"""Rows are counted up to this number, unless a counter knows the total."""
Branch = Sequence[ColumnElement[bool]]
"""The conditions that select a branch's rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """A request for a page: filters by name, the column to sort by (`-` descends), the page from 1 on, its size."""

    filters: dict[str, Any] = field(default_factory=dict)
    sort: str = "-id"
    page: int = 1
    per_page: int = 20

    @property
    def offset(self) -> int:
        """The number of rows on the pages before."""
        return (self.page - 1) * self.per_page

    @property
    def sort_column(self) -> str:
        """The name of the column to sort by."""
        return self.sort.removeprefix("-")


@dataclass(frozen=True, slots=True)
class ResultPage(Generic[R]):
    """The rows of one page, and the total number of rows; `more` says that there are more than `total`."""

    rows: list[R]
    total: int
    more: bool = False


def build_page(rows: list[R], count: int) -> ResultPage[R]:
    """Return a page with these rows and the total that `count_rows` returned."""
    return ResultPage(rows, min(count, MAX_COUNT), count > MAX_COUNT)


def count_rows(connection: Connection, table: Table, branches: Sequence[Branch]) -> int:
    """Return how many rows the branches have in total; MAX_COUNT + 1 stands for any number above MAX_COUNT."""
    if not branches:
        return 0
    limit = _literal(MAX_COUNT + 1)
    parts = [select(select(table.c.id).where(*branch).limit(limit).subquery().c.id) for branch in branches]
    all_ids = union_all(*parts).limit(limit).subquery()
    return connection.execute(select(func.count()).select_from(all_ids)).scalar_one()


def read_page(
    connection: Connection,
    columns: Select[Any],
    table: Table,
    branches: Sequence[Branch],
    query: PageQuery,
    row_type: type[R],
    *,
    branch_sort_column: str | None = None,
) -> list[R]:
    """Return the rows of a page, merged from `branches`; the id breaks ties, so that pages never overlap.

    `branch_sort_column` is the column that sorts each branch, if it is not the list's own. The page's ids are read
    from the indexes first, and then only their rows.
    """
    if not branches:
        return []
    ids = _build_ids(table, branches, query, branch_sort_column=branch_sort_column or query.sort_column).subquery()
    order = _build_order(table, query.sort_column, query.sort)
    return fetch_all(connection, columns.join(ids, ids.c.id == table.c.id).order_by(*order), {}, row_type)


def _build_ids(table: Table, branches: Sequence[Branch], query: PageQuery, *, branch_sort_column: str) -> Select[Any]:
    size, end, offset = (_literal(each) for each in (query.per_page, query.offset + query.per_page, query.offset))
    keys = [table.c.id] if query.sort_column == "id" else [table.c.id, table.c[query.sort_column]]
    order = _build_order(table, branch_sort_column, query.sort)
    parts = [select(*keys).where(*branch).order_by(*order) for branch in branches]
    if len(parts) == 1 and branch_sort_column == query.sort_column:
        return parts[0].limit(size).offset(offset)
    merged = union_all(*(select(part.limit(end).subquery()) for part in parts)).subquery()
    return select(merged.c.id).order_by(*_build_order(merged, query.sort_column, query.sort)).limit(size).offset(offset)


def _literal(value: int) -> ColumnElement[int]:
    """Return a limit as a literal: for a parameter, PostgreSQL plans to read a tenth of all rows."""
    return literal_column(str(value), Integer)


def _build_order(table: Any, name: str, sort: str) -> list[ColumnElement[Any]]:
    order = [table.c[name], table.c.id] if name != "id" else [table.c.id]
    return [column.desc() for column in order] if sort.startswith("-") else order
