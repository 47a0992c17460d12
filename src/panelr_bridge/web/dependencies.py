"""FastAPI dependencies of the endpoints."""

from typing import Annotated, cast

from fastapi import Depends, Request

from panelr_bridge.application.container import BridgeContainer


def get_container(request: Request) -> BridgeContainer:
    """Return the container of the running application."""
    return cast("BridgeContainer", request.app.state.container)


Container = Annotated[BridgeContainer, Depends(get_container)]
