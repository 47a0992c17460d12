"""Supported faults of the shop's REST API, its journal entries and its switches. No HTTP here."""

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
    """One request to the REST API. `status` is None until a status has been sent."""

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
    """How the shop is set up, and its oddities. All of them were seen in real shops.

    `behind_tls`: all requests count as https. `local_environment`: wc/v3 also accepts application passwords over plain
    http. `resave`: a plugin saves each order once more after the webhooks of a save were delivered. `shuffles_ties`:
    orders that are equal in the requested order come in another order each time. `local_dates`: the Orders resource
    shows local time with the offset +00:00. `lists_as_objects`: a filter turns lists into objects. `notices`: PHP's
    notices stand before the JSON. `omits_totals`: lists have no totals. `plain_permalinks`: the API is at
    `/?rest_route=/` alone. `strips_authorization`: the web server removes the header Authorization.
    `subscriptions`: WooCommerce Subscriptions is there, with its topics and routes. `market_place`: Dokan divides each
    order among its vendors, and divides it again at every REST write.
    """

    behind_tls: bool = False
    local_environment: bool = False
    resave: bool = False
    shuffles_ties: bool = False
    local_dates: bool = False
    lists_as_objects: bool = False
    notices: bool = False
    omits_totals: bool = False
    plain_permalinks: bool = False
    strips_authorization: bool = False
    subscriptions: bool = False
    market_place: bool = False
