"""The operator's settings by name, with their types, defaults and meaning.

Each field's description also stands in `.env.example` and in the documentation's table of settings.
tests/unit/test_documentation.py checks that they agree.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from panelr_bridge.domain.models import (
    AdjustmentMode,
    FreeOrders,
    OrderPolicy,
    OtherCurrency,
    PluginKeys,
    UnmappedLines,
    WcOrderId,
)
from panelr_bridge.domain.order_identity import read_source
from panelr_bridge.domain.relation import RelationKeys, RelationKind
from panelr_bridge.settings.field_values import read_date, split_addresses, split_list
from panelr_bridge.woocommerce.delivery_url import is_local, read_host
from panelr_bridge.woocommerce.json_fields import LARGEST_LIST
from panelr_bridge.woocommerce.order_received import ORDER_RECEIVED

PREFIX = "BRIDGE_"
RELATION_KINDS = tuple(str(kind) for kind in RelationKind if kind is not RelationKind.FIRST)
DEFAULT_STORE = "default"

STATUS_MAP = {
    "pending": "pending_payment",
    "on-hold": "pending_payment",
    "processing": "payment_submitted",
    # not "completed": create_work_order provisions nothing, and WooCommerce completes virtual orders automatically
    "completed": "payment_submitted",
    "cancelled": "canceled",
    "refunded": "canceled",
    "failed": "payment_failed",
}


def _split_statuses(value: Any) -> Any:
    """Split a list of WooCommerce statuses and remove the prefix `wc-`, which WooCommerce's database adds."""
    parts = split_list(value)
    return [part.removeprefix("wc-") for part in parts] if isinstance(parts, list) else parts


