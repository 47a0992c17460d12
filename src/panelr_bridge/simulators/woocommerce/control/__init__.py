"""Controls of the simulated shop for manual use below `/_sim/`. A real shop has none of them."""

from panelr_bridge.simulators.woocommerce.control.routes import control_routes

__all__ = ["control_routes"]
