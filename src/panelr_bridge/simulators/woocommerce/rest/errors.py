"""Errors in the form and the words of WordPress and WooCommerce."""

from typing import Any


class RestError(Exception):
    """An error response: a status with `{"code", "message", "data"}`."""

    def __init__(self, code: str, message: str, status: int, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "data": {"status": status, **data}}


def invalid_parameter(name: str, words: str, code: str = "rest_invalid_type") -> RestError:
    """Return the error for an invalid parameter; `words` is WordPress's text."""
    details = {name: {"code": code, "message": words, "data": None}}
    message = f"Invalid parameter(s): {name}"
    return RestError("rest_invalid_param", message, 400, params={name: words}, details=details)


def missing_parameters(*names: str) -> RestError:
    """Return the error for missing required parameters."""
    return RestError("rest_missing_callback_param", f"Missing parameter(s): {', '.join(names)}", 400, params=names)


def unknown_id(thing: str, status: int = 404) -> RestError:
    """Return the error for an unknown id of a kind of object, such as "shop_order"."""
    return RestError(f"woocommerce_rest_{thing}_invalid_id", "Invalid ID.", status)
