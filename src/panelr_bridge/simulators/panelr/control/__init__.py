"""Controls for manual use below `/_sim/`. A real Panelr has none of them."""

from panelr_bridge.simulators.panelr.control.routes import ERRORS, ROUTES

__all__ = ["ERRORS", "ROUTES"]
