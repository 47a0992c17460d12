"""One request to a control, with clear errors for mistyped fields."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.requests import Request

from panelr_bridge.simulators.woocommerce.shop import SimulatedShop
from panelr_bridge.simulators.woocommerce.shop_data import ShopError


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """The number in the path (0 without one), the query and the JSON body."""

    number: int
    query: dict[str, str]
    body: dict[str, Any]

    def text(self, name: str, default: str = "") -> str:
        """Return a text field. Raises ShopError."""
        value = self.body.get(name, default)
        if not isinstance(value, str):
            raise ShopError(f"{name} must be a text")
        return value

    def integer(self, name: str, default: int) -> int:
        """Return an integer field. Raises ShopError."""
        value = self.body.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ShopError(f"{name} must be an integer")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean field. Raises ShopError."""
        value = self.body.get(name, default)
        if not isinstance(value, bool):
            raise ShopError(f"{name} must be true or false")
        return value

    def amount(self, name: str) -> Decimal | None:
        """Return an amount given as a number or a text; None if it is missing. Raises ShopError."""
        if self.body.get(name) is None:
            return None
        try:
            amount = Decimal(str(self.body[name]))
        except InvalidOperation as error:
            raise ShopError(f"{name} must be an amount") from error
        if not amount.is_finite():
            raise ShopError(f"{name} must be finite")
        return amount

    def check_fields(self, *names: str) -> None:
        """Check that the body has no field outside `names`, so that a mistyped name is an error. Raises ShopError."""
        unknown = sorted(self.body.keys() - set(names))
        if unknown:
            raise ShopError(f"unknown: {', '.join(unknown)}; known: {', '.join(names)}")

    def object(self, name: str) -> "ControlRequest | None":
        """Return the object in field `name` as a request of its own; None if it is missing. Raises ShopError."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, dict):
            raise ShopError(f"{name} must be an object")
        return None if value is None else ControlRequest(0, {}, value)


@dataclass(frozen=True, slots=True)
class ControlAction:
    """One control: `example` is a body for curl, `description` explains the control."""

    method: str
    path: str
    example: str
    description: str
    run: Callable[[SimulatedShop, ControlRequest], Awaitable[Any]]


async def read_request(request: Request) -> ControlRequest:
    """Read a request. Raises ValueError if the body is not JSON, ShopError if it is not an object."""
    content = await request.body()
    body = await request.json() if content.strip() else {}
    if not isinstance(body, dict):
        raise ShopError("the body must be an object")
    return ControlRequest(request.path_params.get("number", 0), dict(request.query_params), body)
