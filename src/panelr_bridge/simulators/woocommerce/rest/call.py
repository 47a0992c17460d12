"""One call of wc/v3: what was sent, read as WordPress reads it, and what goes back."""

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
    """What goes back, before `_fields` makes less of it."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestCall:
    """The numbers in the path, the query, and `given`: query and body together, the body before the query."""

    path_numbers: Mapping[str, int]
    path: str
    query: QueryParams
    parameters: Mapping[str, Any]

    @property
    def number(self) -> int:
        """The first number in the path."""
        return self.path_numbers["number"]

    def integer(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """Read an integer of the query. Raises RestError."""
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
        """Read a truth value, from wherever it was given. Raises RestError."""
        value = self.parameters.get(name, False)
        if isinstance(value, bool):
            return value
        if str(value) not in TRUE | FALSE:
            raise invalid_parameter(name, f"{name} is not of type boolean.")
        return str(value) in TRUE

    def text_list(self, name: str) -> list[str]:
        """Read a list of the query: comma-separated, or repeated with brackets."""
        texts = [*self.query.getlist(name)[-1:], *self.query.getlist(f"{name}[]")]
        return [part.strip() for text in texts for part in text.split(",") if part.strip()]

    def integer_list(self, name: str) -> list[int]:
        """Read a list of integers of the query. Raises RestError."""
        texts = self.text_list(name)
        for index, text in enumerate(texts):
            if not (text.isascii() and text.isdigit()):
                raise invalid_parameter(name, f"{name}[{index}] is not of type integer.")
        return [int(text) for text in texts]

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """Read one of `choices`, the first when it is left out. Raises RestError."""
        value = self.query.get(name, choices[0])
        if value not in choices:
            raise invalid_parameter(name, f"{name} is not one of {join_choices(choices)}.", "rest_not_in_enum")
        return value


RestHandler = Callable[[SimulatedShop, RestCall], Awaitable[RestReply]]


async def read_call(request: Request) -> RestCall:
    """Read a request. Raises RestError when its body says that it is JSON and is none."""
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    given: dict[str, Any] = dict(request.query_params)
    if kind == "application/json" or kind.endswith("+json"):
        given |= _parse_json(body)
    elif kind == "application/x-www-form-urlencoded":
        given |= dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    return RestCall(request.path_params, request.url.path, request.query_params, given)


def build_page(
    shop: SimulatedShop,
    call: RestCall,
    found: Sequence[Item],
    show: Callable[[Item], dict[str, Any]],
    *,
    counts_past_end: bool = True,
) -> RestReply:
    """Give one page of `found`. Orders do not `counts_past_end`: a page behind the last says that there are none."""
    page, per_page = call.integer("page", 1, least=1), call.integer("per_page", 10, least=1, most=MAX_PER_PAGE)
    shown = found[(page - 1) * per_page : page * per_page]
    total = len(found) if shown or counts_past_end else 0
    pages = math.ceil(total / per_page)
    # The whole query is repeated, a key and its secret too.
    links = {"prev": min(page - 1, pages)} if page > 1 else {}
    links |= {"next": page + 1} if pages > page else {}
    headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
    if links:
        headers["Link"] = ", ".join(f'<{_page_url(shop, call, to)}>; rel="{rel}"' for rel, to in links.items())
    return RestReply([show(each) for each in shown], headers=headers)


def join_choices(choices: Sequence[str]) -> str:
    """List words as WordPress does: "a, b, and c"."""
    return f"{', '.join(choices[:-1])}, and {choices[-1]}"


def _page_url(shop: SimulatedShop, call: RestCall, page: int) -> str:
    kept = [(name, value) for name, value in call.query.multi_items() if name != "page"]
    return f"{shop.home_url}{call.path}?{urlencode([*kept, ('page', page)])}"


def _parse_json(body: bytes) -> dict[str, Any]:
    """Read JSON as PHP does, which takes neither NaN nor half a surrogate pair; what is no object holds nothing."""
    try:
        value = json.loads(body or b"{}")
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        details = {"json_error_code": 4, "json_error_message": "Syntax error"}
        raise RestError("rest_invalid_json", "Invalid JSON body passed.", 400, **details) from error
    return value if isinstance(value, dict) else {}
