"""What the tables are made of: their names, moments in UTC, exact money, packed bytes, indexes of some of the rows."""

import functools
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Dialect, Index, Integer, LargeBinary, MetaData, Numeric, Text, text
from sqlalchemy.types import TypeDecorator, TypeEngine

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite, which knows no time zones, keeps it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """Take an aware moment; a naive one is a mistake of the caller."""
        return _as_text if dialect.name == "sqlite" else _aware

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give back an aware moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _aware(moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment


@functools.lru_cache(maxsize=64)  # an order's statements name a few moments many times
def _as_text(moment: datetime | None) -> str | None:
    """Write a moment as SQLAlchemy does for SQLite: in UTC, without saying so."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(UTC).isoformat(" ", "microseconds")[: len("2026-11-22 12:00:00.000000")]


class Money(TypeDecorator[Decimal]):
    """An exact amount, with its digits as they came. SQLite has no decimal numbers, so it keeps them as text."""

    impl = Numeric()
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Write the amount."""
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Read the amount."""
        return None if value is None else Decimal(value)


class ZstdBytes(TypeDecorator[bytes]):
    """Bytes that are kept as a zstd frame (RFC 8878): an order is less than half as long so, on disk and on its way.

    What begins like no frame comes back as it is: a row from before migration 0012, which left no other kind.
    """

    impl = LargeBinary
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[bytes | None], Any]:  # noqa: ARG002
        """Take the bytes as they are; both drivers take what this makes of them."""
        return _pack

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Give the bytes back as they were; raises ZstdError where they are broken."""
        return value if value is None or not value.startswith(FRAME) else zstd.decompress(value)


FRAME = b"\x28\xb5\x2f\xfd"
"""How a frame begins."""
_PACKER = zstd.ZstdCompressor(level=-1)  # locks itself; a new one each time takes as long as its work


def _pack(whole: bytes | None) -> bytes | None:
    return None if whole is None else _PACKER.compress(whole, zstd.ZstdCompressor.FLUSH_FRAME)


Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only an INTEGER PRIMARY KEY by itself


def id_column() -> "Column[int]":
    """Return the column by which a table numbers its rows."""
    return Column("id", Id, primary_key=True, autoincrement=True)


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index of those rows alone of which `where` is true."""
    return Index(name, *columns, unique=unique, postgresql_where=text(where), sqlite_where=text(where))
