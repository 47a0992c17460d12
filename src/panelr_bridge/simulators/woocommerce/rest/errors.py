"""Errors in the words of WordPress and WooCommerce."""

from typing import Any


class RestError(Exception):
    """What is answered instead: `{"code", "message", "data"}` with a status."""

    def __init__(self, code: str, message: str, status: int, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "data": {"status": status, **data}}


def invalid_parameter(name: str, words: str, code: str = "rest_invalid_type") -> RestError:
    """Make the error of a parameter that does not pass; `words` as WordPress words them."""
    details = {name: {"code": code, "message": words, "data": None}}
    message = f"Invalid parameter(s): {name}"
    return RestError("rest_invalid_param", message, 400, params={name: words}, details=details)


def missing_parameters(*names: str) -> RestError:
    """Make the error of parameters that must be there."""
    return RestError("rest_missing_callback_param", f"Missing parameter(s): {', '.join(names)}", 400, params=names)


def unknown_id(thing: str, status: int = 404) -> RestError:
    """Make the error of an id that nothing of this kind has, a "shop_order" for example."""
    return RestError(f"woocommerce_rest_{thing}_invalid_id", "Invalid ID.", status)
