"""Checks a shop's webhooks and plans their set-up: a pure function of the shop's list of webhooks.

Source: WooCommerce 10.5.0, class-wc-webhook.php and its REST controller of webhooks.
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
"""The topics of the bridge, and the names of their webhooks."""
SUBSCRIPTION_NAMES: Mapping[str, str] = {
    "subscription.created": "Panelr: subscription created",
    "subscription.updated": "Panelr: subscription updated",
}
"""The topics that only a shop with WooCommerce Subscriptions has: they say which order began a subscription."""
_NAMES = {**NAMES, **SUBSCRIPTION_NAMES}
ACTIVE = "active"
PAUSED = "paused"


class WebhookFault(StrEnum):
    """A fault in the webhook of a topic."""

    MISSING = "missing"
    STOPPED = "stopped"
    ELSEWHERE = "elsewhere"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook in the shop's list, which shows neither the secret nor the failures."""

    id: int
    name: str
    topic: str
    url: str
    status: str


@dataclass(frozen=True, slots=True)
class DeliveryEndpoint:
    """A store's delivery endpoint: its path, and its full address if known.

    `store_option` is what a command needs to work on this store: empty for the default store.
    """

    path: str
    url: str | None = None
    store_option: str = ""

    def takes(self, address: str) -> bool:
        """Return whether `address` is this endpoint; without a known `url`, by the path alone."""
        return ends_in_path(address, self.path) if self.url is None else same_url(address, self.url)


@dataclass(frozen=True, slots=True)
class TopicStatus:
    """The state of a topic: its working webhook (`fault` None), or a fault and the webhook concerned.

    With neither, the topic has no webhook and needs none.
    """

    topic: str
    fault: WebhookFault | None
    hook: Webhook | None = None

    @property
    def words(self) -> str:
        """The state in words for the operator."""
        name, hook = _NAMES[self.topic], self.hook
        if hook is None and self.fault is None:
            return f"{self.topic}: no webhook, and none is needed without WooCommerce Subscriptions"
        if hook is None:
            return f"{self.topic}: there is no webhook to the bridge"
        title = f'webhook {hook.id} "{hook.name or name}"'
        if self.fault is None:
            return f"{self.topic}: {title} is active"
        if self.fault is WebhookFault.STOPPED:
            return f"{self.topic}: {title} is {hook.status}: {_STOPPED.get(hook.status, 'it sends nothing')}"
        if self.fault is WebhookFault.ELSEWHERE:
            return f"{self.topic}: {title} sends to {without_credentials(hook.url)}"
        return f"{self.topic}: {title} is a duplicate: it sends to {without_credentials(hook.url)} as well"


_STOPPED = {
    "disabled": "by an administrator, or by WooCommerce at its 7th failure in a row",
    PAUSED: "an administrator has paused it",
}


@dataclass(frozen=True, slots=True)
class CreateWebhook:
    """The step that creates the webhook of a topic."""

    topic: str

    @property
    def words(self) -> str:
        """The step in words for the operator."""
        where = ", if the shop has the topic" if self.is_optional else ""
        return f'create the webhook "{self.name}" ({self.topic}){where}'

    @property
    def name(self) -> str:
        """The webhook's name."""
        return _NAMES[self.topic]

    @property
    def is_optional(self) -> bool:
        """Whether the shop need not have the topic."""
        return self.topic in SUBSCRIPTION_NAMES


@dataclass(frozen=True, slots=True)
class UpdateWebhook:
    """The step that changes a webhook, and sets its secret if `with_secret`."""

    hook: Webhook
    words: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    with_secret: bool = False
    revives: bool = False
    """Whether this activates a stopped webhook. Its failure count stays, so one more failure disables it again."""


WebhookStep = CreateWebhook | UpdateWebhook


def read_webhooks(payloads: Iterable[Mapping[str, Any]]) -> tuple[Webhook, ...]:
    """Return the webhooks in the shop's list, oldest first."""
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


