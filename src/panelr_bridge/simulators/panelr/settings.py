"""Settings of the simulated Panelr, at its start and while it runs."""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

GENERATIONS = (1, 2)
NEWER_FEATURES = (
    "honours_unit_price",
    "honours_codes",
    "honours_points",
    "honours_store_discount",
    "adds_bundle_discounts",
    "adds_method_fee",
    "refuses_underpayment",
    "answers_totals",
    "knows_quote_cart",
    "forbids_wrong_proof",
    "shows_details",
)
"""The switches that generation 1 turns off together."""


@dataclass
class PanelSettings:
    """The settings. Raises ValueError for an invalid value.

    `rate_per_minute` limits the successful requests of one address; 0 means no limit. `list_cap` is the largest
    `limit` of get_work_orders. The documentation leaves `shows_wc_order_id` and `knows_get_work_orders` open.
    `sends_retry_after` concerns the rate limit's own 429, not faults. `knows_complete_by_token` False simulates Panelr
    1, whose complete_order can only create. `accepts_repeated_payments` adds a further payment to a paid work order:
    submit_payment in payment_submitted, complete_order in queued. `checks_renewals` refuses a renewal to a product
    that does not fit the line. `strict` also rejects unknown fields and bodies without the JSON content type.

    `firewall_words` are texts that the firewall in front of Panelr blocks. `currency` is the panel's currency.

    `generation` 2 is the newest known Panelr (2.0.9). 1 is an older one, without any of the newer features; single
    features of generation 2 can be turned off too. An older Panelr ignores the newer fields. `answers_totals` shows
    the totals in the answers of create_work_order and complete_order. `forbids_wrong_proof` answers 403 in
    get_work_order, otherwise 404. `shows_details` shows the newer fields of get_work_order, such as each item's line;
    an older Panelr shows the lines of a work order in get_work_orders only. Without `shows_activation_ids`, neither
    action shows them.
    """

    api_key: str
    rate_per_minute: int = 120
    latency_seconds: float = 0.0
    list_cap: int = 50
    shows_wc_order_id: bool = True
    knows_get_work_orders: bool = True
    shows_activation_ids: bool = True
    sends_retry_after: bool = True
    knows_complete_by_token: bool = True
    accepts_repeated_payments: bool = False
    checks_renewals: bool = True
    strict: bool = True
    firewall_words: list[str] = field(default_factory=list)
    currency: str = "USD"
    generation: int = 2
    honours_unit_price: bool = True
    honours_codes: bool = True
    honours_points: bool = True
    honours_store_discount: bool = True
    adds_bundle_discounts: bool = True
    adds_method_fee: bool = True
    refuses_underpayment: bool = True
    answers_totals: bool = True
    knows_quote_cart: bool = True
    forbids_wrong_proof: bool = True
    shows_details: bool = True

    def __post_init__(self) -> None:
        for is_valid, error in self._rules():
            if not is_valid:
                raise ValueError(error)
        for each in fields(self):
            if each.type is bool and not isinstance(getattr(self, each.name), bool):
                raise ValueError(f"{each.name} must be true or false")

    @property
    def effective(self) -> Self:
        """Return the settings as the panel applies them: generation 1 has none of the newer features."""
        if self.generation > 1:
            return self
        without: dict[str, Any] = dict.fromkeys(NEWER_FEATURES, False)
        return replace(self, **without)

    def _rules(self) -> tuple[tuple[bool, str], ...]:
        rate, latency, words = self.rate_per_minute, self.latency_seconds, self.firewall_words
        currency = self.currency
        return (
            (isinstance(self.api_key, str) and bool(self.api_key), "api_key must be a string that is not empty"),
            (type(rate) is int and rate >= 0, "rate_per_minute must be an integer of at least 0"),
            (
                type(latency) in (int, float) and 0 <= latency <= 3600,
                "latency_seconds must be a number from 0 to 3600",
            ),
            (type(self.list_cap) is int and self.list_cap > 0, "list_cap must be an integer of at least 1"),
            (
                isinstance(words, list) and all(isinstance(each, str) and each for each in words),
                "firewall_words must be a list of strings that are not empty",
            ),
            (
                isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isupper(),
                "currency must be three capital letters",
            ),
            (
                type(self.generation) is int and self.generation in GENERATIONS,
                "generation must be 1 (older) or 2 (newest)",
            ),
        )
