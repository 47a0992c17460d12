"""Answers that succeed but hold wrong values."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from panelr_bridge.simulators.panelr.envelope import dump_json, parse_json
from panelr_bridge.simulators.transport import HttpResponse

_HOLES: tuple[object, ...] = (None, "", 7, [], {})


def set_total_to_text(response: HttpResponse) -> HttpResponse:
    """Return the answer with order_total as words."""
    return _change_total(response, lambda total: f"about {total}")


def negate_total(response: HttpResponse) -> HttpResponse:
    """Return the answer with a negative order_total."""
    return _change_total(response, lambda total: -total - 1)


def set_total_to_list(response: HttpResponse) -> HttpResponse:
    """Return the answer with order_total as a list."""
    return _change_total(response, lambda total: [total])


def remove_total(response: HttpResponse) -> HttpResponse:
    """Return the answer without order_total."""
    return _change_objects(response, lambda each: {name: each[name] for name in each if name != "order_total"})


def insert_holes(response: HttpResponse) -> HttpResponse:
    """Return the answer with entries in its lists that are no objects, between the real ones."""
    return _change_data(response, _insert_holes)


def _insert_holes(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _insert_holes(each) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    return [entry for each in value for entry in (*_HOLES, _insert_holes(each))]


def _change_total(response: HttpResponse, change: Callable[[Any], object]) -> HttpResponse:
    def alter(each: dict[str, Any]) -> dict[str, Any]:
        return each | {"order_total": change(each["order_total"])} if "order_total" in each else each

    return _change_objects(response, alter)


def _change_objects(response: HttpResponse, change: Callable[[dict[str, Any]], dict[str, Any]]) -> HttpResponse:
    """Return the answer with its object, or each object of its list, changed."""

    def alter(data: Any) -> Any:
        if isinstance(data, list):
            return [change(each) for each in data]
        return change(data) if isinstance(data, dict) else data

    return _change_data(response, alter)


def _change_data(response: HttpResponse, change: Callable[[Any], Any]) -> HttpResponse:
    envelope = parse_json(response.body)
    return replace(response, body=dump_json(envelope | {"data": change(envelope["data"])}))
