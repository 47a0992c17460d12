"""The simulated Panelr as an ASGI app: HTTP around `Panel`."""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from panelr_bridge.simulators.panelr.actions import ACTIONS, run_action
from panelr_bridge.simulators.panelr.api_call import ApiCall
from panelr_bridge.simulators.panelr.control import ERRORS, ROUTES
from panelr_bridge.simulators.panelr.envelope import failure_response, parse_json
from panelr_bridge.simulators.panelr.faults import OWN_ALTERATIONS, SUBJECTS
from panelr_bridge.simulators.panelr.firewall import BLOCKED, is_blocked
from panelr_bridge.simulators.panelr.panel import JournalEntry, Panel
from panelr_bridge.simulators.panelr.settings import PanelSettings
from panelr_bridge.simulators.transport import SILENT_FAULTS, HttpExchange, apply_fault, send_response, send_with_fault

# The response that a fault alters if it applies before the work.
SERVER_ERROR = failure_response(500, "Internal error, nothing was saved")


class PanelrApi:
    """`/api/api.php` as a separate ASGI app, because a fault can close the connection below HTTP."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with the matching fault if there is one."""
        panel = self.panel
        arrived_at = panel.clock()
        panel.arrivals.append(arrived_at)
        try:
            call = await _read_call(Request(scope, receive), arrived_at)
        except ClientDisconnect:
            return
        entry = JournalEntry(datetime.now(UTC), call.address, call.method, call.action, dict(call.query), call.body)
        panel.journal.append(entry)
        # The work continues if the caller disconnects, as it does in PHP.
        if panel.settings.latency_seconds:
            await asyncio.sleep(panel.settings.latency_seconds)
        await self._answer(call, entry, HttpExchange(scope, receive, send))

    async def _answer(self, call: ApiCall, entry: JournalEntry, exchange: HttpExchange) -> None:
        if is_blocked(call, self.panel.settings.firewall_words):
            entry.fault, entry.status = "firewall", BLOCKED.status
            await send_response(BLOCKED, exchange)
            return
        faults = self.panel.faults
        subject = _find_subject(self.panel, call) if faults.pending else {}
        response = SERVER_ERROR
        # Before the key is checked: in an outage, the key does not matter.
        fault = faults.take(call.action, "before", subject)
        if fault is None:
            response = run_action(self.panel, call)
            if response.succeeded:
                fault = faults.take(call.action, "after", subject)
        if fault is None:
            entry.status = response.status
            await send_response(response, exchange)
            return
        response = apply_fault(fault, response, OWN_ALTERATIONS)
        entry.fault = fault.kind
        entry.status = None if fault.kind in SILENT_FAULTS else response.status
        await send_with_fault(fault, response, exchange)


async def _read_call(request: Request, arrived_at: float) -> ApiCall:
    return ApiCall(
        action=request.query_params.get("action", ""),
        method=request.method,
        query=request.query_params,
        key=request.headers.get("X-Panelr-API-Key"),
        address=request.client.host if request.client else "",
        content_type=request.headers.get("Content-Type", ""),
        body=await request.body(),
        arrived_at=arrived_at,
    )


def _find_subject(panel: Panel, call: ApiCall) -> dict[str, str]:
    """Return the order and the customer of a request, as far as its fields name them; nothing is validated.

    A request that names a work order has that work order's order and customer.
    """
    fields: object = call.query
    if call.body:
        with contextlib.suppress(ValueError):
            fields = parse_json(call.body)
    if not isinstance(fields, Mapping):
        return {}
    work_order = panel.find_named(fields)
    subject = fields if work_order is None else {**fields, **work_order.fault_subject()}
    return {name: str(subject[name]).casefold() for name in SUBJECTS if name in subject}


def create_app(**settings: Any) -> Starlette:
    """Return a Panelr installation as an ASGI app; its state is `app.state.panel`, a `Panel`.

    `settings` are the fields of `PanelSettings`; `api_key` is required. Serve the app with
    `panelr_bridge.simulators.server.running`, because faults need the connection's transport. Raises ValueError for an
    empty key or another invalid value.
    """
    panel = Panel(PanelSettings(**settings), actions=ACTIONS)
    app = Starlette(
        routes=[Route("/api/api.php", PanelrApi(panel)), Mount("/_sim", routes=ROUTES)], exception_handlers=ERRORS
    )
    app.router.redirect_slashes = False
    app.state.panel = panel
    return app
