"""The registry of follow-up kinds: each kind has one specification, and its reason codes are documented."""

import pytest

from panelr_bridge.application.follow_ups.registry import ATTENTION_CODES, SPECS, spec_of
from panelr_bridge.application.follow_ups.specification import FollowUpSpec, LostAnswer
from panelr_bridge.domain.follow_up_rules import CreatedOrder, HeldOrder
from panelr_bridge.domain.models import FollowUpKind


def test_each_kind_has_one_specification() -> None:
    assert sorted(spec.kind for spec in SPECS) == sorted(FollowUpKind)
    assert all(spec_of(kind).kind is kind for kind in FollowUpKind)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: str(spec.kind))
def test_a_specification_says_what_follows_from_a_lost_answer(spec: FollowUpSpec[CreatedOrder | HeldOrder]) -> None:
    assert spec.gave_up.code in spec.attention_codes
    assert (spec.lost is not None) == (spec.after_lost_answer is LostAnswer.ASK_OPERATOR)
    assert spec.lost is None or spec.lost.code in spec.attention_codes
    assert spec.attention_codes <= ATTENTION_CODES
    assert spec.plans_for in {CreatedOrder, HeldOrder}
