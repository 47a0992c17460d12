"""What a request finds of the running process."""

from typing import Annotated, cast

from fastapi import Depends, Request

from panelr_bridge.application.container import Runtime


def runtime_of(request: Request) -> Runtime:
    """Return the parts of this process."""
    return cast("Runtime", request.app.state.runtime)


Parts = Annotated[Runtime, Depends(runtime_of)]
