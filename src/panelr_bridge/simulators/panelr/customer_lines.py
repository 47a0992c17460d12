"""A customer's line: the result of an activation."""

from dataclasses import dataclass, field, fields
from typing import Any

from panelr_bridge.simulators.panelr.catalogue import PLUGINS
from panelr_bridge.simulators.panelr.field_checks import EMAIL, is_int

LINE_STATUSES = ("active", "trial_active", "expired", "suspended", "canceled")
NUMBERS = ("id", "plugin_id", "connections")
TEXTS = ("plugin_name", "product_name")


@dataclass(kw_only=True)
class CustomerLine:
    """A line in the form of `get_lines`, with its customer. Raises ValueError for an invalid value.

    `status` and `plugin_name` default to values derived from `is_trial` and `plugin_id`.
    """

    id: int
    customer_email: str
    status: str = ""
    is_trial: bool = False
    plugin_id: int = 1
    plugin_name: str = ""
    product_name: str = "IPTV 1 Month"
    connections: int = 1
    expiration_date: str | None = None
    usernames: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._check()
        if not self.status:
            self.status = "trial_active" if self.is_trial else "active"
        if not self.plugin_name:
            self.plugin_name = PLUGINS.get(self.plugin_id, "")

    def as_json(self) -> dict[str, Any]:
        """Return the line in the form of `get_lines`."""
        return {name: value for name, value in self.full_json().items() if name != "customer_email"}

    def full_json(self) -> dict[str, Any]:
        """Return the line with its customer, for the controls."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def _check(self) -> None:
        email, names, date = self.customer_email, self.usernames, self.expiration_date
        numbers = {name: getattr(self, name) for name in NUMBERS}
        texts = {name: getattr(self, name) for name in TEXTS}
        rules = (
            (isinstance(email, str) and EMAIL.fullmatch(email), "customer_email must be a valid e-mail address"),
            (self.status in ("", *LINE_STATUSES), f"status must be one of {', '.join(LINE_STATUSES)}"),
            *(
                (is_int(each) and each > 0, f"{name} must be an integer of at least 1")
                for name, each in numbers.items()
            ),
            *((isinstance(each, str), f"{name} must be a string") for name, each in texts.items()),
            (isinstance(self.is_trial, bool), "is_trial must be true or false"),
            (date is None or isinstance(date, str), "expiration_date must be a string or null"),
            (isinstance(names, list) and all(isinstance(each, str) for each in names), "usernames must be strings"),
        )
        for is_valid, error in rules:
            if not is_valid:
                raise ValueError(error)
