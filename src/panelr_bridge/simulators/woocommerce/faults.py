"""What can go wrong at the shop's REST API on demand, and the journal of what was asked of it. No HTTP here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from panelr_bridge.simulators.faults import COMMON_KINDS, FaultCatalogue, FaultKind
from panelr_bridge.simulators.woocommerce.rest_actions import REST_ACTIONS

REQUESTS_KEPT = 1000
ABOUT_ONE_ORDER = tuple(name for name, (_, path) in REST_ACTIONS.items() if "orders/{number" in path)
KINDS: Mapping[str, FaultKind] = {
    "status": FaultKind("any status (default 500) with a page or an error object", ("status", "body", "retry_after")),
    **COMMON_KINDS,
}
FAULT_CATALOGUE = FaultCatalogue(
    actions=tuple(REST_ACTIONS),
    kinds=KINDS,
    subjects={"order_id": ABOUT_ONE_ORDER},
    bodies=("html", "json"),
)


@dataclass(slots=True)
class RecordedRequest:
    """One request to the REST API. `status` stays None while no answer has left, and where a fault kept it back."""

    time: datetime
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    action: str
    status: int | None = None
    fault: str | None = None


@dataclass(slots=True)
class ShopSwitches:
    """How the shop is set up.

    `behind_tls`: all requests count as https. `local_environment`: application passwords are taken over plain http
    by wc/v3 too. `resave`: a plugin saves each order once more after its webhooks went out, for each save of others.
    """

    behind_tls: bool = False
    local_environment: bool = False
    resave: bool = False
