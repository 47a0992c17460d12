"""The way to a store: one request and its answer within a bounded time, and reads that are tried again."""

import asyncio
import secrets
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import httpx

from panelr_bridge.errors import ShopError, ShopMisconfigured, ShopUnreachable
from panelr_bridge.woocommerce.rest import auth
from panelr_bridge.woocommerce.rest import response as answer
from panelr_bridge.woocommerce.rest.models import RestRequest, RestResponse
from panelr_bridge.woocommerce.rest.request import encode_query, rest_root
from panelr_bridge.woocommerce.rest.transport import TimeoutTransport

LARGEST_ANSWER = 64 * 1024 * 1024
LONGEST_WAIT = 30.0
CONNECT_SECONDS = 10.0
WAITS = (0.5, 2.0, 5.0)
WORTH_REPEATING = frozenset({None, 408, 425, 429, 502, 503, 504})
_NO_ADDRESS = "WOO_URL is no address that can be called"
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class RestConnection:
    """Talks to one store. It follows no redirect and heeds no proxy of the environment."""

    def __init__(self, *, url: str, key: str, secret: str, timeout_seconds: float, waits: Sequence[float]) -> None:
        self.root = rest_root(url)
        self._key, self._secret = key, secret
        self._timeout = timeout_seconds
        self.waits = tuple(waits)
        self._client = httpx.AsyncClient(
            transport=TimeoutTransport(trust_env=False),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(timeout_seconds, connect=min(timeout_seconds / 2, CONNECT_SECONDS)),
            headers={"User-Agent": "panelr-bridge", "Accept": "application/json"},
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def read(self, request: RestRequest) -> RestResponse:
        """Return the answer to a request that changes nothing, which is tried again while the shop is unwell."""
        for wait in self.waits:
            try:
                return await self.once(request)
            except ShopUnreachable as error:
                if error.status not in WORTH_REPEATING:
                    raise
                await asyncio.sleep(min(LONGEST_WAIT, max(wait, error.retry_after or 0.0)))
        return await self.once(request)

    async def once(self, request: RestRequest) -> RestResponse:
        """Return the answer to `request`, sent once; raises a ShopError for any answer but a good one."""
        prepared = self._prepared(request)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._answer(prepared)
        except TimeoutError:
            words = f"the shop did not finish its answer within {self._timeout:g} s"
            raise ShopUnreachable(words, maybe_done=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise classify(error) from None

    def _prepared(self, request: RestRequest) -> httpx.Request:
        headers = {"Content-Type": "application/json"} if request.body is not None else {}
        if request.once:
            headers["Idempotency-Key"] = request.once
        try:
            address = self._address(request, headers)
            return self._client.build_request(request.method, address, content=request.body, headers=headers)
        except (httpx.InvalidURL, ValueError):  # urllib and oauthlib raise ValueError
            raise ShopMisconfigured(_NO_ADDRESS) from None

    def _address(self, request: RestRequest, headers: dict[str, str]) -> str:
        """Return the whole address, and show who sends it: in the query, or in `headers`."""
        query = request.query
        if auth.wants_oauth(root=self.root, path=request.path, key=self._key):
            nonce = secrets.token_hex(16)
            query = auth.sign_query(
                request, root=self.root, key=self._key, secret=self._secret, nonce=nonce, timestamp=int(time.time())
            )
        else:
            headers["Authorization"] = auth.basic_authorization(self._key, self._secret)
        return f"{self.root}{request.path}" + (f"?{encode_query(query)}" if query else "")

    async def _answer(self, prepared: httpx.Request) -> RestResponse:
        response = await self._client.send(prepared, stream=True)
        try:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > LARGEST_ANSWER:
                    words = "the shop's answer is larger than any of its answers"
                    raise ShopUnreachable(words, status=response.status_code, maybe_done=True)
        finally:
            await response.aclose()
        return answer.read(
            status=response.status_code,
            headers=dict(response.headers),
            body=bytes(body),
            root=self.root,
            now=datetime.now(UTC),
            secrets=(self._secret, self._key),
        )


def classify(error: Exception) -> ShopError:
    """Return what an error of the connection means; only what never left is known not to have happened."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ShopMisconfigured(f"the shop's certificate is not valid for WOO_URL: {cause.verify_message}")
        if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
            return ShopMisconfigured("the shop's host name is not known: WOO_URL")
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return ShopMisconfigured(_NO_ADDRESS)
    if isinstance(error, _NEVER_SENT):
        return ShopUnreachable("no connection to the shop could be made")
    return ShopUnreachable(f"the connection to the shop broke: {type(error).__name__}", maybe_done=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
