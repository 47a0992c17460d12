"""The outcome of one call to Panelr: seven types.

The important line runs between "nothing reached Panelr" and "something may have": only after the first is a call
sent again without a look-up. docs/reliability.md has the table. `panelr/response.py` classifies answers,
`panelr/client.py` classifies connection errors.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """Words for the operator, and the HTTP status if there was one.

    `doubtful`: the answer was not Panelr's own, so Panelr may have done it before something refused the answer.
    `one_request`: it is not known to concern other calls, so this call waits by its own schedule.
    """

    words: str
    status: int | None = None
    doubtful: bool = False
    one_request: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(_Outcome):
    """Panelr did it; `data` is the envelope's data."""

    data: Any = field(repr=False)  # holds the confirmation token


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(_Outcome):
    """Panelr refused the request, or it cannot be sent as it is (then `status` is None).

    Nothing was created, and a repetition changes nothing.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Misconfigured(_Outcome):
    """The key, the address or the certificate is wrong. The call stays owed and is retried slowly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked(_Outcome):
    """A refusal without Panelr's envelope: something in front of Panelr may dislike this one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(_Outcome):
    """Panelr asks for a pause of `retry_after` seconds; None if it did not say how long."""

    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent(_Outcome):
    """Certainly no byte of the request was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(_Outcome):
    """Panelr may or may not have done it. Never send it again before a look-up."""


Outcome = Done | Refused | Misconfigured | Blocked | Throttled | NotSent | Unknown


def name(outcome: Outcome) -> str:
    """Return the outcome's stable name, as stored with attempts and logged."""
    return _NAMES[type(outcome)]


_NAMES: dict[type[Outcome], str] = {
    Done: "done",
    Refused: "refused",
    Misconfigured: "misconfigured",
    Blocked: "blocked",
    Throttled: "throttled",
    NotSent: "not_sent",
    Unknown: "unknown",
}
