"""The bridge's errors, named by what happens next.

BridgeError
├── ConfigurationError     the program refuses to start and says why
├── BadSignature           401: not from this store, nothing is stored
├── UnknownStore           404: no such store is configured
├── BodyTooLarge           413: refused before it is read
├── DeliveryNotStored      503: WooCommerce counts it as failed
├── Unreadable             an authentic body that is no order: stored, answered 200, shown to the operator
├── NotFound               404 of the admin API
├── Conflict               409: what is asked does not fit what is stored
├── Invalid                422: a value cannot be used as it is
├── BadQuery               400: a list is asked for in a way that it does not know
├── Unavailable            503: what is asked for cannot be had from outside at the moment
├── Restart                the store runs this transaction again
└── ShopError              the store's REST API did not do what it was asked
    ├── ShopRefused        it says no, and will again: what was asked must change
    ├── ShopNotFound       it has no such thing
    ├── ShopUnreachable    it cannot be reached or answers with a fault of its own: try later
    ├── ShopMisconfigured  a person must mend the address, the key or the shop
    ├── ShopUnclear        a write whose outcome could not be settled: look before you repeat it
    └── NotOffered         this kind of API does not have what is asked
"""

from collections.abc import Sequence


class BridgeError(Exception):
    """Every error that the bridge itself raises."""


class ConfigurationError(BridgeError):
    """Settings with which the program must not start; `problems` holds one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class BadSignature(BridgeError):
    """A delivery whose signature is missing or does not fit its body."""


class UnknownStore(BridgeError):
    """A delivery to a store that is not configured."""


class BodyTooLarge(BridgeError):
    """A body over the limit of MAX_BODY_BYTES."""


class DeliveryNotStored(BridgeError):
    """An authentic delivery that the database could not store; `verdict` is what its body turned out to be."""

    def __init__(self, verdict: str) -> None:
        super().__init__("the delivery could not be stored")
        self.verdict = verdict


class UnreadableBody(BridgeError):
    """An authentic body that cannot be read as what its topic announces."""


class NotFound(BridgeError):
    """Something asked for by its id does not exist."""


class Conflict(BridgeError):
    """A request that contradicts what is stored."""


class InvalidValue(BridgeError):
    """A value that is well-formed and still cannot be used; the words say what to do."""


class BadQuery(BridgeError):
    """A list is asked for with a parameter that it does not have."""


class UpstreamUnavailable(BridgeError):
    """Something that Panelr or a store alone knows, and it cannot be asked now; the words say why."""


class RetryTransaction(BridgeError):
    """A transaction met a concurrent one: the store runs it again, and it sees what the other wrote."""


class ShopError(BridgeError):
    """The store's REST API did not do what it was asked. The words hold no key, signature or address of a person.

    `status` and `code` are the answer's, where there was one. `maybe_done` tells that a write may have happened.
    """

    def __init__(self, words: str, *, status: int | None = None, code: str = "", maybe_done: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.status = status
        self.code = code
        self.maybe_done = maybe_done


class ShopRefused(ShopError):
    """The shop says no to what was asked, in its words."""


class ShopNotFound(ShopError):
    """The shop has no such order, webhook or product."""


class ShopUnreachable(ShopError):
    """The shop gave no usable answer this time; `retry_after` is the wait in seconds that it asks for."""

    def __init__(
        self, words: str, *, status: int | None = None, maybe_done: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(words, status=status, maybe_done=maybe_done)
        self.retry_after = retry_after


class ShopMisconfigured(ShopError):
    """Address, key or shop must be mended by a person; the words say how."""


class ShopUnclear(ShopError):
    """It is not known whether a write happened, and looking did not settle it."""


class ShopUnsupported(ShopError):
    """What is asked does not exist in the store's kind of API."""
