"""Panelr's quotes of carts, by the cart's shape. A quote is kept for a while and shared by all processes."""

from datetime import datetime

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.sql import bindparam

from panelr_bridge.domain.panelr_values import CartQuote
from panelr_bridge.store.column_types import Money, UtcDateTime
from panelr_bridge.store.panelr_tables import panelr_quotes

_FIELDS = ("bundle_discount", "coupon_discount", "coupon_valid", "adjustment")
_FIND = select(*(panelr_quotes.c[name] for name in _FIELDS)).where(
    panelr_quotes.c.shape == bindparam("shape"), panelr_quotes.c.expires_at > bindparam("now")
)
_SAVE = text(
    "INSERT INTO panelr_quotes (shape, bundle_discount, coupon_discount, coupon_valid, adjustment, expires_at)"
    " VALUES (:shape, :bundle_discount, :coupon_discount, :coupon_valid, :adjustment, :expires_at)"
    " ON CONFLICT (shape) DO UPDATE SET bundle_discount = excluded.bundle_discount,"
    " coupon_discount = excluded.coupon_discount, coupon_valid = excluded.coupon_valid,"
    " adjustment = excluded.adjustment, expires_at = excluded.expires_at"
).bindparams(
    *(bindparam(name, type_=Money()) for name in ("bundle_discount", "coupon_discount", "adjustment")),
    bindparam("expires_at", type_=UtcDateTime()),
)
_PRUNE = delete(panelr_quotes).where(panelr_quotes.c.expires_at <= bindparam("now"))


def find(connection: Connection, shape: bytes, *, now: datetime) -> CartQuote | None:
    """Return the quote of carts with this shape; None if it was never asked for, or too long ago."""
    row = connection.execute(_FIND, {"shape": shape, "now": now}).mappings().one_or_none()
    return None if row is None else CartQuote(**row)


def save(connection: Connection, shape: bytes, quote: CartQuote, *, expires_at: datetime, now: datetime) -> None:
    """Store a quote until `expires_at`, and delete the expired ones."""
    connection.execute(_PRUNE, {"now": now})
    values = {name: getattr(quote, name) for name in _FIELDS}
    connection.execute(_SAVE, values | {"shape": shape, "expires_at": expires_at})


def forget(connection: Connection, shape: bytes) -> None:
    """Delete a quote: the next cart of this shape is quoted again."""
    connection.execute(delete(panelr_quotes).where(panelr_quotes.c.shape == shape))
