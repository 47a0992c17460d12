"""`respx.mock(using=WIRE)`: respx instead of the bridge's own transport and of httpx's."""

from typing import Any

import httpx
from respx.mocks import HTTPCoreMocker

WIRE = "wire"


class WireMocker(HTTPCoreMocker):
    """Answers in place of `panelr/http_transport.py`, which takes and returns httpx's own types, and of httpcore."""

    name = WIRE
    targets = [*HTTPCoreMocker.targets, "panelr_bridge.panelr.http_transport.HttpTransport"]  # noqa: RUF012  as respx declares it

    @classmethod
    async def prepare_async_request(cls, httpx_request: httpx.Request, **kwargs: Any) -> Any:
        if isinstance(kwargs["request"], httpx.Request):
            return httpx_request, kwargs
        return await super().prepare_async_request(httpx_request, **kwargs)  # type: ignore[no-untyped-call]

    @classmethod
    def to_httpx_request(cls, **kwargs: Any) -> Any:
        request = kwargs["request"]
        return request if isinstance(request, httpx.Request) else super().to_httpx_request(**kwargs)  # type: ignore[no-untyped-call]

    @classmethod
    async def from_async_httpx_response(cls, httpx_response: httpx.Response, target: Any, **kwargs: Any) -> Any:
        if not isinstance(kwargs["request"], httpx.Request):
            return await super().from_async_httpx_response(  # type: ignore[no-untyped-call]
                httpx_response, target, **kwargs
            )
        return httpx.Response(
            httpx_response.status_code,
            headers=httpx_response.headers,
            stream=httpx.ByteStream(await httpx_response.aread()),
            request=kwargs["request"],
        )
