"""What a request finds of the running process."""

from typing import Annotated, cast

from fastapi import Depends, Request

from panelr_bridge.application.container import BridgeContainer


def runtime_of(request: Request) -> BridgeContainer:
    """Return the parts of this process."""
    return cast("BridgeContainer", request.app.state.runtime)


Parts = Annotated[BridgeContainer, Depends(runtime_of)]
