"""What can go wrong on demand: which faults there are, and which one strikes next. No HTTP here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

FAULT_TIMES = ("before", "after")
EVERY_ACTION = "*"


class FaultError(ValueError):
    """A fault that does not exist; the text says what is possible."""


@dataclass(frozen=True)
class FaultKind:
    """One kind of fault: what the client sees, which further fields it takes, and whether it carries an answer.

    A kind that carries an answer spoils the proper one, so it strikes after the work unless told otherwise; before
    the work it spoils an answer of 500, because there is nothing else to tell.
    """

    what: str
    fields: tuple[str, ...] = ()
    carries_answer: bool = False


# What any server behind any proxy may do.
COMMON_KINDS: Mapping[str, FaultKind] = {
    "hang": FaultKind("no answer for `seconds`, then closed", ("seconds",)),
    "reset": FaultKind("TCP reset without an answer"),
    "close": FaultKind("closed without an answer"),
    "html": FaultKind("200 with an HTML page"),
    "empty": FaultKind("200 without a body"),
    "garbage": FaultKind("bytes that are no HTTP, then closed"),
    "warnings": FaultKind("PHP warnings in front of the JSON", ("status",), carries_answer=True),
    "wrong_type": FaultKind("the JSON as text/html", ("status",), carries_answer=True),
    "truncated": FaultKind("half of the body, then closed", ("status",), carries_answer=True),
    "slow": FaultKind("the body dripped over `seconds`", ("status", "seconds"), carries_answer=True),
}


@dataclass(frozen=True)
class FaultCatalogue:
    """What can go wrong at one simulator.

    `subjects` maps what a request may tell of itself ("wc_order_id") to the actions that tell it: a fault may strike
    those requests alone. `bodies` are what a fault of the kind "status" may answer with, "html" among them.
    """

    actions: Collection[str]
    kinds: Mapping[str, FaultKind]
    subjects: Mapping[str, tuple[str, ...]]
    bodies: tuple[str, ...]


@dataclass
class Fault:
    """One fault in waiting. `times` is how often it will still strike, None for ever."""

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
        """Whether it strikes such a request; letter case in what the request tells does not matter."""
        told = all(value is None or value.casefold() == about.get(name) for name, value in self.about.items())
        return told and self.when == when and self.action in (EVERY_ACTION, action)

    def as_json(self) -> dict[str, Any]:
        """The fault as a JSON object."""
        shown = {name: value for name, value in vars(self).items() if name not in {"about", "struck"}}
        return {**shown, **self.about, "struck": self.struck}


class FaultQueue:
    """The faults in waiting, oldest first."""

    def __init__(self, repertoire: FaultCatalogue) -> None:
        self.catalogue = repertoire
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
        """Let a fault of `kind` strike the next `times` requests for `action`.

        `about` names subjects of the repertoire: they narrow it to the requests that tell just that.

        `when` is "before" (nothing has been done) or "after" (it has been done, the answer is spoilt; a request
        that is refused anyway is left alone). Left out, it is "after" for the kinds that carry an answer and
        "before" for the others. `seconds` is 5 and `body` is "html" unless given.
        Raises FaultError when there is no such kind or action, or a field does not fit.
        """
        known = self.catalogue
        _check_kind(known, kind, {"seconds": seconds, "status": status, "retry_after": retry_after, "body": body})
        _check_target(action, (EVERY_ACTION, *known.actions), when, times)
        _check_values(seconds, status, retry_after)
        if body is not None and body not in known.bodies:
            raise FaultError(f"body must be one of {', '.join(known.bodies)}")
        _check_subject(known, action, about)
        self._last_id += 1
        fault = Fault(
            id=self._last_id,
            kind=kind,
            action=action,
            when=when or ("after" if known.kinds[kind].carries_answer else "before"),
            times=times,
            seconds=5.0 if seconds is None else float(seconds),
            status=status,
            retry_after=retry_after,
            body=body or "html",
            about=dict.fromkeys(known.subjects) | about,
        )
        self.pending.append(fault)
        return fault

    def take(self, action: str, when: str, about: Mapping[str, str]) -> Fault | None:
        """Take the oldest fault that fits, using it up once; None when all is well.

        `about` holds what the request tells of the subjects, in lower case.
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
        """Forget all faults in waiting; their numbers begin at 1 again."""
        self.pending.clear()
        self._last_id = 0


def _check_kind(known: FaultCatalogue, kind: object, extras: Mapping[str, object]) -> None:
    if not isinstance(kind, str) or kind not in known.kinds:
        raise FaultError(f"kind must be one of {', '.join(known.kinds)}")
    for name, value in extras.items():
        if value is not None and name not in known.kinds[kind].fields:
            takes = ", ".join(("action", "when", "times", *known.subjects, *known.kinds[kind].fields))
            raise FaultError(f"{kind} does not take {name}; it takes {takes}")


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


def _check_subject(known: FaultCatalogue, action: str, about: Mapping[str, object]) -> None:
    for name, value in about.items():
        if name not in known.subjects:
            raise FaultError(f"there is no field {name}")
        if value is not None and (not isinstance(value, str) or not value):
            raise FaultError(f"{name} must be a string that is not empty")
        if value is not None and action not in (EVERY_ACTION, *known.subjects[name]):
            raise FaultError(f"{action} tells no {name}")


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
