"""Fixed amounts and percentages of money."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
NOTHING = Decimal("0.00")
MODES = ("fixed", "percent")


def portion(mode: str | None, value: Decimal, base: Decimal) -> Decimal:
    """Return `value`, or that percentage of `base`, rounded half up to two decimals."""
    return (base * value / 100).quantize(CENT, rounding=ROUND_HALF_UP) if mode == "percent" else value
