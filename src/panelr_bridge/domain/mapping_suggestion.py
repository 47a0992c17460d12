"""Which Panelr product a product of the shop probably is, and why: plain comparison of names, lengths and prices.

Nothing here does I/O. A suggestion is for a person to look at: no mapping is made of it by itself.
"""

import heapq
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from difflib import SequenceMatcher
from typing import Any

from panelr_bridge.domain.models import ItemIntent, PanelrProduct

LIKELY = 45
"""The least score, of 100, that is worth a look."""
COMPARED = 10
"""So many products, the likeliest at first sight, are compared closely."""

_MONTHS = re.compile(
    r"(\d{1,3})[\s_-]*(?:months?|mths?|mon|mo|m|monate?n?|mois|mes|meses|mesi|maand(?:en)?)(?![^\W\d_])"
)
_YEARS = re.compile(r"(\d{1,2})[\s_-]*(?:years?|yrs?|y|jahre?|ans?|años?|anni?|jaar)(?![^\W\d_])")
_DAYS = re.compile(r"(\d{2,3})[\s_-]*(?:days?|tage?|jours?|d[ií]as?|d)(?![^\W\d_])")
_CONNECTIONS = re.compile(r"(\d{1,3})[\s_-]*(?:connections?|conn?s?|screens?|devices?|streams?|users?)(?![^\W\d_])")
_WORDS = re.compile(r"[^\W_]+")
_IN_WORDS = {"monthly": 1, "quarterly": 3, "yearly": 12, "annual": 12, "annually": 12}
_TRIAL = frozenset({"trial", "test", "demo", "probe"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopItem:
    """A product of the shop, or one variation of it, with its product's name before its own."""

    product_id: int
    variation_id: int | None
    name: str
    sku: str
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class MappingSuggestion:
    """The likeliest product; a score of 100 is certainty as far as names go."""

    item: ShopItem
    product: PanelrProduct
    score: int
    why: tuple[str, ...]

    def as_row(self, store: str) -> dict[str, Any]:
        """Return the mapping that is suggested, with the columns of an import."""
        return {
            "store": store,
            "woo_product_id": self.item.product_id,
            "woo_variation_id": self.item.variation_id,
            "sku": self.item.sku or None,
            "panelr_product_id": self.product.id,
            "intent": ItemIntent.NEW_ACTIVATION.value,
            "quantity": 1,
        }


@dataclass(frozen=True, slots=True)
class _NameTraits:
    """What a name says: its words without the lengths, and what it says of them."""

    text: str
    words: frozenset[str]
    months: int | None
    connections: int | None
    trial: bool


@dataclass(frozen=True, slots=True)
class _ProductTraits:
    """A product of Panelr's with all that its names say."""

    product: PanelrProduct
    names: tuple[_NameTraits, ...]
    months: int | None


def read_item(product: Mapping[str, Any], variation: Mapping[str, Any] | None = None) -> ShopItem | None:
    """Return what wc/v3 tells of a product, or of one of its variations; None where it has no number."""
    told = variation or product
    numbers = [each.get("id") for each in (product, told)]
    if not all(isinstance(number, int) and number > 0 for number in numbers):
        return None
    options = [each.get("option") for each in _only_dicts(told.get("attributes"))] if variation else []
    parts = [product.get("name"), *options]
    return ShopItem(
        product_id=product["id"],
        variation_id=told["id"] if variation else None,
        name=" ".join(part.strip() for part in parts if isinstance(part, str)),
        sku=sku.strip() if isinstance(sku := told.get("sku"), str) else "",
        price=_read_price(told.get("price")),
    )


def suggest(items: Iterable[ShopItem], products: Sequence[PanelrProduct]) -> list[MappingSuggestion]:
    """Return for each item the likeliest product, if any is likely; the best first."""
    known = [_product_traits(product) for product in products]
    found = (_best_suggestion(item, known) for item in items)
    return sorted((each for each in found if each is not None), key=lambda each: -each.score)


def _best_suggestion(item: ShopItem, known: Sequence[_ProductTraits]) -> MappingSuggestion | None:
    said = (_name_traits(item.name), _name_traits(item.sku))
    near = heapq.nlargest(COMPARED, known, key=lambda each: _quick_score(said, each))
    compared = [_compare(item, said, each) for each in near]
    best = max(compared, key=lambda each: (each.score, -each.product.id), default=None)
    return best if best is not None and best.score >= LIKELY else None


def _quick_score(said: Sequence[_NameTraits], known: _ProductTraits) -> float:
    months = next((each.months for each in said if each.months), None)
    same_length = months is not None and months == known.months
    return max(_word_overlap(one, other) for one in said for other in known.names) + same_length * 0.5


def _compare(item: ShopItem, said: Sequence[_NameTraits], known: _ProductTraits) -> MappingSuggestion:
    product, why = known.product, []
    if any(one.text and one.text == other.text for one in said for other in known.names):
        return MappingSuggestion(item, product, 100, ("the same name",))
    likeness = max(_name_similarity(one, other) for one in said for other in known.names)
    score = 55 * likeness
    if likeness >= 0.5:
        why.append("the same words" if likeness == 1 else "a similar name")
    for points, penalty, words, mine, theirs in (
        (25, 30, "{} months", _first_number(each.months for each in said), known.months),
        (5, 15, "{} connections", _first_number(each.connections for each in said), product.connections),
    ):
        if mine and theirs:
            score += points if mine == theirs else -penalty
            why += [words.format(mine)] if mine == theirs else []
    if product.price and item.price == product.price:
        score, why = score + 15, [*why, "the same price"]
    trial = any(each.trial for each in said)
    if product.is_trial is not None and trial is not product.is_trial:
        score -= 30
    elif trial and product.is_trial:
        score, why = score + 10, [*why, "a trial"]
    return MappingSuggestion(item, product, max(0, min(round(score), 99)), tuple(why))


def _name_similarity(one: _NameTraits, other: _NameTraits) -> float:
    if not one.words or not other.words:
        return 0
    spelled = SequenceMatcher(None, " ".join(sorted(one.words)), " ".join(sorted(other.words))).ratio()
    return max(_word_overlap(one, other), spelled if spelled >= 0.8 else 0)


def _word_overlap(one: _NameTraits, other: _NameTraits) -> float:
    """How much of the words of both are in both."""
    both = len(one.words) + len(other.words)
    return 2 * len(one.words & other.words) / both if both else 0


def _product_traits(product: PanelrProduct) -> _ProductTraits:
    names = tuple(_name_traits(name) for name in (product.name, product.alternate_name or "") if name)
    months = product.duration_months or _first_number(name.months for name in names)
    return _ProductTraits(product, names or (_name_traits(""),), months)


def _name_traits(text: str) -> _NameTraits:
    text = text.casefold()
    rest = text
    for pattern in (_MONTHS, _YEARS, _DAYS, _CONNECTIONS):
        rest = pattern.sub(" ", rest)
    words = frozenset(_WORDS.findall(rest)) - _IN_WORDS.keys()
    connections = _CONNECTIONS.search(text)
    return _NameTraits(
        text=" ".join(_WORDS.findall(text)),
        words=words,
        months=_find_months(text),
        connections=int(connections[1]) if connections else None,
        trial=bool(words & _TRIAL),
    )


def _find_months(text: str) -> int | None:
    if found := _MONTHS.search(text):
        return int(found[1]) or None
    if found := _YEARS.search(text):
        return 12 * int(found[1]) or None
    if found := _DAYS.search(text):
        return round(int(found[1]) / 30.4) or None
    return _first_number(_IN_WORDS.get(word) for word in _WORDS.findall(text))


def _first_number(values: Iterable[int | None]) -> int | None:
    return next((value for value in values if value), None)


def _read_price(value: Any) -> Decimal | None:
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return None
    return price if price.is_finite() else None


def _only_dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
