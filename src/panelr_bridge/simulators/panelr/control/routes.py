"""Controls for manual use with curl below `/_sim/`. A real Panelr has none of them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.panelr.control import catalogue, installation, lines, work_orders
from panelr_bridge.simulators.panelr.control.request import BadRequestError, get_panel, json_response
from panelr_bridge.simulators.panelr.faults import BODIES, FAULT_TIMES, KINDS, FaultError

PARTS = (work_orders, lines, catalogue, installation)
PAGES = {"GET /_sim/": "this list", **{page: what for part in PARTS for page, what in part.PAGES.items()}}


async def show_index(request: Request) -> Response:
    """List the controls, the faults and the settings."""
    panel = get_panel(request)
    kinds = {name: {"what": kind.what, "fields": kind.fields} for name, kind in KINDS.items()}
    faults = {"kinds": kinds, "when": FAULT_TIMES, "body": BODIES, "times": "default 1; null means every request"}
    return json_response(
        {
            "pages": PAGES,
            "faults": faults,
            "statuses": work_orders.STATUSES,
            "lines": lines.LINES,
            "settings": installation.settings_json(panel),
        }
    )


async def answer_bad_request(_request: Request, error: Exception) -> Response:
    """Answer 400 with the error text."""
    return json_response({"error": str(error)}, 400)


ROUTES = [Route("/", show_index), *(route for part in PARTS for route in part.ROUTES)]
ERRORS = {BadRequestError: answer_bad_request, FaultError: answer_bad_request}
