"""Reads the intent and the activation id in the meta of a line, however they are spelled. Pure.

What is unambiguous is understood. Anything else is a reason to hold the order: it is never read as a new activation.
"""

import functools
import html
import re
from typing import Any

import msgspec

from panelr_bridge.domain.models import ItemIntent, Reason
from panelr_bridge.woocommerce.json_fields import Meta, clean

BALANCE_PAYMENT = "balance_payment"
POSITIVE = re.compile(r"0*[1-9][0-9]{0,9}")
LARGEST_ID = 2**31 - 1
INTENTS = frozenset(ItemIntent)
LONGEST_KEY = 60
_INTENT, _ACTIVATION = "panelrintent", "panelractivationid"
"""The keys without capitals, blanks and underscores."""
_ATTRIBUTE = re.compile(r"(?:attribute_)?(?:pa_)?")
"""What WooCommerce puts before the name of a product's attribute."""
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_NO_FRACTION = re.compile(r"\.0+$")
_ZERO = re.compile(r"0+")
_OTHER_WORDS = {
    "new": "new_activation",
    "newactivation": "new_activation",
    "activation": "new_activation",
    "renew": "renewal",
    "renewals": "renewal",
    "trialupgrade": "trial_upgrade",
    "balancepayment": BALANCE_PAYMENT,
}


class IntentMeta(msgspec.Struct, frozen=True):
    """The intent in Panelr's spelling, and the text of the activation id; None for none."""

    intent: str | None = None
    activation: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the meta has neither."""
        return self.intent is None and self.activation is None

    @property
    def says_new(self) -> bool:
        """Whether it fits a new activation."""
        return self.activation is None and self.intent in {None, ItemIntent.NEW_ACTIVATION}


_NONE = IntentMeta()


def read_intent_meta(entries: tuple[Meta, ...]) -> IntentMeta:
    """Return what the meta of a line or an order says about its intent."""
    texts = _find_texts(entries)
    return IntentMeta(texts.get(_INTENT), texts.get(_ACTIVATION)) if texts else _NONE


def read_intent(entries: tuple[Meta, ...]) -> str | None:
    """Return the intent alone."""
    return _find_texts(entries).get(_INTENT)


def as_renewal(meta: IntentMeta) -> IntentMeta:
    """Return the meta of a line in an order that goes on with existing lines.

    Subscription plugins copy a line's meta from the first order: its intent says what that order was.
    """
    if meta.intent is not None and meta.intent not in INTENTS:
        return meta
    is_none = meta.activation is not None and _ZERO.fullmatch(meta.activation)
    return IntentMeta(ItemIntent.RENEWAL, None if is_none else meta.activation)


def contradiction(words: str, label: str) -> Reason:
    """Return the reason to hold an order whose line, named by `label`, says two things."""
    return Reason("contradicting_intent", words, label)


def choose_intent(
    meta: IntentMeta, by_mapping: ItemIntent, *, label: str, alone: bool
) -> tuple[ItemIntent, int | None] | Reason:
    """Return an item's intent and its activation id if it has one, or the reason why they are not known.

    `label` names the line, whose meta this is; `alone` says that it becomes no other item. An activation id without an
    intent makes it a renewal.
    """
    if meta.intent is not None and meta.intent not in INTENTS:
        words = f"the line's panelr_intent {meta.intent[:60]!r} is not an intent of Panelr's"
        return Reason("unknown_intent", words, label)
    intent = by_mapping if meta.intent is None else ItemIntent(meta.intent)
    activation = meta.activation
    if activation is None or (intent is ItemIntent.NEW_ACTIVATION and _ZERO.fullmatch(activation)):
        return intent, None
    number = int(activation) if POSITIVE.fullmatch(activation) else 0
    if not 0 < number <= LARGEST_ID:
        words = f"panelr_activation_id {activation[:60]!r} is not a number"
        return Reason("unusable_activation_id", words, label)
    if intent is ItemIntent.NEW_ACTIVATION:
        if meta.intent is not None or not alone:
            words = f"the line is a new activation and names activation {number}: correct panelr_intent"
            return contradiction(words, label)
        intent = ItemIntent.RENEWAL
    return intent, number


def _find_texts(entries: tuple[Meta, ...]) -> dict[str, str]:
    """Return what stands under `panelr_intent`, in Panelr's spelling, and `panelr_activation_id`.

    The keys may have any spelling: the exact one comes first, then the plugin's, then others. An empty value counts as
    none. Values that contradict each other stand side by side: they are no intent and no id.
    """
    found: dict[str, dict[str, int]] = {}
    for key, value in entries:
        known = _recognise(key) if isinstance(key, str) and len(key) <= LONGEST_KEY else None
        if known is not None and (text := _as_text(value)):
            name, rank = known
            text = _spell_intent(text) if name == _INTENT else text
            ranks = found.setdefault(name, {})
            ranks[text] = min(rank, ranks.get(text, rank))
    return {name: _choose_text(ranks) for name, ranks in found.items()}


def _choose_text(ranks: dict[str, int]) -> str:
    """Return the text of the first rank; beside another one of that rank, and a new activation beside any other."""
    if len(ranks) == 1:
        return next(iter(ranks))
    first = min(ranks.values())
    texts = [text for text, rank in ranks.items() if rank == first]
    return " and ".join(ranks if ItemIntent.NEW_ACTIVATION in texts else texts)


@functools.lru_cache(maxsize=2000)  # the same plugins write the same keys again and again
def _recognise(key: str) -> tuple[str, int] | None:
    """Return which of the two a key is, and its rank; None for any other key."""
    name = _BETWEEN_WORDS.sub("", _ATTRIBUTE.sub("", html.unescape(key).casefold()))
    if name not in {_INTENT, _ACTIVATION}:
        return None
    return name, 0 if key.startswith("panelr_") else 1 if key.startswith("_panelr_") else 2


def _spell_intent(text: str) -> str:
    """Return an intent in Panelr's spelling."""
    if text in INTENTS:
        return text
    intent = "_".join(part for part in _BETWEEN_WORDS.split(text.casefold()) if part)
    return _OTHER_WORDS.get(intent, intent or text)


def _as_text(value: Any) -> str:
    """Return a value as text without a fraction of zero; a value that is none in words that are no intent and no id."""
    text = clean(value)
    if not isinstance(text, str):
        return f"({type(value).__name__})"
    text = text.strip()
    return _NO_FRACTION.sub("", text) if "." in text else text
