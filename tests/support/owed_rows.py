"""The columns of an order in a state, as the database's checks require them."""

from datetime import datetime, timedelta

from panelr_bridge.domain.models import CallAction, OrderState
from panelr_bridge.store import owed_calls
from panelr_bridge.store.tables import Columns


def standing(state: OrderState, *, now: datetime) -> Columns:
    """Return the columns of an order that is in `state` since `now`."""
    if state is OrderState.UNCONFIRMED:
        return {"state": state} | owed_calls.owed_columns(action=CallAction.LOOK_UP, due=now, now=now)
    if state not in {OrderState.QUEUED, OrderState.SENDING}:
        return {"state": state} | owed_calls.NO_OWED_CALL
    lease, slot = (now + timedelta(seconds=35), 7) if state is OrderState.SENDING else (None, None)
    call = owed_calls.owed_columns(action=CallAction.CREATE_WORK_ORDER, due=now, now=now, lease_until=lease, slot=slot)
    return {"state": state} | call
