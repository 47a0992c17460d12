"""Pages of rows: filtered, sorted and counted, for every list of the admin API and the command line."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from panelr_bridge.store.tables import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is asked of a list: conditions, the column to sort by (`-` descends), and the page, counted from 1."""

    where: Sequence[ColumnElement[bool]] = field(default_factory=tuple)
    sort: str = "-id"
    page: int = 1
    per_page: int = 20


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page, and how many rows there are on all pages."""

    rows: list[Row]
    total: int


def fetch(connection: Connection, columns: Select[Any], query: Query) -> Page:
    """Return the page of `columns` that `query` asks for; the id breaks ties, so that pages never overlap."""
    wanted = columns.where(*query.where)
    total = connection.execute(select(func.count()).select_from(wanted.order_by(None).subquery())).scalar_one()
    name = query.sort.removeprefix("-")
    chosen = columns.selected_columns
    order = [chosen[name], chosen["id"]] if name != "id" else [chosen["id"]]
    if query.sort.startswith("-"):
        order = [column.desc() for column in order]
    rows = connection.execute(
        wanted.order_by(*order).limit(query.per_page).offset((query.page - 1) * query.per_page)
    ).mappings()
    return Page([dict(row) for row in rows], total)
