"""Chooses the mappings of an order line among those of its variation, product and SKU. Pure.

Without conditions, the variation's are chosen, else the product's, else the SKU's. Among mappings with conditions, the
one with the most conditions is chosen. Only two that fit equally well, or none that fits, need a person.
"""

from collections.abc import Iterable, Mapping, Sequence

from panelr_bridge.domain.mapping_conditions import (
    Conditions,
    LineMeta,
    format_conditions,
    key_forms,
    read_meta,
    readable,
    texts_of,
)
from panelr_bridge.domain.models import MappingTarget, Reason
from panelr_bridge.woocommerce.order_payload import LineItem

SHOWN_ENTRIES = 8
"""How many entries of a line's meta a reason shows."""
LONGEST_SHOWN = 60
LONGEST_PAIR = 200


def choose_mappings(
    line: LineItem, keys: Sequence[str], by_key: Mapping[str, list[MappingTarget]], *, label: str
) -> list[MappingTarget] | Reason:
    """Return the mappings of a line, several for a bundle, none if it has none; or the reason why none is chosen.

    `keys` are the line's keys, the most exact one first; `label` names the line.
    """
    first: list[MappingTarget] = []
    for key in keys:
        targets = by_key.get(key)
        if targets:
            for target in targets:
                if target.conditions:
                    return _choose_by_meta(line, [by_key.get(each, []) for each in keys], label)
            first = first or targets
    return first


def name_products(line: LineItem) -> str:
    """Return what identifies the line's product, in words."""
    names = (("variation", line.variation_id), ("product", line.product_id), ("SKU", line.sku.strip()[:120]))
    return ", ".join(f"{what} {value}" for what, value in names if value)


def shown_meta(line: LineItem) -> list[tuple[str, str]]:
    """Return the entries of a line's meta that people see in the shop, as keys and values."""
    pairs = (
        (readable(key[:LONGEST_PAIR]), ", ".join(readable(text[:LONGEST_PAIR]) for text in texts_of(value)))
        for key, value in line.meta_data
        if isinstance(key, str) and not key.startswith("_") and "panelr" not in key.casefold()
    )
    return [(key, value) for key, value in pairs if key and value and "@" not in value]


def _choose_by_meta(line: LineItem, by_rank: Sequence[list[MappingTarget]], label: str) -> list[MappingTarget] | Reason:
    """Return the mappings that fit a line's meta best; `by_rank` has those of each key, the most exact key first."""
    wanted = {condition.key for targets in by_rank for target in targets for condition in target.conditions}
    meta = read_meta(line.meta_data, wanted)
    best = (-1, 0)
    chosen: list[MappingTarget] = []
    for targets in by_rank:
        for target in targets:
            if not _meets(meta, target.conditions):
                continue
            fit = _specificity(target.conditions)
            if fit > best:
                best, chosen = fit, [target]
            elif fit == best and target.key == chosen[0].key:
                chosen.append(target)
    if not chosen:
        return _no_fit(line, wanted, label)
    sets = dict.fromkeys(target.conditions for target in chosen)
    return chosen if len(sets) == 1 else _several_fit(line, sets, label)


def _meets(meta: LineMeta, conditions: Conditions) -> bool:
    for condition in conditions:  # noqa: SIM110  all() takes three times as long
        if not condition.holds(meta):
            return False
    return True


def _specificity(conditions: Conditions) -> tuple[int, int]:
    """Return how specific conditions are: by their number, then by the number of those with a value."""
    return len(conditions), sum(condition.value is not None for condition in conditions)


def _no_fit(line: LineItem, wanted: set[str], label: str) -> Reason:
    entries = sorted(
        shown_meta(line), key=lambda entry: wanted.isdisjoint(key_forms(entry[0]))
    )  # those asked for first
    shown = [f"{key[:LONGEST_SHOWN]}: {value[:LONGEST_SHOWN]}" for key, value in entries[:SHOWN_ENTRIES]]
    shown += ["..."] if len(entries) > SHOWN_ENTRIES else []
    words = f"with {', '.join(shown)}" if shown else "without the meta that its mappings ask for"
    return Reason("no_fitting_mapping", f"no mapping for {name_products(line)} {words}: add one", label)


def _several_fit(line: LineItem, sets: Iterable[Conditions], label: str) -> Reason:
    first, second, *_ = (format_conditions(conditions)[:LONGEST_PAIR] for conditions in sets)
    words = f"two mappings for {name_products(line)} fit equally well, one with {first}, one with {second}"
    return Reason("several_fitting_mappings", f"{words}: add one with the conditions of both, or delete one", label)
