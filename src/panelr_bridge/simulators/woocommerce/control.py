"""The simulator's own controls below `/_sim/`, to be driven with curl. Nothing here exists in a real shop."""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from panelr_bridge.simulators.woocommerce.addresses import ADDRESSES
from panelr_bridge.simulators.woocommerce.control_call import Control, read_call
from panelr_bridge.simulators.woocommerce.control_orders import ORDER_CONTROLS
from panelr_bridge.simulators.woocommerce.control_rest import REST_CONTROLS, repertoire_json
from panelr_bridge.simulators.woocommerce.control_webhooks import WEBHOOK_CONTROLS
from panelr_bridge.simulators.woocommerce.ledger import StoreError, UnknownError
from panelr_bridge.simulators.woocommerce.store import Store

CONTROLS = [*ORDER_CONTROLS, *WEBHOOK_CONTROLS, *REST_CONTROLS]


class ReadableJSON(JSONResponse):
    """JSON for eyes: indented, a line's end at its end."""

    def render(self, content: object) -> bytes:
        """Write `content`."""
        return json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def control_routes(store: Store) -> list[Route]:
    """Give the controls over `store`, and `GET /_sim/`, which lists them."""
    return [Route("/_sim/", _guide), *(_route(store, control) for control in CONTROLS)]


def _route(store: Store, control: Control) -> Route:
    async def answer(request: Request) -> Response:
        try:
            return ReadableJSON(await control.act(store, await read_call(request)))
        except UnknownError as error:
            return ReadableJSON({"error": str(error)}, 404)
        except StoreError as error:
            return ReadableJSON({"error": str(error)}, 400)
        except ValueError as error:
            return ReadableJSON({"error": f"the body is not JSON: {error}"}, 400)

    return Route(control.path, answer, methods=[control.method])


async def _guide(_: Request) -> Response:
    paths = [control.path.replace("{number:int}", "{id}") for control in CONTROLS]
    lines = [
        {"do": f"{control.method} {path}", "what": control.words, "example": control.example}
        for control, path in zip(CONTROLS, paths, strict=True)
    ]
    rest = {name: f"{' or '.join(methods)} {path}" for name, (methods, path) in ADDRESSES.items()}
    return ReadableJSON({"controls": lines, "faults": repertoire_json(), "rest": rest})
