"""Faults on demand: the kinds of faults, and the queue of faults to apply. No HTTP here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

FAULT_TIMES = ("before", "after")
EVERY_ACTION = "*"


class FaultError(ValueError):
    """A fault that does not exist; the text lists the possible values."""


@dataclass(frozen=True)
class FaultKind:
    """Kind of fault: the effect on the client, the extra fields, and whether it alters the response.

    A kind with `alters_response` changes the normal response, so it applies after the work by default. Applied before
    the work, it changes a response with status 500.
    """

    what: str
    fields: tuple[str, ...] = ()
    alters_response: bool = False


# Faults that any server or proxy can have.
COMMON_KINDS: Mapping[str, FaultKind] = {
    "hang": FaultKind("no response for `seconds`, then the connection is closed", ("seconds",)),
    "reset": FaultKind("TCP reset without a response"),
    "close": FaultKind("the connection is closed without a response"),
    "html": FaultKind("200 with an HTML page"),
    "empty": FaultKind("200 with an empty body"),
    "garbage": FaultKind("bytes that are not HTTP, then the connection is closed"),
    "warnings": FaultKind("PHP warnings before the JSON", ("status",), alters_response=True),
    "wrong_type": FaultKind("the JSON with content type text/html", ("status",), alters_response=True),
    "truncated": FaultKind("half of the body, then the connection is closed", ("status",), alters_response=True),
    "endless_body": FaultKind("a body without end, for at most `seconds`", ("status", "seconds"), alters_response=True),
    "endless_headers": FaultKind("headers without end, for at most `seconds`", ("seconds",)),
    "slow": FaultKind("the body in small parts over `seconds`", ("status", "seconds"), alters_response=True),
}


@dataclass(frozen=True)
class FaultCatalogue:
    """The faults that one simulator supports.

    `subjects` maps a field of a request ("wc_order_id") to the actions whose requests have it; a fault can be limited
    to one value of such a field. `bodies` are the bodies that a fault of the kind "status" can answer with, such as
    "html".
    """

    actions: Collection[str]
    kinds: Mapping[str, FaultKind]
    subjects: Mapping[str, tuple[str, ...]]
    bodies: tuple[str, ...]


@dataclass
class Fault:
    """A pending fault. `times` is the number of requests it still applies to; None means every request."""

    id: int
    kind: str
    action: str
    when: str
    times: int | None
    seconds: float
    status: int | None
    retry_after: int | str | None
    body: str
    about: Mapping[str, str | None] = field(default_factory=dict)
    struck: int = 0

    def matches(self, action: str, when: str, about: Mapping[str, str]) -> bool:
        """Return whether the fault applies to a request. Letter case in the values of `about` does not matter."""
        is_subject_match = all(
            value is None or value.casefold() == about.get(name) for name, value in self.about.items()
        )
        return is_subject_match and self.when == when and self.action in (EVERY_ACTION, action)

    def as_json(self) -> dict[str, Any]:
        """Return the fault as a JSON object."""
        fields = {name: value for name, value in vars(self).items() if name not in {"about", "struck"}}
        return {**fields, **self.about, "struck": self.struck}


class FaultQueue:
    """The pending faults, oldest first."""

    def __init__(self, catalogue: FaultCatalogue) -> None:
        self.catalogue = catalogue
        self.pending: list[Fault] = []
        self._last_id = 0

    def add(
        self,
        kind: str,
        *,
        action: str = EVERY_ACTION,
        when: str | None = None,
        times: int | None = 1,
        seconds: float | None = None,
        status: int | None = None,
        retry_after: int | str | None = None,
        body: str | None = None,
        **about: str | None,
    ) -> Fault:
        """Apply a fault of `kind` to the next `times` requests for `action`, and return the fault.

        `about` limits the fault to requests with these values; its names are subjects of the catalogue.

        `when` is "before" (the work is not done) or "after" (the work is done, then the response is altered; a request
        that fails anyway is left as it is). The default is "after" for kinds that alter the response, otherwise
        "before". `seconds` defaults to 5 and `body` to "html". Raises FaultError for an unknown kind or action, or an
        invalid field.
        """
        catalogue = self.catalogue
        _check_kind(catalogue, kind, {"seconds": seconds, "status": status, "retry_after": retry_after, "body": body})
        _check_target(action, (EVERY_ACTION, *catalogue.actions), when, times)
        _check_values(seconds, status, retry_after)
        if body is not None and body not in catalogue.bodies:
            raise FaultError(f"body must be one of {', '.join(catalogue.bodies)}")
        _check_subject(catalogue, action, about)
        self._last_id += 1
        fault = Fault(
            id=self._last_id,
            kind=kind,
            action=action,
            when=when or ("after" if catalogue.kinds[kind].alters_response else "before"),
            times=times,
            seconds=5.0 if seconds is None else float(seconds),
            status=status,
            retry_after=retry_after,
            body=body or "html",
            about=dict.fromkeys(catalogue.subjects) | about,
        )
        self.pending.append(fault)
        return fault

    def take(self, action: str, when: str, about: Mapping[str, str]) -> Fault | None:
        """Return the oldest fault that matches the request, and count one use of it; return None without a match.

        `about` holds the request's subject values in lower case.
        """
        for fault in self.pending:
            if fault.matches(action, when, about):
                fault.struck += 1
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self.pending.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Remove all pending faults. The next fault gets the number 1 again."""
        self.pending.clear()
        self._last_id = 0


def _check_kind(catalogue: FaultCatalogue, kind: object, extras: Mapping[str, object]) -> None:
    if not isinstance(kind, str) or kind not in catalogue.kinds:
        raise FaultError(f"kind must be one of {', '.join(catalogue.kinds)}")
    for name, value in extras.items():
        if value is not None and name not in catalogue.kinds[kind].fields:
            allowed = ", ".join(("action", "when", "times", *catalogue.subjects, *catalogue.kinds[kind].fields))
            raise FaultError(f"{kind} does not take {name}; it takes {allowed}")


def _check_target(action: object, actions: Collection[str], when: object, times: object) -> None:
    if action not in actions:
        raise FaultError(f"action must be one of {', '.join(actions)}")
    if when is not None and when not in FAULT_TIMES:
        raise FaultError(f"when must be one of {', '.join(FAULT_TIMES)}")
    if times is not None and (not _is_int(times) or times < 1):
        raise FaultError("times must be an integer of at least 1, or null for every time")


def _check_values(seconds: object, status: object, retry_after: object) -> None:
    if seconds is not None and not ((_is_int(seconds) or isinstance(seconds, float)) and 0 <= seconds <= 3600):
        raise FaultError("seconds must be a number from 0 to 3600")
    if status is not None and not (_is_int(status) and 200 <= status <= 599):
        raise FaultError("status must be an integer from 200 to 599")
    printable = isinstance(retry_after, str) and retry_after.isascii() and retry_after.isprintable()
    if retry_after is not None and not _is_int(retry_after) and not printable:
        raise FaultError("retry_after must be an integer or a line of text")


def _check_subject(catalogue: FaultCatalogue, action: str, about: Mapping[str, object]) -> None:
    for name, value in about.items():
        if name not in catalogue.subjects:
            raise FaultError(f"unknown field {name}")
        if value is not None and (not isinstance(value, str) or not value):
            raise FaultError(f"{name} must be a string that is not empty")
        if value is not None and action not in (EVERY_ACTION, *catalogue.subjects[name]):
            raise FaultError(f"{action} requests have no {name}")


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
