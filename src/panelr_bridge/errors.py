"""The bridge's errors, named by what happens next, and how to read a failed call: its causes, its Retry-After.

BridgeError
├── ConfigurationError     the program refuses to start and says why
├── BadSignature           401: not sent by this store, nothing is stored
├── UnknownStore           404: no such store is configured
├── BodyTooLarge           413: refused before it is read
├── DeliveryNotStored      503: the database could not store it
├── UnreadableBody         authentic, but not an order: stored, answered 200, shown to the operator
├── NotFound               404 of the admin API
├── Conflict               409: the request contradicts the stored data
├── InvalidValue           422: a value cannot be used
├── BadQuery               400: a list does not support this parameter
├── UpstreamUnavailable    503: Panelr or the shop cannot be asked now
├── RetryTransaction       the store runs this transaction again
└── ShopError              a call to the shop's REST API failed
    ├── ShopRefused        it refuses, and will again: change the request
    ├── ShopNotFound       it has no such order, webhook or product
    ├── ShopUnreachable    it cannot be reached or has a fault: try later
    ├── ShopMisconfigured  an operator must correct the address, the key or the shop
    ├── ShopUnclear        a write may have happened: check before repeating it
    └── ShopUnsupported    this kind of API has no such function
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class BridgeError(Exception):
    """Base class of all errors raised by the bridge itself."""


class ConfigurationError(BridgeError):
    """Unusable settings; `problems` holds one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class BadSignature(BridgeError):
    """A delivery with a missing or wrong signature."""


class UnknownStore(BridgeError):
    """A delivery to a store without configuration."""


class BodyTooLarge(BridgeError):
    """A body over the limit of MAX_BODY_BYTES."""


class DeliveryNotStored(BridgeError):
    """An authentic delivery that the database could not store; `verdict` is what its body turned out to be."""

    def __init__(self, verdict: str) -> None:
        super().__init__("the delivery could not be stored")
        self.verdict = verdict


class UnreadableBody(BridgeError):
    """An authentic body without the content announced by its topic."""


class NotFound(BridgeError):
    """An unknown id in a request."""


class Conflict(BridgeError):
    """A request in contradiction to the stored data."""


class InvalidValue(BridgeError):
    """A well-formed but unusable value; the message names the correction."""


class BadQuery(BridgeError):
    """A parameter not supported by the requested list."""


class UpstreamUnavailable(BridgeError):
    """Data known to Panelr or the shop alone, while it cannot be asked; the message says why."""


class RetryTransaction(BridgeError):
    """A conflict with a concurrent transaction: the store runs this one again and it sees the other's rows."""


class ShopError(BridgeError):
    """A failed call to the shop's REST API. The words hold no key, signature or personal address.

    `status` and `code` come from the shop's answer, if it gave one. `maybe_done`: a write may have happened.
    """

    def __init__(self, words: str, *, status: int | None = None, code: str = "", maybe_done: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.status = status
        self.code = code
        self.maybe_done = maybe_done


class ShopRefused(ShopError):
    """The shop refuses the request, in its own words."""


class ShopNotFound(ShopError):
    """The shop has no such order, webhook or product."""


class ShopUnreachable(ShopError):
    """The shop gave no usable answer this time; `retry_after` is its requested wait in seconds."""

    def __init__(
        self, words: str, *, status: int | None = None, maybe_done: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(words, status=status, maybe_done=maybe_done)
        self.retry_after = retry_after


class ShopMisconfigured(ShopError):
    """An operator must correct the address, the key or the shop; the words say how."""


class ShopUnclear(ShopError):
    """A write may have happened, and the look-up did not settle it."""


class ShopUnsupported(ShopError):
    """The store's kind of API has no such function."""


def iter_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and its chain of causes, members of exception groups included.

    HTTP libraries keep the real reason there, such as a failed name look-up.
    """
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            yield from cause.exceptions
        cause = cause.__cause__ or cause.__context__


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Return the wait in a Retry-After header, in seconds; the header holds seconds or a date. None if unreadable."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
        aware = until.replace(tzinfo=UTC) if until.tzinfo is None else until
        return max((aware - now).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None