def _read_status_map(value: Any) -> Any:
    """Read `woo:panelr` pairs and apply them to the default table."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition(":") for part in split_list(value)]
    return STATUS_MAP | {woo.strip().removeprefix("wc-"): panelr.strip() for woo, _, panelr in pairs}


def _read_relation_keys(value: Any) -> Any:
    """Read `kind:meta key` pairs; raise PydanticCustomError with words for the operator."""
    if not isinstance(value, str):
        return value
    keys = []
    for number, part in enumerate(split_list(value), 1):
        kind, _, key = (each.strip() for each in part.partition(":"))
        if kind not in RELATION_KINDS or not key:
            words = "its part {number} is not kind:meta key with one of the kinds {kinds}"
            raise PydanticCustomError("relation_key", words, {"number": number, "kinds": ", ".join(RELATION_KINDS)})
        keys.append((key, RelationKind(kind)))
    return tuple(keys)


RetryWait = Annotated[float, Field(gt=0, le=7 * 86400, allow_inf_nan=False)]


class StoreFields(BaseModel):
    """The settings that each store has: under flat names for the default store, under `STORES__{name}__` for others."""

    webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="Secret of the shop's webhooks, as in WooCommerce. Use at least 20 letters, digits, _ and -.",
    )
    webhook_secret_previous: SecretStr = Field(
        SecretStr(""), description="The secret before the last change. It is also accepted while it is set."
    )

    woo_url: str = Field(
        "",
        description="Address of the shop, for its REST API: https://shop.example, with or without /wp-json at the end.",
    )
    woo_key: SecretStr = Field(
        SecretStr(""),
        description="Consumer key of the REST API (ck_...), or the user name for a WordPress application password.",
    )
    woo_secret: SecretStr = Field(
        SecretStr(""),
        description="Consumer secret of the REST API (cs_...), or the WordPress application password.",
    )
    woo_orders_api: str = Field(
        "wc/v3",
        description="API to read and write orders: wc/v3, or the path of an Orders resource such as myplugin/v1/woo.",
    )
    orders_since: Annotated[datetime | None, BeforeValidator(read_date)] = Field(
        None,
        description=(
            "Date or time in UTC, such as 2026-11-01: orders made before it get no work order until a person retries "
            "them. Default: 30 days before the store's first delivery."
        ),
    )
    shop_addresses: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_addresses)] = Field(
        (),
        description=(
            "Addresses of the shop, separated by commas, if it has several, or moved to another domain. Orders of "
            "other shops are held. Default: that of WOO_URL and that of the first delivery."
        ),
    )
    write_back: bool = Field(
        True,
        description=(
            "Whether to save the work order and a note in the WooCommerce order. Needs WOO_URL, WOO_KEY and WOO_SECRET."
        ),
    )
    write_back_token: bool = Field(
        False,
        description=(
            "Whether to save the confirmation token there too. Anyone who can read the order can then pay with it."
        ),
    )
    write_back_plugin_keys: PluginKeys = Field(
        PluginKeys.AUTO,
        description=(
            "Whether to save the work order also under the keys of Panelr's own plugin, which then does not list the "
            "order as never sent: auto where the plugin has left anything, always or never. Only with wc/v3."
        ),
    )
    complete_orders: bool = Field(
        False,
        description="Whether to complete a WooCommerce order in processing when its work order is completed.",
    )
    checkout_page: str = Field(
        "",
        description=(
            "Path of the shop's checkout page, such as kasse, for the link in Panelr's payment e-mail. If it is not "
            "set: as in the order's payment link, else checkout."
        ),
    )
    order_received_endpoint: str = Field(
        ORDER_RECEIVED,
        description=(
            "Name of the order-received page in WooCommerce > Settings > Advanced, such as bestellung-erhalten, for "
            "the same link."
        ),
    )


class StoreSettings(StoreFields):
    """The settings of one WooCommerce store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def has_api(self) -> bool:
        """Whether the settings of the store's REST API are complete."""
        return bool(self.woo_url and self.woo_key.get_secret_value() and self.woo_secret.get_secret_value())

    @property
    def sources(self) -> frozenset[str]:
        """The hosts of the shop that the settings name. A private WOO_URL is not what the shop calls itself."""
        host = read_host(self.woo_url) or ""
        addresses = (*self.shop_addresses, *((self.woo_url,) if host and not is_local(host.partition(":")[0]) else ()))
        return frozenset(map(read_source, addresses))

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets that may sign a delivery, the current one first."""
        both = (self.webhook_secret.get_secret_value(), self.webhook_secret_previous.get_secret_value())
        return tuple(secret for secret in both if secret)


class Settings(BaseSettings, StoreFields):
    """All settings. In the environment each name has the prefix `BRIDGE_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True, env_ignore_empty=True
    )

    # Required, with webhook_secret
    admin_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token of the admin API. Anyone who has it can read orders and change mappings.",
    )
    panelr_url: str = Field(
        "", description="Address of Panelr: https://panel.example, with or without /api/api.php at the end."
    )
    panelr_api_key: SecretStr = Field(SecretStr(""), description="API key of Panelr.")

    # Server and database
    database_url: str = Field(
        "sqlite:///data/bridge.db",
        description="sqlite:///path/to/file.db or postgresql://user:password@host/name.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on. Use 0.0.0.0 inside a container.")
    port: int = Field(
        8080,
        ge=1,
        le=65535,
        description="Port to listen on. WooCommerce delivers only to ports 80, 443 and 8080.",
    )
    worker: bool = Field(
        True,
        description="Whether `serve` also runs the worker. Set false if `panelr-bridge worker` runs separately.",
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="Format of the log: json for programs, console for people."
    )
    max_body_bytes: int = Field(
        8 * 1024 * 1024,
        ge=1024,
        description="Largest delivery that is accepted, in bytes. Real orders reach 2.6 MB.",
    )

    # Stores
    stores: dict[str, StoreSettings] = Field(
        default_factory=dict,
        description="More stores: BRIDGE_STORES__{name}__WEBHOOK_SECRET, and so on for each setting of a store.",
    )
    backfill_minutes: float = Field(
        5,
        ge=0,
        le=1440,
        allow_inf_nan=False,
        description="Minutes between two searches for orders whose webhook never arrived. 0 turns the search off.",
    )
    public_url: str = Field(
        "",
        description="Address at which the shop reaches the bridge, for `connect`: https://bridge.your-shop.com.",
    )

    # From an order to a work order
    create_on: Annotated[frozenset[str], NoDecode, BeforeValidator(_split_statuses)] = Field(
        frozenset({"on-hold", "processing", "completed"}),
        description="WooCommerce statuses in which an order gets a work order, separated by commas.",
    )
    status_map: Annotated[dict[str, str], NoDecode, BeforeValidator(_read_status_map)] = Field(
        default_factory=lambda: dict(STATUS_MAP),
        description="Changes to the status table: pairs of WooCommerce status:Panelr status, separated by commas.",
    )
    unmapped_lines: UnmappedLines = Field(
        UnmappedLines.HOLD,
        description="What to do when a line of an order has no mapping: hold the order, or skip the line.",
    )
    wc_order_id: WcOrderId = Field(
        WcOrderId.ID, description="What Panelr shows as the WooCommerce order: id, number or order_key."
    )
    require_payment_method: bool = Field(
        False,
        description=(
            "Whether to hold an order whose payment method has no mapping. If false, Panelr gets no payment method."
        ),
    )
    adjustment: AdjustmentMode = Field(
        AdjustmentMode.AUTO,
        description=(
            "Fee or discount of a work order: auto makes Panelr's total that of the order, with the shop's prices; "
            "order sends the order's own fees and discounts; match_total the difference to Panelr's list prices."
        ),
    )
    free_orders: FreeOrders = Field(
        FreeOrders.REVIEW,
        description="An order with a total of 0: review leaves its work order to a person, complete has it set up.",
    )
    other_currency: OtherCurrency = Field(
        OtherCurrency.HOLD,
        description=(
            "An order in another currency than its Panelr product: hold it, send it with its amounts as they are, or "
            "omit_amounts and leave its price to Panelr."
        ),
    )
    relation_keys: Annotated[RelationKeys, NoDecode, BeforeValidator(_read_relation_keys)] = Field(
        (),
        description=(
            "Order meta of other plugins that says that an order continues another one: pairs of kind:meta key, "
            "separated by commas. Kinds: " + ", ".join(RELATION_KINDS) + "."
        ),
    )
    max_lines: int = Field(
        1000,
        ge=1,
        le=LARGEST_LIST,
        description="Most lines of an order. An order with more lines is held.",
    )
    wake_ignored_days: int = Field(
        30,
        ge=0,
        description=("Age in days up to which a mapping change also decides ignored orders again."),
    )

    # Calls to Panelr
    panelr_rate_per_minute: int = Field(
        120,
        ge=1,
        le=100_000,
        description="Most calls to Panelr in any 60 seconds, over all processes. Panelr allows 120.",
    )
    panelr_timeout_seconds: float = Field(
        25,
        gt=0,
        le=50,
        description=(
            "Longest wait for one answer from Panelr, in seconds. It must be shorter than the limit's 60 seconds."
        ),
    )
    sync_budget_seconds: float = Field(
        10,
        ge=0,
        le=50,
        description="Longest time that a webhook request waits for Panelr, in seconds. Then the bridge answers 202.",
    )
    grace_seconds: float = Field(
        20,
        gt=0,
        le=3600,
        description="Seconds until the first look-up of an unconfirmed call. The second comes after six times as long.",
    )
    retry_schedule_seconds: Annotated[tuple[RetryWait, ...], NoDecode, BeforeValidator(split_list)] = Field(
        (5, 30, 120, 600, 1800, 3600, 10800),
        min_length=1,
        description="Seconds between attempts. The last value repeats until seven days have passed.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the base class passes it by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then `.env`, and no secret files."""
        return init_settings, env_settings, dotenv_settings

    @property
    def policy(self) -> OrderPolicy:
        """The settings that shape the decision about an order."""
        return OrderPolicy(
            create_on=self.create_on,
            status_map=tuple(sorted(self.status_map.items())),
            unmapped_lines=self.unmapped_lines,
            wc_order_id=self.wc_order_id,
            require_payment_method=self.require_payment_method,
            adjustment=self.adjustment,
            free_orders=self.free_orders,
            other_currency=self.other_currency,
            max_lines=self.max_lines,
            orders_since={
                name: store.orders_since for name, store in self.all_stores.items() if store.orders_since is not None
            },
            sources={name: store.sources for name, store in self.all_stores.items() if store.sources},
            relation_keys=self.relation_keys,
            asks_relations=frozenset(name for name, store in self.all_stores.items() if store.has_api),
            writes_back=frozenset(
                name for name, store in self.all_stores.items() if store.has_api and store.write_back
            ),
        )

    @property
    def all_stores(self) -> Mapping[str, StoreSettings]:
        """Every configured store by its name. The flat names configure the store `default`."""
        flat = StoreSettings(**{name: getattr(self, name) for name in StoreFields.model_fields})
        return ({DEFAULT_STORE: flat} if flat.secrets() or flat.woo_url else {}) | self.stores