def check_topics(hooks: Sequence[Webhook], endpoint: DeliveryEndpoint) -> tuple[TopicStatus, ...]:
    """Return the state of every topic: first of its working or intended webhook, then of active duplicates."""
    return tuple(status for topic in _NAMES for status in _check_topic(topic, hooks, endpoint))


def _check_topic(topic: str, hooks: Sequence[Webhook], endpoint: DeliveryEndpoint) -> list[TopicStatus]:
    here = [hook for hook in hooks if hook.topic == topic and endpoint.takes(hook.url)]
    ours = [hook for hook in hooks if hook.topic == topic and hook.name == _NAMES[topic] and hook not in here]
    # active webhooks come first within each group, and those with the right address before all others
    ranked = sorted(here, key=_is_stopped) + sorted(ours, key=_is_stopped)
    if not ranked:
        return [TopicStatus(topic, WebhookFault.MISSING if topic in NAMES else None)]
    chosen, *others = ranked
    fault = WebhookFault.ELSEWHERE if chosen not in here else WebhookFault.STOPPED if _is_stopped(chosen) else None
    duplicates = [TopicStatus(topic, WebhookFault.DUPLICATE, hook) for hook in others if not _is_stopped(hook)]
    return [TopicStatus(topic, fault, chosen), *duplicates]


def _is_stopped(hook: Webhook) -> bool:
    return hook.status != ACTIVE


def plan_changes(
    statuses: Sequence[TopicStatus], endpoint: DeliveryEndpoint, *, repair: bool, new_secret: bool
) -> tuple[WebhookStep, ...]:
    """Return the steps to take. Existing webhooks change only with `repair`, or their secret with `new_secret`.

    A repair sets every secret, because the shop does not show them.
    """
    steps = (_plan_step(each, endpoint, repair=repair, secret=repair or new_secret) for each in statuses)
    return tuple(step for step in steps if step is not None)


def _plan_step(status: TopicStatus, endpoint: DeliveryEndpoint, *, repair: bool, secret: bool) -> WebhookStep | None:
    hook = status.hook
    if hook is None:
        return CreateWebhook(status.topic)
    if status.fault is None:
        words = f"set the secret of webhook {hook.id} ({status.topic})"
        return UpdateWebhook(hook, words, with_secret=True) if secret else None
    if not repair:
        return None
    if status.fault is WebhookFault.DUPLICATE:
        return UpdateWebhook(hook, f"pause webhook {hook.id} ({status.topic}): it is a duplicate", {"status": PAUSED})
    changes = {"status": ACTIVE} | ({} if endpoint.takes(hook.url) else {"delivery_url": endpoint.url})
    words = f"activate webhook {hook.id} ({status.topic}), with the bridge's address and secret"
    return UpdateWebhook(hook, words, changes, with_secret=True, revives=_is_stopped(hook))


def summary(statuses: Sequence[TopicStatus], endpoint: DeliveryEndpoint) -> tuple[bool, str]:
    """Return whether every topic has exactly one working webhook, and a sentence about it or about the faults."""
    faulty = [each for each in statuses if each.fault is not None]
    if faulty:
        repair = "" if all(each.fault is WebhookFault.MISSING for each in faulty) else " --repair"
        command = f"panelr-bridge connect{endpoint.store_option}{repair}"
        return False, f"{'; '.join(each.words for each in faulty)}. To repair this: {command}"
    active = [each.topic for each in statuses if each.hook is not None]
    return True, f"{len(active)} webhooks are active: {', '.join(active)}"


def manual_steps(topics: Iterable[str], *, endpoint: DeliveryEndpoint, secret_setting: str) -> list[str]:
    """Return instructions for creating webhooks in WordPress, if the API cannot. They name the secret's setting."""
    missing = list(topics)
    return [
        "In WordPress, as an administrator or shop manager:",
        "WooCommerce > Settings > Advanced > Webhooks > Add webhook,",
        f"{len(missing)} times, each with Status: Active, Delivery URL: {endpoint.url},",
        f"Secret: the value of {secret_setting} in .env, API version: WP REST API Integration v3, and",
        *(f'Name: "{NAMES[topic]}", Topic: Order {topic.partition(".")[2]}' for topic in missing),
    ]
