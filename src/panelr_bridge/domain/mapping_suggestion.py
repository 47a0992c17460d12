"""Suggests the likely Panelr product of a shop product, by comparing names, durations and prices. No I/O.

A suggestion is for the operator to confirm; the bridge never maps by it.
"""

import heapq
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from difflib import SequenceMatcher
from typing import Any

from panelr_bridge.domain.mapping_conditions import Conditions, format_conditions
from panelr_bridge.domain.models import ItemIntent, product_key, sku_key, variation_key
from panelr_bridge.domain.panelr_values import PanelrProduct

MIN_SCORE = 45
"""Suggestions with a lower score, of 100, are dropped."""
MAX_COMPARED = 10
"""Products compared in full, those with the best quick score."""

_MONTHS = re.compile(
    r"(\d{1,3})[\s_-]*(?:months?|mths?|mon|mo|m|monate?n?|mois|mes|meses|mesi|maand(?:en)?)(?![^\W\d_])"
)
_YEARS = re.compile(r"(\d{1,2})[\s_-]*(?:years?|yrs?|y|jahre?|ans?|años?|anni?|jaar)(?![^\W\d_])")
_DAYS = re.compile(r"(\d{2,3})[\s_-]*(?:days?|tage?|jours?|d[ií]as?|d)(?![^\W\d_])")
_CONNECTIONS = re.compile(r"(\d{1,3})[\s_-]*(?:connections?|conn?s?|screens?|devices?|streams?|users?)(?![^\W\d_])")
_WORDS = re.compile(r"[^\W_]+")
_MONTHS_BY_WORD = {"monthly": 1, "quarterly": 3, "yearly": 12, "annual": 12, "annually": 12}
_TRIAL = frozenset({"trial", "test", "demo", "probe"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopItem:
    """A product of the shop, or one of its variations; a variation's name starts with its product's."""

    product_id: int
    variation_id: int | None
    name: str
    sku: str
    price: Decimal | None
    conditions: Conditions = ()
    choice: str = ""
    """What the conditions say, in the words of product names."""

    @property
    def keys(self) -> set[str]:
        """The keys that would map an order line with this item."""
        keys = {product_key(self.product_id)}
        if self.variation_id:
            keys.add(variation_key(self.variation_id))
        if self.sku:
            keys.add(sku_key(self.sku))
        return keys


@dataclass(frozen=True, slots=True)
class MappingSuggestion:
    """The likeliest product; a score of 100 means equal names."""

    item: ShopItem
    product: PanelrProduct
    score: int
    why: tuple[str, ...]

    def as_row(self, store: str) -> dict[str, Any]:
        """Return the suggested mapping, with the columns of an import."""
        return {
            "store": store,
            "woo_product_id": self.item.product_id,
            "woo_variation_id": self.item.variation_id,
            "sku": self.item.sku or None,
            "panelr_product_id": self.product.id,
            "intent": ItemIntent.NEW_ACTIVATION.value,
            "quantity": 1,
            "conditions": format_conditions(self.item.conditions),
        }


@dataclass(frozen=True, slots=True)
class _NameTraits:
    """The facts in a product's name; `words` excludes durations and connections."""

    text: str
    words: frozenset[str]
    months: int | None
    connections: int | None
    trial: bool


@dataclass(frozen=True, slots=True)
class _ProductTraits:
    """A Panelr product with the facts in its names."""

    product: PanelrProduct
    names: tuple[_NameTraits, ...]
    months: int | None
    connections: int | None


def read_item(product: Mapping[str, Any], variation: Mapping[str, Any] | None = None) -> ShopItem | None:
    """Return the item in wc/v3's JSON of a product, or of one of its variations; None if it has no id."""
    source = variation or product
    numbers = [each.get("id") for each in (product, source)]
    if not all(isinstance(number, int) and number > 0 for number in numbers):
        return None
    options = [each.get("option") for each in _only_dicts(source.get("attributes"))] if variation else []
    parts = [product.get("name"), *options]
    return ShopItem(
        product_id=product["id"],
        variation_id=source["id"] if variation else None,
        name=" ".join(part.strip() for part in parts if isinstance(part, str)),
        sku=sku.strip() if isinstance(sku := source.get("sku"), str) else "",
        price=_read_price(source.get("price")),
    )


def suggest(items: Iterable[ShopItem], products: Sequence[PanelrProduct]) -> list[MappingSuggestion]:
    """Return the likeliest product of each item, best first; items without a likely product are left out."""
    candidates = [_product_traits(product) for product in products]
    suggestions = (_best_suggestion(item, candidates) for item in items)
    return sorted((each for each in suggestions if each is not None), key=lambda each: -each.score)


def _best_suggestion(item: ShopItem, candidates: Sequence[_ProductTraits]) -> MappingSuggestion | None:
    traits = (_name_traits(f"{item.choice} {item.name}".strip()), _name_traits(item.sku))
    if item.conditions:
        candidates = [each for each in candidates if _agrees(traits[0], each)]
    near = heapq.nlargest(MAX_COMPARED, candidates, key=lambda each: _quick_score(traits, each))
    suggestions = [_compare(item, traits, each) for each in near]
    best = max(suggestions, key=lambda each: (each.score, -each.product.id), default=None)
    return best if best is not None and best.score >= MIN_SCORE else None


def _quick_score(traits: Sequence[_NameTraits], candidate: _ProductTraits) -> float:
    months = next((each.months for each in traits if each.months), None)
    same_length = months is not None and months == candidate.months
    return max(_word_overlap(one, other) for one in traits for other in candidate.names) + same_length * 0.5


def _compare(item: ShopItem, traits: Sequence[_NameTraits], candidate: _ProductTraits) -> MappingSuggestion:
    product, why = candidate.product, []
    if any(one.text and one.text == other.text for one in traits for other in candidate.names):
        return MappingSuggestion(item, product, 100, ("the same name",))
    similarity = max(_name_similarity(one, other) for one in traits for other in candidate.names)
    score = 55 * similarity
    if similarity >= 0.5:
        why.append("the same words" if similarity == 1 else "a similar name")
    for points, penalty, words, mine, theirs in (
        (25, 30, "{} months", _first_number(each.months for each in traits), candidate.months),
        (5, 15, "{} connections", _first_number(each.connections for each in traits), candidate.connections),
    ):
        if mine and theirs:
            score += points if mine == theirs else -penalty
            why += [words.format(mine)] if mine == theirs else []
    if product.price and item.price == product.price:
        score, why = score + 15, [*why, "the same price"]
    trial = any(each.trial for each in traits)
    if product.is_trial is not None and trial is not product.is_trial:
        score -= 30
    elif trial and product.is_trial:
        score, why = score + 10, [*why, "a trial"]
    return MappingSuggestion(item, product, max(0, min(round(score), 99)), tuple(why))


def _agrees(choice: _NameTraits, candidate: _ProductTraits) -> bool:
    """Return whether nothing that is known of a product contradicts the customer's choice."""
    pairs = ((choice.months, candidate.months), (choice.connections, candidate.connections))
    return all(not mine or not theirs or mine == theirs for mine, theirs in pairs)


def _name_similarity(one: _NameTraits, other: _NameTraits) -> float:
    if not one.words or not other.words:
        return 0
    spelled = SequenceMatcher(None, " ".join(sorted(one.words)), " ".join(sorted(other.words))).ratio()
    return max(_word_overlap(one, other), spelled if spelled >= 0.8 else 0)


def _word_overlap(one: _NameTraits, other: _NameTraits) -> float:
    """Return the share of common words, from 0 to 1."""
    total = len(one.words) + len(other.words)
    return 2 * len(one.words & other.words) / total if total else 0


def _product_traits(product: PanelrProduct) -> _ProductTraits:
    names = tuple(_name_traits(name) for name in (product.name, product.alternate_name or "") if name)
    months = product.duration_months or _first_number(name.months for name in names)
    connections = product.connections or _first_number(name.connections for name in names)
    return _ProductTraits(product, names or (_name_traits(""),), months, connections)


def names_plan(text: str) -> bool:
    """Return whether a text names a duration or a number of connections."""
    traits = _name_traits(text)
    return bool(traits.months or traits.connections)


def _name_traits(text: str) -> _NameTraits:
    text = text.casefold()
    rest = text
    for pattern in (_MONTHS, _YEARS, _DAYS, _CONNECTIONS):
        rest = pattern.sub(" ", rest)
    words = frozenset(_WORDS.findall(rest)) - _MONTHS_BY_WORD.keys()
    connections = _CONNECTIONS.search(text)
    return _NameTraits(
        text=" ".join(_WORDS.findall(text)),
        words=words,
        months=_find_months(text),
        connections=int(connections[1]) if connections else None,
        trial=bool(words & _TRIAL),
    )


def _find_months(text: str) -> int | None:
    if match := _MONTHS.search(text):
        return int(match[1]) or None
    if match := _YEARS.search(text):
        return 12 * int(match[1]) or None
    if match := _DAYS.search(text):
        return round(int(match[1]) / 30.4) or None
    return _first_number(_MONTHS_BY_WORD.get(word) for word in _WORDS.findall(text))


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
