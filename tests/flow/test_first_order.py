"""The shop's API names the first order of a subscription; a shop that cannot does not hold its renewals up."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, update

from panelr_bridge.application.follow_ups import shop_pauses
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.woocommerce import subscriptions
from panelr_bridge.simulators.woocommerce.models import Order, Plugin, Subscription
from panelr_bridge.store.tables import follow_ups
from tests.support.bridge_kit import SECRET
from tests.support.fast_path_runs import APIS
from tests.support.payments import attention_codes
from tests.support.subscription_life import EMAIL, Life, open_life

ROUTES = ("subscription_orders.list", "orders.get")
ASKED = "find_first_order"


@pytest.fixture(params=APIS)
async def life(request: pytest.FixtureRequest, settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Life]:
    """A shop without webhooks of subscriptions, with each kind of API."""
    async with open_life(settings, panelr[1], topics=(), api=request.param) as life:
        yield life


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a shop that fails be asked again soon."""
    monkeypatch.setattr(shop_pauses, "PAUSE", timedelta(seconds=0.05))


@pytest.fixture
def dialect(request: pytest.FixtureRequest) -> str:
    """Use SQLite unless the test names a database: the shop does not depend on it."""
    return str(getattr(request, "param", "sqlite"))


async def begin(life: Life, **more: Any) -> tuple[Subscription, int]:
    """Return a subscription and the line that its first order brought. The customer has a second line."""
    begun = await life.begin(**more)
    await life.settled(begun.order.parent_id)
    line = await life.set_up(begun.order.parent_id)
    life.panel.add_line(EMAIL)
    return begun, line


