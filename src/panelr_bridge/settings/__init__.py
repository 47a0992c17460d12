"""The operator's settings: read once from the environment and `.env`, validated, then passed on."""

from panelr_bridge.settings.load import find_unknown_settings, load_settings
from panelr_bridge.settings.model import DEFAULT_STORE, PREFIX, STATUS_MAP, Settings, StoreSettings
from panelr_bridge.settings.validate import PANELR_STATUSES, prefix_of, require_ready, require_shop, shop_problems

__all__ = [
    "DEFAULT_STORE",
    "PANELR_STATUSES",
    "PREFIX",
    "STATUS_MAP",
    "Settings",
    "StoreSettings",
    "find_unknown_settings",
    "load_settings",
    "prefix_of",
    "require_ready",
    "require_shop",
    "shop_problems",
]
