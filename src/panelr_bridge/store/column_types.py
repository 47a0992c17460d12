"""What the tables are made of: constraint names, UTC times, exact money, compressed bytes, ids, partial indexes."""

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
    """A timezone-aware time in UTC. SQLite has no time zones and stores it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """Return the converter for parameters; it raises ValueError for a naive datetime."""
        return _format_utc if dialect.name == "sqlite" else _require_aware

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _require_aware(time: datetime | None) -> datetime | None:
    if time is not None and time.tzinfo is None:
        raise ValueError("a datetime without a time zone")
    return time


@functools.lru_cache(maxsize=64)  # the statements of one order repeat a few times
def _format_utc(time: datetime | None) -> str | None:
    """Return a time as SQLAlchemy stores it in SQLite: in UTC, without a time zone."""
    _require_aware(time)
    return (
        None
        if time is None
        else time.astimezone(UTC).isoformat(" ", "microseconds")[: len("2026-11-22 12:00:00.000000")]
    )


class Money(TypeDecorator[Decimal]):
    """An exact amount that keeps its number of digits. SQLite has no decimal type and stores it as text."""

    impl = Numeric()
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column's type in `dialect`."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Convert a parameter."""
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Convert a column's value."""
        return None if value is None else Decimal(value)


class ZstdBytes(TypeDecorator[bytes]):
    """Bytes stored as a zstd frame (RFC 8878), which makes an order less than half as long.

    A value that does not begin as a frame is returned as it is: migration 0012 left older rows uncompressed.
    """

    impl = LargeBinary
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[bytes | None], Any]:  # noqa: ARG002
        """Return the compressor for parameters; both drivers accept its bytes as they are."""
        return _compress

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Return the original bytes; raises ZstdError if the frame is damaged."""
        return value if value is None or not value.startswith(FRAME) else zstd.decompress(value)


FRAME = b"\x28\xb5\x2f\xfd"
"""The magic number with which a zstd frame begins."""
_COMPRESSOR = zstd.ZstdCompressor(level=-1)  # thread-safe; creating one takes as long as compressing an order


def _compress(value: bytes | None) -> bytes | None:
    return None if value is None else _COMPRESSOR.compress(value, zstd.ZstdCompressor.FLUSH_FRAME)


Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite generates ids only for an INTEGER PRIMARY KEY


def id_column() -> "Column[int]":
    """Return a table's generated primary key."""
    return Column("id", Id, primary_key=True, autoincrement=True)


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index of the rows that meet the condition `where`."""
    return Index(name, *columns, unique=unique, postgresql_where=text(where), sqlite_where=text(where))
