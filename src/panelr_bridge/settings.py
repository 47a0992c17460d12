"""The operator's settings: read once from the environment and `.env`, checked, and handed down.

Every field's description is what `.env.example` and the README say of it; tests/test_documentation.py proves
that the three agree.
"""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from panelr_bridge.errors import ConfigurationError
from panelr_bridge.values import Policy, UnmappedLines, WcOrderId

PREFIX = "BRIDGE_"
DEFAULT_STORE = "default"

PANELR_STATUSES = (
    "pending",
    "pending_payment",
    "payment_submitted",
    "completed",
    "canceled",
    "payment_failed",
)
NEVER_CREATED_ON = frozenset({"checkout-draft", "auto-draft", "draft", "trash", "new"})
STATUS_MAP = {
    "pending": "pending_payment",
    "on-hold": "pending_payment",
    "processing": "payment_submitted",
    # not "completed": create_work_order provisions nothing, and WooCommerce completes virtual orders by itself
    "completed": "payment_submitted",
    "cancelled": "canceled",
    "refunded": "canceled",
    "failed": "payment_failed",
}

_PLACEHOLDER = re.compile(
    r"(change[-_ ]?(me|this)|replace[-_ ]?(me|this)|your[-_ ]).*|<.*>|"
    r"placeholder|secret|password|token|key|example|todo|none|null|x+",
    re.IGNORECASE,
)


def _listed(value: Any) -> Any:
    """Split a comma-separated text into its parts."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _statuses(value: Any) -> Any:
    """Split a list of WooCommerce statuses; the `wc-` that the database shows is taken off."""
    parts = _listed(value)
    return [part.removeprefix("wc-") for part in parts] if isinstance(parts, list) else parts


def _status_map(value: Any) -> Any:
    """Read `woo:panelr` pairs over the default table."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition(":") for part in _listed(value)]
    return STATUS_MAP | {woo.strip().removeprefix("wc-"): panelr.strip() for woo, _, panelr in pairs}


Wait = Annotated[float, Field(gt=0, le=7 * 86400, allow_inf_nan=False)]


class StoreSettings(BaseModel):
    """One WooCommerce store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    webhook_secret: SecretStr = Field(SecretStr(""), description="The secret of the store's webhooks.")
    webhook_secret_previous: SecretStr = Field(
        SecretStr(""), description="The secret before the last rotation; still accepted while it is set."
    )

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets that a delivery may be signed with, the current one first."""
        both = (self.webhook_secret.get_secret_value(), self.webhook_secret_previous.get_secret_value())
        return tuple(secret for secret in both if secret)


class Settings(BaseSettings):
    """All settings; the names in the environment carry the prefix `BRIDGE_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True, env_ignore_empty=True
    )

    # What must be set
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="Secret of the store's webhooks, as typed in WooCommerce. Letters, digits, _ and -.",
    )
    admin_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token of the admin API. Whoever has it can see orders and change mappings.",
    )
    panelr_url: str = Field(
        "", description="Where Panelr is: https://panel.example, with or without /api/api.php on its end."
    )
    panelr_api_key: SecretStr = Field(SecretStr(""), description="Panelr's API key.")

    # Where it runs
    database_url: str = Field(
        "sqlite:///data/bridge.db",
        description="sqlite:///path/to/file.db or postgresql://user:password@host/name.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 inside a container.")
    port: int = Field(
        8080,
        ge=1,
        le=65535,
        description="Port to listen on. WooCommerce delivers only to ports 80, 443 and 8080.",
    )
    worker: bool = Field(
        True,
        description="Whether `serve` also runs the worker; false where `panelr-bridge worker` runs beside it.",
    )
    log_format: Literal["json", "console"] = Field("json", description="json for machines, console for people.")
    max_body_bytes: int = Field(
        8 * 1024 * 1024,
        ge=1024,
        description="Largest delivery that is accepted; orders of 2.6 MB have been seen.",
    )

    # More stores, and rotation
    webhook_secret_previous: SecretStr = Field(
        SecretStr(""), description="The secret before the last rotation; still accepted while it is set."
    )
    stores: dict[str, StoreSettings] = Field(
        default_factory=dict, description="More stores: BRIDGE_STORES__{name}__WEBHOOK_SECRET and so on."
    )

    # How orders become work orders
    create_on: Annotated[frozenset[str], NoDecode, BeforeValidator(_statuses)] = Field(
        frozenset({"on-hold", "processing", "completed"}),
        description="WooCommerce statuses that call for a work order, separated by commas.",
    )
    status_map: Annotated[dict[str, str], NoDecode, BeforeValidator(_status_map)] = Field(
        default_factory=lambda: dict(STATUS_MAP),
        description="Changes to the table WooCommerce status:Panelr status, separated by commas.",
    )
    unmapped_lines: UnmappedLines = Field(
        UnmappedLines.HOLD, description="An order with an unmapped line: hold it, or skip that line."
    )
    wc_order_id: WcOrderId = Field(
        WcOrderId.ID, description="What Panelr shows as the WooCommerce order: id, number or order_key."
    )
    require_payment_method: bool = Field(
        False,
        description="Hold orders whose payment method has no mapping, instead of leaving the method out.",
    )
    wake_ignored_days: int = Field(
        30,
        ge=0,
        description="A mapping change also wakes orders without Panelr items, if not older than this.",
    )

    # How Panelr is called
    panelr_rate_per_minute: int = Field(
        120, ge=1, le=100_000, description="Calls in any 60 seconds, over all processes; Panelr allows 120."
    )
    panelr_timeout_seconds: float = Field(
        25, gt=0, le=50, description="Longest wait for one answer of Panelr; under the rate limit's minute."
    )
    sync_budget_seconds: float = Field(
        10, ge=0, le=50, description="How long a webhook waits for Panelr before it is answered 202."
    )
    grace_seconds: float = Field(
        20,
        gt=0,
        le=3600,
        description="First look-up of an unconfirmed call after this long; the second after six times it.",
    )
    retry_schedule_seconds: Annotated[tuple[Wait, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (5, 30, 120, 600, 1800, 3600, 10800),
        min_length=1,
        description="Waits between tries; the last one repeats until seven days have passed.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the base class calls by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then `.env`; nothing else."""
        return init_settings, env_settings, dotenv_settings

    @property
    def policy(self) -> Policy:
        """The choices that shape a decision."""
        return Policy(
            create_on=self.create_on,
            status_map=tuple(sorted(self.status_map.items())),
            unmapped_lines=self.unmapped_lines,
            wc_order_id=self.wc_order_id,
            require_payment_method=self.require_payment_method,
        )

    @property
    def all_stores(self) -> Mapping[str, StoreSettings]:
        """Every store by its name; the flat names are the store `default`."""
        flat = StoreSettings(webhook_secret=self.webhook_secret, webhook_secret_previous=self.webhook_secret_previous)
        return ({DEFAULT_STORE: flat} if flat.secrets() else {}) | self.stores


