"""The bridge's errors, named by what happens next.

BridgeError
├── ConfigurationError     the program refuses to start and says why
├── BadSignature           401: not from this store, nothing is stored
├── UnknownStore           404: no such store is configured
├── BodyTooLarge           413: refused before it is read
├── Unreadable             an authentic body that is no order: stored, answered 200, shown to the operator
├── NotFound               404 of the admin API
├── Conflict               409: what is asked does not fit what is stored
├── Invalid                422: a value cannot be used as it is
└── BadQuery               400: a list is asked for in a way that it does not know
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


class Unreadable(BridgeError):
    """An authentic body that cannot be read as what its topic announces."""


class NotFound(BridgeError):
    """Something asked for by its id does not exist."""


class Conflict(BridgeError):
    """A request that contradicts what is stored."""


class Invalid(BridgeError):
    """A value that is well-formed and still cannot be used; the words say what to do."""


class BadQuery(BridgeError):
    """A list is asked for with a parameter that it does not have."""
