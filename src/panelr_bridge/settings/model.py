"""The operator's settings by name, with their types, defaults and meaning.

Every field's description is what `.env.example` and the README say of it; tests/unit/test_documentation.py proves
that the three agree.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from panelr_bridge.domain.models import AdjustmentMode, OrderPolicy, UnmappedLines, WcOrderId

PREFIX = "BRIDGE_"
DEFAULT_STORE = "default"

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


WOO_URL = "Where the store is, if its REST API is to be used: https://shop.example, also with /wp-json on its end."
WOO_KEY = "The API's consumer key (ck_...), or the user of a WordPress application password."
WOO_SECRET = "The API's consumer secret (cs_...), or the application password."  # noqa: S105  what it means
WOO_ORDERS_API = "How orders are asked for: wc/v3, or the path of an Orders resource such as myplugin/v1/woo."

WRITE_BACK = "Whether orders in WooCommerce carry their work orders, and a note; needs WOO_URL, WOO_KEY and WOO_SECRET."
WRITE_BACK_TOKEN = "Whether they carry the confirmation token, too: whoever can read the order can then pay for it."  # noqa: S105  what it means
COMPLETE_ORDERS = "Whether a WooCommerce order in processing is completed once its work order is."

Wait = Annotated[float, Field(gt=0, le=7 * 86400, allow_inf_nan=False)]


class StoreSettings(BaseModel):
    """One WooCommerce store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    webhook_secret: SecretStr = Field(SecretStr(""), description="The secret of the store's webhooks.")
    webhook_secret_previous: SecretStr = Field(
        SecretStr(""), description="The secret before the last rotation; still accepted while it is set."
    )

    woo_url: str = Field("", description=WOO_URL)
    woo_key: SecretStr = Field(SecretStr(""), description=WOO_KEY)
    woo_secret: SecretStr = Field(SecretStr(""), description=WOO_SECRET)
    woo_orders_api: str = Field("wc/v3", description=WOO_ORDERS_API)
    write_back: bool = Field(True, description=WRITE_BACK)
    write_back_token: bool = Field(False, description=WRITE_BACK_TOKEN)
    complete_orders: bool = Field(False, description=COMPLETE_ORDERS)

    @property
    def has_api(self) -> bool:
        """Whether the store's REST API can be used."""
        return bool(self.woo_url and self.woo_key.get_secret_value() and self.woo_secret.get_secret_value())

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

    # The store's REST API
    woo_url: str = Field("", description=WOO_URL)
    woo_key: SecretStr = Field(SecretStr(""), description=WOO_KEY)
    woo_secret: SecretStr = Field(SecretStr(""), description=WOO_SECRET)
    woo_orders_api: str = Field("wc/v3", description=WOO_ORDERS_API)
    write_back: bool = Field(True, description=WRITE_BACK)
    write_back_token: bool = Field(False, description=WRITE_BACK_TOKEN)
    complete_orders: bool = Field(False, description=COMPLETE_ORDERS)
    backfill_minutes: float = Field(
        5,
        ge=0,
        le=1440,
        allow_inf_nan=False,
        description="How often stores are asked for orders whose webhook never came; 0 is never.",
    )
    public_url: str = Field(
        "", description="Where shops reach the bridge, for `connect`: https://bridge.your-shop.com."
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
    adjustment: AdjustmentMode = Field(
        AdjustmentMode.ORDER,
        description="The fee or discount of a work order: the order's own, or match_total to what was paid.",
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
    def policy(self) -> OrderPolicy:
        """The choices that shape a decision."""
        return OrderPolicy(
            create_on=self.create_on,
            status_map=tuple(sorted(self.status_map.items())),
            unmapped_lines=self.unmapped_lines,
            wc_order_id=self.wc_order_id,
            require_payment_method=self.require_payment_method,
            adjustment=self.adjustment,
            writes_back=frozenset(
                name for name, store in self.all_stores.items() if store.has_api and store.write_back
            ),
        )

    @property
    def all_stores(self) -> Mapping[str, StoreSettings]:
        """Every store by its name; the flat names are the store `default`."""
        flat = StoreSettings(**{name: getattr(self, name) for name in StoreSettings.model_fields})
        return ({DEFAULT_STORE: flat} if flat.secrets() or flat.woo_url else {}) | self.stores