def load(env_file: Path | None = Path(".env")) -> Settings:
    """Read the settings; raises ConfigurationError with one sentence for each value that cannot be read."""
    try:
        return Settings(_env_file=env_file, _env_file_encoding="utf-8")
    except ValidationError as error:
        problems = {_name(problem): problem["msg"] for problem in reversed(error.errors())}  # the first one of each
        raise ConfigurationError([f"{name}: {words}" for name, words in reversed(problems.items())]) from None
    except SettingsError:  # its words may hold the value
        words = "give each store's settings a name of its own, such as"
        raise ConfigurationError([f"{PREFIX}STORES: {words} {PREFIX}STORES__second__WEBHOOK_SECRET"]) from None


def strangers(env_file: Path | None = Path(".env")) -> list[str]:
    """Return a sentence for each name with the prefix that is no setting: most are misspelt, and have no effect."""
    given = {*os.environ, *(dotenv_values(env_file) if env_file is not None else {})}
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    strange = sorted(name for name in map(str.upper, given) if name.startswith(PREFIX) and name not in known)
    return [
        f"{name} is no setting{_meant(name, known)}" for name in strange if not name.startswith(f"{PREFIX}STORES__")
    ]


def _meant(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f": did you mean {near[0]}?" if near else ""


def require_ready(settings: Settings) -> None:
    """Raise ConfigurationError naming every setting with which the bridge must not serve, and how to mend it."""
    problems = [*_secret_problems(settings), *_address_problems(settings), *_status_problems(settings)]
    if problems:
        raise ConfigurationError(problems)


def _secret_problems(settings: Settings) -> list[str]:
    generate = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
    in_panelr = "copy it from Panelr's API settings"
    named = {f"STORES__{name}__WEBHOOK_SECRET": store.webhook_secret for name, store in settings.stores.items()}
    flat = {} if settings.stores and not settings.webhook_secret else {"WEBHOOK_SECRET": settings.webhook_secret}
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


def _fault(secret: SecretStr) -> str | None:
    value = secret.get_secret_value().strip()
    if not value:
        return "missing"
    return "a placeholder" if _PLACEHOLDER.fullmatch(value) else None


def _address_problems(settings: Settings) -> list[str]:
    problems = []
    how = "set it to your panel's address, for example https://panel.your-shop.com"
    host = _host(settings.panelr_url)
    if not settings.panelr_url:
        problems.append(f"{PREFIX}PANELR_URL is missing: {how}")
    elif host is None:
        problems.append(f"{PREFIX}PANELR_URL is no http(s) address: {how}")
    elif host.endswith((".example", "your-shop.com")) or _PLACEHOLDER.fullmatch(host):
        problems.append(f"{PREFIX}PANELR_URL is a placeholder: {how}")
    if not re.match(r"(sqlite:///|postgres(ql)?(\+asyncpg)?://).+", settings.database_url):
        problems.append(
            f"{PREFIX}DATABASE_URL is neither sqlite:///path/to/file.db nor postgresql://user:password@host/name"
        )
    return problems


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


def _name(problem: Any) -> str:
    """Return the setting that a validation problem is about; its value stays out: it may be a secret."""
    return PREFIX + "__".join(str(part).upper() for part in problem["loc"] if not isinstance(part, int))
