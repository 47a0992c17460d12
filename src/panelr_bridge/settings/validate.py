"""Check that the settings are complete and usable. Each problem is one sentence that says how to solve it."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import SecretStr

from panelr_bridge.errors import ConfigurationError
from panelr_bridge.settings.model import DEFAULT_STORE, PREFIX, Settings, StoreSettings

PANELR_STATUSES = (
    "pending",
    "pending_payment",
    "payment_submitted",
    "completed",
    "canceled",
    "payment_failed",
)
NEVER_CREATED_ON = frozenset({"checkout-draft", "auto-draft", "draft", "trash", "new"})
_PLACEHOLDER = re.compile(  # values that people leave in or enter until they have the real secret
    r"(change[-_ ]?(me|this)|replace[-_ ]?(me|this)|your[-_ ]).*|<.*>|"
    r"placeholder|secret|password|token|key|example|todo|none|null|(c[ks]_)?x+",
    re.IGNORECASE,
)
_PATH = re.compile(r"[^\s?#:\\]{0,200}")
_ORDERS_API = re.compile(r"/*[\w.~-]+(/[\w.~-]+)+/*", re.ASCII)

_MAKE_SECRET = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"  # noqa: S105  how to
_COPY_KEY = "copy it from Panelr's API settings"
_SET_PANEL = "set it to your panel's address, for example https://panel.your-shop.com"
_SET_SHOP = "set it to your shop's address, for example https://www.your-shop.com"
_MAKE_KEYS = (
    "make a key in WooCommerce > Settings > Advanced > REST API (read and write), or a WordPress application password"
)


def require_ready(settings: Settings) -> None:
    """Raise ConfigurationError with every problem that must be solved before the bridge may start."""
    problems = [*_secret_problems(settings), *_address_problems(settings), *_status_problems(settings)]
    for name, store in settings.all_stores.items():
        problems += [*shop_problems(name, store), *_checkout_problems(name, store)]
    if problems:
        raise ConfigurationError(problems)


def _secret_problems(settings: Settings) -> list[str]:
    stores: Mapping[str, StoreSettings] = settings.all_stores or {DEFAULT_STORE: StoreSettings()}
    required = [
        (f"{prefix_of(name)}WEBHOOK_SECRET", store.webhook_secret, f"{_MAKE_SECRET}, and enter it in WooCommerce too")
        for name, store in stores.items()
    ]
    required.append((f"{PREFIX}ADMIN_TOKEN", settings.admin_token, _MAKE_SECRET))
    required.append((f"{PREFIX}PANELR_API_KEY", settings.panelr_api_key, _COPY_KEY))
    problems = [f"{name} is {fault}: {how}" for name, value, how in required if (fault := _find_secret_fault(value))]
    if not settings.panelr_api_key.get_secret_value().isascii():
        problems.append(f"{PREFIX}PANELR_API_KEY has characters that no key has: {_COPY_KEY}")
    problems += [
        f"{prefix_of(name)}WEBHOOK_SECRET_PREVIOUS is a placeholder: anyone could sign with it, so remove it"
        for name, store in stores.items()
        if _find_secret_fault(store.webhook_secret_previous) == "a placeholder"
    ]
    return problems


def require_shop(name: str, store: StoreSettings) -> None:
    """Raise ConfigurationError if the settings of the store's REST API are missing or wrong."""
    missing = [] if store.woo_url else [f"{prefix_of(name)}WOO_URL is missing: {_SET_SHOP}"]
    if problems := [*missing, *shop_problems(name, store)]:
        raise ConfigurationError(problems)


def shop_problems(name: str, store: StoreSettings) -> list[str]:
    """Return one sentence for each wrong setting of the store's REST API. A store may have none of them."""
    prefix = prefix_of(name)
    problems = []
    if not store.woo_url:
        if store.woo_key or store.woo_secret:
            problems.append(f"{prefix}WOO_URL is missing, but {prefix}WOO_KEY or WOO_SECRET is set: {_SET_SHOP}")
    elif fault := _find_address_fault(store.woo_url):
        problems.append(f"{prefix}WOO_URL is {fault}: {_SET_SHOP}")
    if store.woo_url or store.woo_key or store.woo_secret:
        problems += [
            f"{prefix}{setting} is {fault}: {_MAKE_KEYS}"
            for setting, value in (("WOO_KEY", store.woo_key), ("WOO_SECRET", store.woo_secret))
            if (fault := _find_secret_fault(value))
        ]
    if not _ORDERS_API.fullmatch(store.woo_orders_api):
        problems.append(f"{prefix}WOO_ORDERS_API is not a path below /wp-json: set wc/v3, or one like myplugin/v1/woo")
    return problems


def _checkout_problems(name: str, store: StoreSettings) -> list[str]:
    paths = (("CHECKOUT_PAGE", store.checkout_page), ("ORDER_RECEIVED_ENDPOINT", store.order_received_endpoint))
    return [
        f"{prefix_of(name)}{setting} is not a path in the shop: set only what stands there, such as kasse"
        for setting, path in paths
        if not _PATH.fullmatch(path)
    ]


def prefix_of(name: str) -> str:
    """Return the prefix of the settings of the store `name`."""
    return PREFIX if name == DEFAULT_STORE else f"{PREFIX}STORES__{name}__"


def _find_secret_fault(secret: SecretStr) -> str | None:
    value = secret.get_secret_value().strip()
    if not value:
        return "missing"
    return "a placeholder" if _PLACEHOLDER.fullmatch(value) else None


def _address_problems(settings: Settings) -> list[str]:
    problems = []
    if fault := _find_address_fault(settings.panelr_url):
        problems.append(f"{PREFIX}PANELR_URL is {fault}: {_SET_PANEL}")
    if not re.match(r"(sqlite:///|postgres(ql)?(\+asyncpg)?://).+", settings.database_url):
        problems.append(
            f"{PREFIX}DATABASE_URL is wrong: set sqlite:///path/to/file.db or postgresql://user:password@host/name"
        )
    return problems


def _find_address_fault(url: str) -> str | None:
    if not url:
        return "missing"
    host = _http_host(url)
    if host is None:
        return "not an http(s) address"
    return "a placeholder" if host.endswith((".example", "your-shop.com")) or _PLACEHOLDER.fullmatch(host) else None


def _http_host(url: str) -> str | None:
    """Return the host of an http(s) address, or None if the address is not valid."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        return None
    return parts.hostname if is_valid else None


def _status_problems(settings: Settings) -> list[str]:
    problems = [
        f"{PREFIX}CREATE_ON must not contain {status!r}: remove it, such an order is not placed yet or was deleted"
        for status in sorted(settings.create_on & NEVER_CREATED_ON)
    ]
    problems += [
        f"{PREFIX}CREATE_ON contains {status!r}, but {PREFIX}STATUS_MAP has no Panelr status for it:"
        f" add {status}:pending"
        for status in sorted(settings.create_on - NEVER_CREATED_ON - settings.status_map.keys())
    ]
    problems += [
        f"{PREFIX}STATUS_MAP maps {woo!r} to {panelr!r}, which Panelr does not have: use {', '.join(PANELR_STATUSES)}"
        for woo, panelr in sorted(settings.status_map.items())
        if panelr not in PANELR_STATUSES
    ]
    return problems
