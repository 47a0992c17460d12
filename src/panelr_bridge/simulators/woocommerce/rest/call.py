"""One call of wc/v3: the request as WordPress reads it, and the reply."""

import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request

from panelr_bridge.simulators.woocommerce.rest.errors import RestError, invalid_parameter
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop

MAX_PER_PAGE = 100
TRUE = frozenset({"true", "TRUE", "True", "1"})
FALSE = frozenset({"false", "FALSE", "False", "0", ""})
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class RestReply:
    """A reply, before `_fields` reduces it."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestCall:
    """One call. `parameters` holds the query and the body; the body takes precedence.

    `path_numbers` are the numbers in the path.
    """

    path_numbers: Mapping[str, int]
    path: str
    query: QueryParams
    parameters: Mapping[str, Any]

    @property
    def number(self) -> int:
        """Return the first number in the path."""
        return self.path_numbers["number"]

    def integer(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """Return an integer of the query. Raises RestError."""
        text = self.query.get(name, str(default))
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()):
            raise invalid_parameter(name, f"{name} is not of type integer.")
        if most is not None and not least <= int(text) <= most:
            words = f"{name} must be between {least} (inclusive) and {most} (inclusive)"
            raise invalid_parameter(name, words, "rest_out_of_bounds")
        if int(text) < least:
            raise invalid_parameter(name, f"{name} must be greater than or equal to {least}", "rest_out_of_bounds")
        return int(text)

    def flag(self, name: str) -> bool:
        """Return a boolean of the query or the body. Raises RestError."""
        value = self.parameters.get(name, False)
        if isinstance(value, bool):
            return value
        if str(value) not in TRUE | FALSE:
            raise invalid_parameter(name, f"{name} is not of type boolean.")
        return str(value) in TRUE

    def text_list(self, name: str) -> list[str]:
        """Return a list of the query: comma-separated, or repeated with brackets."""
        texts = [*self.query.getlist(name)[-1:], *self.query.getlist(f"{name}[]")]
        return [part.strip() for text in texts for part in text.split(",") if part.strip()]

    def integer_list(self, name: str) -> list[int]:
        """Return a list of integers of the query. Raises RestError."""
        texts = self.text_list(name)
        for index, text in enumerate(texts):
            if not (text.isascii() and text.isdigit()):
                raise invalid_parameter(name, f"{name}[{index}] is not of type integer.")
        return [int(text) for text in texts]

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """Return one of `choices`; the first is the default. Raises RestError."""
        value = self.query.get(name, choices[0])
        if value not in choices:
            raise invalid_parameter(name, f"{name} is not one of {join_choices(choices)}.", "rest_not_in_enum")
        return value


RestHandler = Callable[[SimulatedShop, RestCall], Awaitable[RestReply]]


async def read_call(request: Request) -> RestCall:
    """Read a request. Raises RestError if a JSON body cannot be parsed."""
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    parameters: dict[str, Any] = dict(request.query_params)
    if kind == "application/json" or kind.endswith("+json"):
        parameters |= _parse_json(body)
    elif kind == "application/x-www-form-urlencoded":
        parameters |= dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    return RestCall(request.path_params, request.url.path, request.query_params, parameters)


def build_page(
    shop: SimulatedShop,
    call: RestCall,
    items: Sequence[Item],
    show: Callable[[Item], dict[str, Any]],
    *,
    counts_past_end: bool = True,
) -> RestReply:
    """Return one page of `found`. Without `counts_past_end` (orders), a page after the last has a total of 0."""
    page, per_page = call.integer("page", 1, least=1), call.integer("per_page", 10, least=1, most=MAX_PER_PAGE)
    start = call.integer("offset", (page - 1) * per_page, least=0)
    page_items = items[start : start + per_page]
    total = len(items) if page_items or counts_past_end else 0
    pages = math.ceil(total / per_page)
    # The links repeat the whole query, including a key and its secret.
    links = {"prev": min(page - 1, pages)} if page > 1 else {}
    links |= {"next": page + 1} if pages > page else {}
    headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
    if links:
        headers["Link"] = ", ".join(f'<{_page_url(shop, call, to)}>; rel="{rel}"' for rel, to in links.items())
    return RestReply([show(each) for each in page_items], headers=headers)


def join_choices(choices: Sequence[str]) -> str:
    """Join words as WordPress does: "a, b, and c"."""
    return f"{', '.join(choices[:-1])}, and {choices[-1]}"


def _page_url(shop: SimulatedShop, call: RestCall, page: int) -> str:
    parameters = [(name, value) for name, value in call.query.multi_items() if name != "page"]
    return f"{shop.home_url}{call.path}?{urlencode([*parameters, ('page', page)])}"


def _parse_json(body: bytes) -> dict[str, Any]:
    """Parse JSON as PHP does, which rejects NaN and lone surrogates. Another value than an object becomes {}."""
    try:
        value = json.loads(body or b"{}")
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        details = {"json_error_code": 4, "json_error_message": "Syntax error"}
        raise RestError("rest_invalid_json", "Invalid JSON body passed.", 400, **details) from error
    return value if isinstance(value, dict) else {}
