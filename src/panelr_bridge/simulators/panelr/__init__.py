"""A simulated Panelr on a real socket: its API at `/api/api.php`, and controls for manual use at `/_sim/`."""

from panelr_bridge.simulators.panelr.app import create_app
from panelr_bridge.simulators.panelr.bundles_and_coupons import BundleRule, Coupon
from panelr_bridge.simulators.panelr.customer_lines import CustomerLine
from panelr_bridge.simulators.panelr.faults import Fault, FaultError
from panelr_bridge.simulators.panelr.panel import Panel
from panelr_bridge.simulators.panelr.work_orders import WorkOrder

__all__ = ["BundleRule", "Coupon", "CustomerLine", "Fault", "FaultError", "Panel", "WorkOrder", "create_app"]
