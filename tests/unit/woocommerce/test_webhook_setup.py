"""What `connect` must change in a shop's webhooks, by tables."""

from typing import Any

import pytest

from panelr_bridge.woocommerce import webhook_setup
from panelr_bridge.woocommerce.webhook_setup import NAMES, CreateWebhook, DeliveryEndpoint, UpdateWebhook, WebhookFault

URL = "https://b.example.com/webhooks/woocommerce"
DOOR = DeliveryEndpoint("/webhooks/woocommerce", URL)
CREATED = "order.created"
OTHERS = [topic for topic in NAMES if topic != CREATED]


def hook(number: int, **changes: Any) -> dict[str, Any]:
    """Return a webhook as the shop lists it, a good one of order.created by default."""
    good = {"id": number, "name": NAMES[CREATED], "topic": CREATED, "delivery_url": URL, "status": "active"}
    return good | changes


def found(*hooks: dict[str, Any], door: DeliveryEndpoint = DOOR) -> list[tuple[WebhookFault | None, int | None]]:
    """Return the status of order.created."""
    every = webhook_setup.check_topics(webhook_setup.read_webhooks(hooks), door)
    return [(each.fault, None if each.hook is None else each.hook.id) for each in every if each.topic == CREATED]


ELSEWHERE = {"delivery_url": "https://old.example.com/webhooks/woocommerce"}


@pytest.mark.parametrize(
    ("hooks", "expected"),
    [
        ([], [(WebhookFault.MISSING, None)]),
        ([hook(1)], [(None, 1)]),
        ([hook(1, name="mine", delivery_url=f"{URL}/")], [(None, 1)]),
        ([hook(1, status="paused")], [(WebhookFault.STOPPED, 1)]),
        ([hook(1, status="disabled")], [(WebhookFault.STOPPED, 1)]),
        ([hook(1, **ELSEWHERE)], [(WebhookFault.ELSEWHERE, 1)]),
        ([hook(1, name="theirs", **ELSEWHERE)], [(WebhookFault.MISSING, None)]),
        ([hook(1, topic="order.updated")], [(WebhookFault.MISSING, None)]),
        ([hook(1, topic="coupon.created")], [(WebhookFault.MISSING, None)]),
        ([hook(3), hook(2)], [(None, 2), (WebhookFault.DUPLICATE, 3)]),
        ([hook(1, status="disabled"), hook(2)], [(None, 2)]),
        ([hook(1, status="disabled"), hook(2, status="paused")], [(WebhookFault.STOPPED, 1)]),
        ([hook(1, **ELSEWHERE), hook(2)], [(None, 2), (WebhookFault.DUPLICATE, 1)]),
        ([hook(1, **ELSEWHERE), hook(2, status="disabled")], [(WebhookFault.STOPPED, 2), (WebhookFault.DUPLICATE, 1)]),
        ([hook(1, status="paused", **ELSEWHERE), hook(2, **ELSEWHERE)], [(WebhookFault.ELSEWHERE, 2)]),
        ([{"topic": CREATED}, hook(5)], [(None, 5)]),
    ],
)
def test_what_there_is_for_a_topic(
    hooks: list[dict[str, Any]], expected: list[tuple[WebhookFault | None, int | None]]
) -> None:
    assert found(*hooks) == expected


def test_without_an_address_the_path_shows_whose_a_webhook_is() -> None:
    door = DeliveryEndpoint("/webhooks/woocommerce")
    assert found(hook(1, name="mine", delivery_url="https://any.example.com/webhooks/woocommerce"), door=door) == [
        (None, 1)
    ]
    assert found(hook(1, delivery_url="https://any.example.com/other"), door=door) == [(WebhookFault.ELSEWHERE, 1)]
    assert found(hook(1, delivery_url=f"{URL}/second"), door=door) == [(WebhookFault.ELSEWHERE, 1)]


def called_for(*hooks: dict[str, Any], repair: bool = False, new_secret: bool = False) -> list[Any]:
    """Return the step for order.created: the new webhook, or the number, changes, secret, revival."""
    every = webhook_setup.check_topics(webhook_setup.read_webhooks(hooks), DOOR)
    wanted = [each for each in every if each.topic == CREATED]
    steps = webhook_setup.plan_changes(wanted, DOOR, repair=repair, new_secret=new_secret)
    return [
        each.topic
        if isinstance(each, CreateWebhook)
        else (each.hook.id, dict(each.changes), each.with_secret, each.revives)
        for each in steps
    ]


ACTIVATE = {"status": "active"}
MOVE = {"status": "active", "delivery_url": URL}


