"""HTTP requests to a shop: one request within a bounded time, and reads with retries."""

import asyncio
import secrets
import socket
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx

from panelr_bridge.errors import ShopError, ShopMisconfigured, ShopUnreachable, iter_causes
from panelr_bridge.woocommerce.rest import auth
from panelr_bridge.woocommerce.rest import response as rest_response
from panelr_bridge.woocommerce.rest.models import RestRequest, RestResponse
from panelr_bridge.woocommerce.rest.request import encode_query, rest_root
from panelr_bridge.woocommerce.rest.transport import TimeoutTransport

LARGEST_RESPONSE = 64 * 1024 * 1024
LONGEST_WAIT = 30.0
CONNECT_SECONDS = 10.0
RETRY_WAITS = (0.5, 2.0, 5.0)
RETRIED_STATUSES = frozenset({None, 408, 425, 429, 500, 502, 503, 504})
_BAD_ADDRESS = "WOO_URL is not an address that can be called"
_QUERY_ADDRESS = (
    "WOO_URL must be the shop's address alone, without ?rest_route=: the bridge calls /wp-json/, which WordPress has"
    " with any permalinks but Plain (Settings > Permalinks)"
)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class RestConnection:
    """Sends requests to one shop. It follows no redirects and ignores proxy variables of the environment."""

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
        """Return the response to a read; try again, after each of `waits`, while the shop has a temporary fault."""
        for wait in self.waits:
            try:
                return await self.send_once(request)
            except ShopUnreachable as error:
                if error.status not in RETRIED_STATUSES:
                    raise
                await asyncio.sleep(min(LONGEST_WAIT, max(wait, error.retry_after or 0.0)))
        return await self.send_once(request)

    async def send_once(self, request: RestRequest) -> RestResponse:
        """Send `request` once and return its response; raise a ShopError for any but a successful one."""
        prepared = self._build_request(request)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(prepared)
        except TimeoutError:
            words = f"the shop did not finish its answer within {self._timeout:g} s"
            raise ShopUnreachable(words, maybe_done=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise classify(error) from None

    def _build_request(self, request: RestRequest) -> httpx.Request:
        if "?" in self.root:
            raise ShopMisconfigured(_QUERY_ADDRESS)
        headers = {"Content-Type": "application/json"} if request.body is not None else {}
        if request.once:
            headers["Idempotency-Key"] = request.once
        try:
            url = self._build_url(request, headers)
            return self._client.build_request(request.method, url, content=request.body, headers=headers)
        except (httpx.InvalidURL, ValueError):  # urllib and oauthlib raise ValueError
            raise ShopMisconfigured(_BAD_ADDRESS) from None

    def _build_url(self, request: RestRequest, headers: dict[str, str]) -> str:
        """Return the full URL, and add the authentication to its query or to `headers`."""
        query = request.query
        if auth.wants_oauth(root=self.root, path=request.path, key=self._key):
            nonce = secrets.token_hex(16)
            query = auth.sign_query(
                request, root=self.root, key=self._key, secret=self._secret, nonce=nonce, timestamp=int(time.time())
            )
        else:
            headers["Authorization"] = auth.basic_authorization(self._key, self._secret)
        return f"{self.root}{request.path}" + (f"?{encode_query(query)}" if query else "")

    async def _exchange(self, prepared: httpx.Request) -> RestResponse:
        response = await self._client.send(prepared, stream=True)
        try:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > LARGEST_RESPONSE:
                    words = "the shop's answer is too large"
                    raise ShopUnreachable(words, status=response.status_code, maybe_done=True)
        finally:
            await response.aclose()
        return rest_response.read(
            status=response.status_code,
            headers=dict(response.headers),
            body=bytes(body),
            root=self.root,
            now=datetime.now(UTC),
            secrets=(self._secret, self._key),
        )


def classify(error: Exception) -> ShopError:
    """Return the ShopError for a connection error; `maybe_done` unless certainly nothing was sent."""
    for cause in iter_causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ShopMisconfigured(f"the shop's certificate is not valid for WOO_URL: {cause.verify_message}")
        if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
            return ShopMisconfigured("the shop's host name is not known: WOO_URL")
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return ShopMisconfigured(_BAD_ADDRESS)
    if isinstance(error, _NEVER_SENT):
        return ShopUnreachable("no connection to the shop could be made")
    return ShopUnreachable(f"the connection to the shop broke: {type(error).__name__}", maybe_done=True)
