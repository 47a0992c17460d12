"""With what settings the bridge must not serve, and how each is mended."""

import re
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
_PLACEHOLDER = re.compile(  # what people leave or type where a secret is yet to come
    r"(change[-_ ]?(me|this)|replace[-_ ]?(me|this)|your[-_ ]).*|<.*>|"
    r"placeholder|secret|password|token|key|example|todo|none|null|(c[ks]_)?x+",
    re.IGNORECASE,
)


_ORDERS_API = re.compile(r"/*[\w.~-]+(/[\w.~-]+)+/*", re.ASCII)
_SHOP = "set it to your shop's address, for example https://www.your-shop.com"
_KEYS = (
    "make a pair in WooCommerce > Settings > Advanced > REST API (read and write), or a WordPress application password"
)


def require_ready(settings: Settings) -> None:
    """Raise ConfigurationError naming every setting with which the bridge must not serve, and how to mend it."""
    problems = [*_secret_problems(settings), *_address_problems(settings), *_status_problems(settings)]
    for name, store in settings.all_stores.items():
        problems += shop_problems(name, store)
    if problems:
        raise ConfigurationError(problems)


def _secret_problems(settings: Settings) -> list[str]:
    generate = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
    in_panelr = "copy it from Panelr's API settings"
    named = {f"STORES__{name}__WEBHOOK_SECRET": store.webhook_secret for name, store in settings.stores.items()}
    spare = settings.stores and not settings.webhook_secret and not settings.woo_url
    flat = {} if spare else {"WEBHOOK_SECRET": settings.webhook_secret}
    wanted = [
        (name, value, f"{generate}, and type the same into WooCommerce") for name, value in (flat | named).items()
    ]
    wanted.append(("ADMIN_TOKEN", settings.admin_token, generate))
    wanted.append(("PANELR_API_KEY", settings.panelr_api_key, in_panelr))
    problems = [f"{PREFIX}{name} is {fault}: {how}" for name, value, how in wanted if (fault := _fault(value))]
    if not settings.panelr_api_key.get_secret_value().isascii():
        problems.append(f"{PREFIX}PANELR_API_KEY holds characters that no key has: {in_panelr}")
    previous = {"": settings.webhook_secret_previous} | {
        f"STORES__{name}__": store.webhook_secret_previous for name, store in settings.stores.items()
    }
    problems += [
        f"{PREFIX}{name}WEBHOOK_SECRET_PREVIOUS is a placeholder: anybody could sign with it; take it out"
        for name, value in previous.items()
        if _fault(value) == "a placeholder"
    ]
    return problems


def require_shop(name: str, store: StoreSettings) -> None:
    """Raise ConfigurationError when the REST API of the store called `name` cannot be used."""
    missing = [] if store.woo_url else [f"{prefix_of(name)}WOO_URL is missing: {_SHOP}"]
    if problems := [*missing, *shop_problems(name, store)]:
        raise ConfigurationError(problems)


def shop_problems(name: str, store: StoreSettings) -> list[str]:
    """Return a sentence for each setting of a store's REST API that is wrong; no address: the API is not used."""
    prefix = prefix_of(name)
    problems = []
    if not store.woo_url:
        if store.woo_key or store.woo_secret:
            problems.append(f"{prefix}WOO_URL is missing, but {prefix}WOO_KEY or WOO_SECRET is set: {_SHOP}")
    elif fault := _address_fault(store.woo_url):
        problems.append(f"{prefix}WOO_URL is {fault}: {_SHOP}")
    if store.woo_url or store.woo_key or store.woo_secret:
        problems += [
            f"{prefix}{setting} is {fault}: {_KEYS}"
            for setting, value in (("WOO_KEY", store.woo_key), ("WOO_SECRET", store.woo_secret))
            if (fault := _fault(value))
        ]
    if not _ORDERS_API.fullmatch(store.woo_orders_api):
        problems.append(f"{prefix}WOO_ORDERS_API is no path below /wp-json, such as wc/v3 or myplugin/v1/woo")
    return problems


def prefix_of(name: str) -> str:
    """Return what the settings of the store called `name` begin with."""
    return PREFIX if name == DEFAULT_STORE else f"{PREFIX}STORES__{name}__"


def _fault(secret: SecretStr) -> str | None:
    value = secret.get_secret_value().strip()
    if not value:
        return "missing"
    return "a placeholder" if _PLACEHOLDER.fullmatch(value) else None


def _address_problems(settings: Settings) -> list[str]:
    problems = []
    how = "set it to your panel's address, for example https://panel.your-shop.com"
    if fault := _address_fault(settings.panelr_url):
        problems.append(f"{PREFIX}PANELR_URL is {fault}: {how}")
    if not re.match(r"(sqlite:///|postgres(ql)?(\+asyncpg)?://).+", settings.database_url):
        problems.append(
            f"{PREFIX}DATABASE_URL is neither sqlite:///path/to/file.db nor postgresql://user:password@host/name"
        )
    return problems


def _address_fault(url: str) -> str | None:
    if not url:
        return "missing"
    host = _host(url)
    if host is None:
        return "no http(s) address"
    return "a placeholder" if host.endswith((".example", "your-shop.com")) or _PLACEHOLDER.fullmatch(host) else None


def _host(url: str) -> str | None:
    """Return the host of an http(s) address; None when it is none."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        return None
    return parts.hostname if usable else None


def _status_problems(settings: Settings) -> list[str]:
    problems = [
        f"{PREFIX}CREATE_ON must not hold {status!r}: an order in it is not placed yet or no longer there"
        for status in sorted(settings.create_on & NEVER_CREATED_ON)
    ]
    problems += [
        f"{PREFIX}CREATE_ON holds {status!r}, which {PREFIX}STATUS_MAP gives no Panelr status: add {status}:pending"
        for status in sorted(settings.create_on - NEVER_CREATED_ON - settings.status_map.keys())
    ]
    problems += [
        f"{PREFIX}STATUS_MAP gives {woo!r} the status {panelr!r}, which is none of {', '.join(PANELR_STATUSES)}"
        for woo, panelr in sorted(settings.status_map.items())
        if panelr not in PANELR_STATUSES
    ]
    return problems
