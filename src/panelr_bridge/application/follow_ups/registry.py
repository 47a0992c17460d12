"""The follow-up kinds, the most urgent first. A new kind is one file with a SPEC, and one line here."""

from typing import Any

from panelr_bridge.application.follow_ups import (
    activations,
    customer_lines,
    order_refunds,
    payment,
    payment_instructions,
    relation,
    status_poll,
    write_back,
)
from panelr_bridge.application.follow_ups.specification import FollowUpSpec
from panelr_bridge.domain.models import FollowUpKind

SPECS: tuple[FollowUpSpec[Any], ...] = (
    payment.SPEC,
    payment_instructions.SPEC,
    relation.SPEC,
    customer_lines.SPEC,
    order_refunds.SPEC,
    activations.SPEC,
    write_back.SPEC,
    status_poll.SPEC,
)
ATTENTION_CODES = frozenset[str]().union(*(spec.attention_codes for spec in SPECS))
"""The reason codes of all kinds."""
_BY_KIND = {spec.kind: spec for spec in SPECS}


def spec_of(kind: FollowUpKind) -> FollowUpSpec[Any]:
    """Return the specification of a kind."""
    return _BY_KIND[kind]
