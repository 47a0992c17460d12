"""What a shop's webhooks must be for the bridge to hear of its orders, and what is to be done where they are not.

A pure function of what the shop tells of its webhooks. Source: reference/woocommerce-webhooks.md, sections 1, 5 and 8.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from panelr_bridge.woocommerce.delivery_url import ends_in_path, same_url, without_credentials

NAMES: Mapping[str, str] = {
    "order.created": "Panelr: created",
    "order.updated": "Panelr: updated",
    "order.deleted": "Panelr: deleted",
    "order.restored": "Panelr: restored",
}
"""What the bridge listens to, and what such a webhook is called."""
ACTIVE = "active"
PAUSED = "paused"


class WebhookFault(StrEnum):
    """What is wrong with the webhook of a topic."""

    MISSING = "missing"
    STOPPED = "stopped"
    ELSEWHERE = "elsewhere"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook as the shop tells it. Neither its secret nor its failures are told."""

    id: int
    name: str
    topic: str
    url: str
    status: str


@dataclass(frozen=True, slots=True)
class DeliveryEndpoint:
    """Where a store's deliveries belong: the path of its door, and the whole address where that is known."""

    path: str
    url: str | None = None

    def takes(self, address: str) -> bool:
        """Return whether a delivery to `address` comes to this door, as far as that can be told."""
        return ends_in_path(address, self.path) if self.url is None else same_url(address, self.url)


@dataclass(frozen=True, slots=True)
class TopicStatus:
    """What there is for a topic: a webhook that serves it (no fault), or what is wrong and with which."""

    topic: str
    fault: WebhookFault | None
    hook: Webhook | None = None

    @property
    def words(self) -> str:
        """Say it."""
        name, hook = NAMES[self.topic], self.hook
        if hook is None:
            return f"{self.topic}: there is no webhook to the bridge"
        told = f'webhook {hook.id} "{hook.name or name}"'
        if self.fault is None:
            return f"{self.topic}: {told} is active"
        if self.fault is WebhookFault.STOPPED:
            return f"{self.topic}: {told} is {hook.status}: {_STOPPED.get(hook.status, 'it sends nothing')}"
        if self.fault is WebhookFault.ELSEWHERE:
            return f"{self.topic}: {told} sends to {without_credentials(hook.url)}"
        return f"{self.topic}: {told} is one too many: it sends to {without_credentials(hook.url)} as well"


_STOPPED = {
    "disabled": "by a person, or by WooCommerce at its 7th failure in a row",
    PAUSED: "somebody has paused it",
}


@dataclass(frozen=True, slots=True)
class CreateWebhook:
    """Make the webhook of a topic."""

    topic: str

    @property
    def words(self) -> str:
        """Say it."""
        return f'make the webhook "{NAMES[self.topic]}" ({self.topic})'


@dataclass(frozen=True, slots=True)
class UpdateWebhook:
    """Change a webhook; with its secret, where that is to be set as well."""

    hook: Webhook
    words: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    with_secret: bool = False
    revives: bool = False
    """Whether it sends again by this: its count of failures stays, so that one more disables it at once."""


WebhookStep = CreateWebhook | UpdateWebhook


def read_webhooks(payloads: Iterable[Mapping[str, Any]]) -> tuple[Webhook, ...]:
    """Return the webhooks that the shop tells, the oldest first."""
    hooks = [
        Webhook(
            id=payload["id"],
            name=str(payload.get("name") or ""),
            topic=str(payload.get("topic") or ""),
            url=str(payload.get("delivery_url") or ""),
            status=str(payload.get("status") or ""),
        )
        for payload in payloads
        if isinstance(payload.get("id"), int)
    ]
    return tuple(sorted(hooks, key=lambda hook: hook.id))


def check_topics(hooks: Sequence[Webhook], door: DeliveryEndpoint) -> tuple[TopicStatus, ...]:
    """Return what there is for every topic: first the one that serves it, or should; then those that are too many."""
    return tuple(found for topic in NAMES for found in _check_topic(topic, hooks, door))


def _check_topic(topic: str, hooks: Sequence[Webhook], door: DeliveryEndpoint) -> list[TopicStatus]:
    here = [hook for hook in hooks if hook.topic == topic and door.takes(hook.url)]
    ours = [hook for hook in hooks if hook.topic == topic and hook.name == NAMES[topic] and hook not in here]
    # one that sends before one that does not, and one at the right address before any other
    ranked = sorted(here, key=_is_stopped) + sorted(ours, key=_is_stopped)
    if not ranked:
        return [TopicStatus(topic, WebhookFault.MISSING)]
    chosen, *others = ranked
    fault = WebhookFault.ELSEWHERE if chosen not in here else WebhookFault.STOPPED if _is_stopped(chosen) else None
    spare = [TopicStatus(topic, WebhookFault.DUPLICATE, hook) for hook in others if not _is_stopped(hook)]
    return [TopicStatus(topic, fault, chosen), *spare]


def _is_stopped(hook: Webhook) -> bool:
    return hook.status != ACTIVE


def plan_changes(
    found: Sequence[TopicStatus], door: DeliveryEndpoint, *, repair: bool, new_secret: bool
) -> tuple[WebhookStep, ...]:
    """Return what is to be done. What is there is left as it is, unless it is to be repaired, or its secret set.

    A secret cannot be read, so a repair sets it everywhere.
    """
    every = (_plan_step(each, door, repair=repair, secret=repair or new_secret) for each in found)
    return tuple(step for step in every if step is not None)


def _plan_step(each: TopicStatus, door: DeliveryEndpoint, *, repair: bool, secret: bool) -> WebhookStep | None:
    hook = each.hook
    if hook is None:
        return CreateWebhook(each.topic)
    if each.fault is None:
        words = f"set the secret of webhook {hook.id} ({each.topic}) anew"
        return UpdateWebhook(hook, words, with_secret=True) if secret else None
    if not repair:
        return None
    if each.fault is WebhookFault.DUPLICATE:
        return UpdateWebhook(hook, f"pause webhook {hook.id} ({each.topic}): it is one too many", {"status": PAUSED})
    changes = {"status": ACTIVE} | ({} if door.takes(hook.url) else {"delivery_url": door.url})
    words = f"activate webhook {hook.id} ({each.topic}), with the bridge's address and secret"
    return UpdateWebhook(hook, words, changes, with_secret=True, revives=_is_stopped(hook))


def summary(found: Sequence[TopicStatus]) -> tuple[bool, str]:
    """Return whether every topic is served by one webhook, and say what is wrong otherwise."""
    wrong = [each for each in found if each.fault is not None]
    if wrong:
        repair = "" if all(each.fault is WebhookFault.MISSING for each in wrong) else " --repair"
        return False, f"{'; '.join(each.words for each in wrong)}. panelr-bridge connect{repair} mends this"
    return True, f"{len(found)} webhooks are active: {', '.join(each.topic for each in found)}"


def manual_steps(topics: Iterable[str], *, door: DeliveryEndpoint, secret_setting: str) -> list[str]:
    """Say what to click where the shop's API makes no webhooks. The secret is named and not shown."""
    wanted = list(topics)
    return [
        "In WordPress, as an administrator or shop manager:",
        "WooCommerce > Settings > Advanced > Webhooks > Add webhook,",
        f"{len(wanted)} times, each with Status: Active, Delivery URL: {door.url},",
        f"Secret: the value of {secret_setting} in .env, API version: WP REST API Integration v3, and",
        *(f'Name: "{NAMES[topic]}", Topic: Order {topic.partition(".")[2]}' for topic in wanted),
    ]
