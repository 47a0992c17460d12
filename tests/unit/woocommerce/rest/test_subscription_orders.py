"""The orders of a subscription, as far as a shop's wc/v3 tells them."""

from typing import Any

import pytest

from panelr_bridge.errors import ShopError, ShopMisconfigured, ShopNotFound, ShopRefused, ShopUnreachable
from panelr_bridge.woocommerce.rest.models import RestRequest, RestResponse
from panelr_bridge.woocommerce.rest.subscription_orders import MOST_ORDERS, SubscriptionLink, read_links

ORDERS, ITSELF = "wc/v3/subscriptions/459/orders", "wc/v3/orders/459"
FIRST = SubscriptionLink(458, "parent_order")


class Shop:
    """Answers by path: content, or an error to raise."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {ORDERS: answers["orders"], ITSELF: answers.get("itself", ShopNotFound("none"))}
        self.asked: list[str] = []

    async def read(self, request: RestRequest) -> RestResponse:
        self.asked.append(request.path)
        answer = self.answers[request.path]
        if isinstance(answer, ShopError):
            raise answer
        return RestResponse(answer, {})


def entry(number: Any, kind: Any) -> dict[str, Any]:
    return {"id": number, "order_type": kind}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([], []),
        ([entry(460, "renewal_order"), entry(458, "parent_order")], [FIRST, SubscriptionLink(460, "renewal_order")]),
        ({"0": entry(458, "parent_order"), "2": None}, [FIRST]),
        ([None, entry(458, "parent_order"), {}, entry("x", "renewal_order")], [FIRST]),
        ([entry(458, None), entry(461, ["a"])], [SubscriptionLink(458, ""), SubscriptionLink(461, "['a']")]),
    ],
)
async def test_the_route_of_the_plugin_lists_all(content: Any, expected: list[SubscriptionLink]) -> None:
    shop = Shop(orders=content)
    assert await read_links(shop.read, 459) == expected
    assert shop.asked == [ORDERS]


async def test_of_many_orders_the_first_and_the_newest_are_returned() -> None:
    many = [entry(458, "parent_order"), *(entry(460 + n, "renewal_order") for n in range(500))]
    links = await read_links(Shop(orders=many).read, 459)
    assert (len(links), links[0], links[-1].order_id) == (MOST_ORDERS + 1, FIRST, 959)


@pytest.mark.parametrize("error", [ShopNotFound("404"), ShopMisconfigured("no route"), ShopRefused("400")])
@pytest.mark.parametrize(
    ("itself", "expected"),
    [({"id": 459, "parent_id": 458}, [FIRST]), ({"id": 459, "parent_id": 0}, []), ({"id": 459}, [])],
)
async def test_without_the_route_the_subscription_itself_names_its_first_order(
    error: ShopError, itself: dict[str, Any], expected: list[SubscriptionLink]
) -> None:
    shop = Shop(orders=error, itself=itself)
    assert await read_links(shop.read, 459) == expected
    assert shop.asked == [ORDERS, ITSELF]


async def test_a_shop_that_answers_neither_raises_the_last_error() -> None:
    with pytest.raises(ShopMisconfigured, match="401"):
        await read_links(Shop(orders=ShopNotFound("404"), itself=ShopMisconfigured("401")).read, 459)


async def test_an_unreachable_shop_is_not_asked_twice() -> None:
    shop = Shop(orders=ShopUnreachable("503"))
    with pytest.raises(ShopUnreachable):
        await read_links(shop.read, 459)
    assert shop.asked == [ORDERS]
