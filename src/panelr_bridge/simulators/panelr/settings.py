"""Settings of the simulated Panelr, at its start and while it runs."""

from dataclasses import dataclass, fields


@dataclass
class PanelSettings:
    """The settings. Raises ValueError for an invalid value.

    `rate_per_minute` limits the successful requests of one address; 0 means no limit. The documentation leaves
    `shows_wc_order_id` and `knows_get_work_orders` open. `sends_retry_after` concerns the rate limit's own 429, not
    faults. `knows_complete_by_token` False simulates Panelr 1, whose complete_order can only create.
    `accepts_repeated_payments` adds a further payment to a paid work order: submit_payment in payment_submitted,
    complete_order in queued. `strict` also rejects unknown fields and bodies without the JSON content type.
    """

    api_key: str
    rate_per_minute: int = 120
    latency_seconds: float = 0.0
    shows_wc_order_id: bool = True
    knows_get_work_orders: bool = True
    sends_retry_after: bool = True
    knows_complete_by_token: bool = True
    accepts_repeated_payments: bool = False
    strict: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.api_key, str) or not self.api_key:
            raise ValueError("api_key must be a string that is not empty")
        if type(self.rate_per_minute) is not int or self.rate_per_minute < 0:
            raise ValueError("rate_per_minute must be an integer of at least 0")
        if type(self.latency_seconds) not in (int, float) or not 0 <= self.latency_seconds <= 3600:
            raise ValueError("latency_seconds must be a number from 0 to 3600")
        for each in fields(self):
            if each.type is bool and not isinstance(getattr(self, each.name), bool):
                raise ValueError(f"{each.name} must be true or false")