@pytest.mark.parametrize(
    ("hooks", "plain", "repaired"),
    [
        ([], [CREATED], [CREATED]),
        ([hook(1)], [], [(1, {}, True, False)]),
        ([hook(1, status="disabled")], [], [(1, ACTIVATE, True, True)]),
        ([hook(1, **ELSEWHERE)], [], [(1, MOVE, True, False)]),
        ([hook(1, status="disabled", **ELSEWHERE)], [], [(1, MOVE, True, True)]),
        ([hook(1), hook(2)], [], [(1, {}, True, False), (2, {"status": "paused"}, False, False)]),
    ],
)
def test_what_is_done_about_it(hooks: list[dict[str, Any]], plain: list[Any], repaired: list[Any]) -> None:
    assert called_for(*hooks) == plain
    assert called_for(*hooks, repair=True) == repaired


def test_a_new_secret_is_set_in_what_works_and_nothing_else_is_touched() -> None:
    assert called_for(hook(1), new_secret=True) == [(1, {}, True, False)]
    assert called_for(hook(1, status="paused"), new_secret=True) == []
    assert called_for(hook(1), hook(2), new_secret=True) == [(1, {}, True, False)]


def test_the_words_name_the_webhook_and_what_is_wrong_with_it() -> None:
    hooks = [
        hook(1, status="disabled"),
        hook(2, topic="order.updated", name=NAMES["order.updated"], delivery_url="https://u:secret@old.example.com/x"),
        hook(3, topic="order.deleted"),
        hook(4, topic="order.deleted"),
    ]
    ok, words = webhook_setup.summary(webhook_setup.check_topics(webhook_setup.read_webhooks(hooks), DOOR), DOOR)
    assert not ok
    for part in (
        'order.created: webhook 1 "Panelr: created" is disabled: by an administrator, or by WooCommerce',
        "order.updated: webhook 2",
        "sends to https://old.example.com/x",
        "order.deleted: webhook 4",
        "order.restored: there is no webhook to the bridge",
        "To repair this: panelr-bridge connect --repair",
    ):
        assert part in words
    assert "secret" not in words


def test_what_is_only_missing_needs_no_repair() -> None:
    there = [hook(number, topic=topic) for number, topic in enumerate(OTHERS)]
    ok, words = webhook_setup.summary(webhook_setup.check_topics(webhook_setup.read_webhooks(there), DOOR), DOOR)
    missing = "order.created: there is no webhook to the bridge"
    assert (ok, words) == (False, f"{missing}. To repair this: panelr-bridge connect")


def test_the_hint_names_the_store() -> None:
    endpoint = DeliveryEndpoint("/webhooks/woocommerce/second", store_option=" --store second")
    _, words = webhook_setup.summary(webhook_setup.check_topics((), endpoint), endpoint)
    assert words.endswith("To repair this: panelr-bridge connect --store second")


def test_all_is_well_where_every_topic_has_its_webhook() -> None:
    hooks = [hook(number, topic=topic) for number, topic in enumerate(NAMES)]
    ok, words = webhook_setup.summary(webhook_setup.check_topics(webhook_setup.read_webhooks(hooks), DOOR), DOOR)
    assert (ok, words) == (True, f"4 webhooks are active: {', '.join(NAMES)}")


def test_what_to_click_names_everything_but_the_secret() -> None:
    said = "\n".join(webhook_setup.manual_steps(OTHERS, endpoint=DOOR, secret_setting="BRIDGE_WEBHOOK_SECRET"))
    assert "3 times" in said
    assert URL in said
    assert "the value of BRIDGE_WEBHOOK_SECRET in .env" in said
    assert 'Name: "Panelr: updated", Topic: Order updated' in said
    assert "Order created" not in said


def test_every_step_says_what_it_does() -> None:
    hooks = [hook(1, status="paused"), hook(2, topic="order.updated"), hook(3, topic="order.updated")]
    every = webhook_setup.check_topics(webhook_setup.read_webhooks(hooks), DOOR)
    steps = webhook_setup.plan_changes(every, DOOR, repair=True, new_secret=False)
    assert [step.words for step in steps] == [
        "activate webhook 1 (order.created), with the bridge's address and secret",
        "set the secret of webhook 2 (order.updated)",
        "pause webhook 3 (order.updated): it is a duplicate",
        'create the webhook "Panelr: deleted" (order.deleted)',
        'create the webhook "Panelr: restored" (order.restored)',
        'create the webhook "Panelr: subscription created" (subscription.created), if the shop has the topic',
        'create the webhook "Panelr: subscription updated" (subscription.updated), if the shop has the topic',
    ]
    assert all(isinstance(step, UpdateWebhook) for step in steps[:3])