def attempts(story: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the outcomes and the words of the questions to the shop."""
    return [(each["outcome"], each["words"]) for each in story["attempt_log"] if each["action"] == ASKED]


async def asked_for_an_hour(life: Life, order: Order) -> None:
    """Let the question to the shop be an hour old."""
    story = await life.both.kit.order(order.id)

    def change(connection: Connection, now: datetime) -> None:
        of_order = (follow_ups.c.order_id == story["id"]) & (follow_ups.c.kind == "relation")
        long_ago = now - timedelta(hours=1)
        connection.execute(update(follow_ups).where(of_order).values(owed_since=long_ago))

    await life.both.kit.runtime.bridge.write(change)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"], indirect=True)
async def test_the_shop_names_the_first_order(life: Life) -> None:
    begun, line = await begin(life)
    renewal = subscriptions.renew(life.shop, begun.id)
    story = await life.settled(renewal)
    assert life.items(renewal) == [(1, "renewal", line)]
    words = f"the first order of subscription {begun.id} is {begun.order.parent_id}"
    assert attempts(story) == [("done", words)]
    second = subscriptions.renew(life.shop, begun.id)
    assert attempts(await life.settled(second)) == []  # the subscription is known by now
    assert life.items(second) == [(1, "renewal", line)]


async def test_with_the_core_library_the_subscription_names_its_first_order(life: Life) -> None:
    life.shop.switches.subscriptions = False
    begun, line = await begin(life, plugin=Plugin.CORE)
    renewal = subscriptions.renew(life.shop, begun.id)
    story = await life.settled(renewal)
    assert life.items(renewal) == [(1, "renewal", line)]
    assert [outcome for outcome, _ in attempts(story)] == ["done"]


@pytest.mark.parametrize(
    "fault", [{"status": 401}, {"status": 403}, {"status": 404}, {"status": 404, "body": "html"}, {"status": 400}]
)
async def test_a_shop_that_may_not_or_cannot_answer_is_asked_once(life: Life, fault: dict[str, Any]) -> None:
    line = life.panel.add_line(EMAIL).id
    begun = await life.begin()
    for action in ROUTES:
        life.shop.faults.add("status", action=action, times=None, **({"body": "json"} | fault))
    renewal = subscriptions.renew(life.shop, begun.id)
    story = await life.settled(renewal)
    assert life.items(renewal) == [(1, "renewal", line)]
    ((outcome, words),) = attempts(story)
    assert outcome in {"refused", "misconfigured"}
    assert words.startswith(f"the shop does not name the first order of subscription {begun.id}: ")
    assert attention_codes(story) == ()


async def test_a_shop_whose_api_fails_holds_a_renewal_for_an_hour_at_most(life: Life) -> None:
    line = life.panel.add_line(EMAIL).id
    begun = await life.begin()
    for action in ROUTES:
        life.shop.faults.add("status", action=action, times=None, status=503)
    renewal = subscriptions.renew(life.shop, begun.id)
    await life.delivered()
    story = await life.both.kit.until(renewal.id, lambda story: len(attempts(story)) >= 3)
    assert (story["state"], [each["code"] for each in story["reasons"]]) == ("held", ["first_order_unknown"])
    await asked_for_an_hour(life, renewal)
    story = await life.settled(renewal)
    assert life.items(renewal) == [(1, "renewal", line)]
    assert {outcome for outcome, _ in attempts(story)} == {"unknown"}


async def test_while_a_shop_fails_its_other_renewals_ask_it_no_more(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop_pauses, "PAUSE", timedelta(hours=2))
    line = life.panel.add_line(EMAIL).id
    first, second = await life.begin(), await life.begin()
    for action in ROUTES:
        life.shop.faults.add("status", action=action, times=None, status=503)
    renewals = [subscriptions.renew(life.shop, first.id)]
    await life.delivered()
    await life.both.kit.until(renewals[0].id, lambda story: bool(attempts(story)))
    asked = len(life.shop.requests)
    renewals.append(subscriptions.renew(life.shop, second.id))
    await life.settled(renewals[1], "held")
    for renewal in renewals:
        await asked_for_an_hour(life, renewal)
    await life.settled(renewals[0])
    assert life.items(renewals[0]) == [(1, "renewal", line)]  # and so the line is not the other subscription's
    story = await life.both.kit.until(renewals[1].id, lambda story: bool(attempts(story)))
    ((outcome, words),) = attempts(story)
    assert (outcome, "fails at other orders" in words) == ("not_sent", True)
    routes = [each.action for each in list(life.shop.requests)[asked:]]
    assert not {*routes} & {*ROUTES}


async def test_a_shop_whose_api_works_again_names_the_first_order(life: Life) -> None:
    begun, line = await begin(life)
    for action in ROUTES:
        life.shop.faults.add("status", action=action, times=4, status=503)
    renewal = subscriptions.renew(life.shop, begun.id)
    story = await life.settled(renewal)
    assert life.items(renewal) == [(1, "renewal", line)]
    outcomes = [outcome for outcome, _ in attempts(story)]
    assert (outcomes[0], outcomes[-1]) == ("unknown", "done")


async def test_a_first_order_that_the_bridge_does_not_know_leaves_the_customers_one_line(life: Life) -> None:
    begun = await life.begin()
    line = life.panel.add_line(EMAIL).id
    life.shop.subscriptions[begun.id].orders = [(7, "parent_order")]
    life.shop.orders[7] = replace(life.shop.orders[begun.order.parent_id], id=7)
    renewal = subscriptions.renew(life.shop, begun.id)
    await life.settled(renewal)
    assert life.items(renewal) == [(1, "renewal", line)]
    assert len(life.panel.work_orders) == 2


async def test_a_delivery_about_the_subscription_ends_the_question(life: Life) -> None:
    begun, line = await begin(life)
    for action in ROUTES:
        life.shop.faults.add("status", action=action, times=None, status=503)
    renewal = subscriptions.renew(life.shop, begun.id)
    await life.delivered()
    await life.both.kit.until(renewal.id, lambda story: bool(attempts(story)))
    url = next(iter(life.shop.webhooks.registered.values())).delivery_url
    life.shop.webhooks.register(topic="subscription.updated", delivery_url=url, secret=SECRET)
    subscriptions.set_subscription_status(life.shop, begun.id, "on-hold")
    await life.settled(renewal)
    assert life.items(renewal) == [(1, "renewal", line)]


async def test_an_orders_resource_whose_key_does_not_open_wc_v3_names_none(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    async with open_life(settings, panelr[1], topics=(), api="myplugin/v1/woo") as life:
        life.shop.switches.local_environment = False
        line = life.panel.add_line(EMAIL).id
        begun = await life.begin()
        renewal = subscriptions.renew(life.shop, begun.id)
        story = await life.settled(renewal)
        assert life.items(renewal) == [(1, "renewal", line)]
        assert [outcome for outcome, _ in attempts(story)] == ["misconfigured"]
