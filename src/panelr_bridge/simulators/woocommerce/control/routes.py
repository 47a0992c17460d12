"""The routes of the controls below `/_sim/`. A real shop has none of them."""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from panelr_bridge.simulators.woocommerce.control.history import HISTORY_CONTROLS
from panelr_bridge.simulators.woocommerce.control.orders import ORDER_CONTROLS
from panelr_bridge.simulators.woocommerce.control.request import ControlAction, read_request
from panelr_bridge.simulators.woocommerce.control.rest_api import REST_CONTROLS, fault_catalogue_json
from panelr_bridge.simulators.woocommerce.control.subscriptions import SUBSCRIPTION_CONTROLS
from panelr_bridge.simulators.woocommerce.control.webhooks import WEBHOOK_CONTROLS
from panelr_bridge.simulators.woocommerce.rest_actions import REST_ACTIONS
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop
from panelr_bridge.simulators.woocommerce.shop_data import NotFoundError, ShopError

CONTROLS = [*ORDER_CONTROLS, *HISTORY_CONTROLS, *SUBSCRIPTION_CONTROLS, *WEBHOOK_CONTROLS, *REST_CONTROLS]


class IndentedJSONResponse(JSONResponse):
    """Indented JSON with a line break at the end."""

    def render(self, content: object) -> bytes:
        """Return `content` as bytes."""
        return json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def control_routes(shop: SimulatedShop) -> list[Route]:
    """Return the routes of the controls over `shop`, and of `GET /_sim/`, their index."""
    return [Route("/_sim/", _show_index), *(_build_route(shop, control) for control in CONTROLS)]


def _build_route(shop: SimulatedShop, control: ControlAction) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return IndentedJSONResponse(await control.run(shop, await read_request(request)))
        except NotFoundError as error:
            return IndentedJSONResponse({"error": str(error)}, 404)
        except ShopError as error:
            return IndentedJSONResponse({"error": str(error)}, 400)
        except ValueError as error:
            return IndentedJSONResponse({"error": f"the body is not JSON: {error}"}, 400)

    return Route(control.path, endpoint, methods=[control.method])


async def _show_index(_: Request) -> Response:
    paths = [control.path.replace("{number:int}", "{id}") for control in CONTROLS]
    lines = [
        {"do": f"{control.method} {path}", "what": control.description, "example": control.example}
        for control, path in zip(CONTROLS, paths, strict=True)
    ]
    rest = {name: f"{' or '.join(methods)} {path}" for name, (methods, path) in REST_ACTIONS.items()}
    return IndentedJSONResponse({"controls": lines, "faults": fault_catalogue_json(), "rest": rest})
