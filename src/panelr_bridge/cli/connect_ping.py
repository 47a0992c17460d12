"""Knocking at the bridge's door from outside, as WooCommerce does when a webhook is made."""

import socket
import ssl
from collections.abc import Iterator

import httpx

from panelr_bridge.woocommerce.delivery_url import ping_fault

SECONDS = 5.0
"""WordPress waits no longer for the answer to a ping."""


async def ping_bridge(url: str, *, health: str) -> str | None:
    """Send the unsigned ping of WooCommerce to `url`; returns what is wrong with what comes back, or None.

    Where something else than the bridge answers, its address `health` tells whether it is there at all.
    """
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False, follow_redirects=False) as client:
        try:
            answer = await client.post(url, data={"webhook_id": "1"})
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            return _failed(error)
        wrong = ping_fault(
            answer.status_code,
            body=answer.text[:100],
            location=answer.headers.get("location", ""),
            kind=answer.headers.get("content-type", ""),
        )
        if wrong is None or not await _alive(client, health):
            return wrong
        return f"{wrong} (the bridge itself is there: {health} answers)"


async def _alive(client: httpx.AsyncClient, health: str) -> bool:
    try:
        answer = await client.get(health)
        return answer.status_code == 200 and answer.json() == {"status": "alive"}
    except (httpx.HTTPError, ValueError):
        return False


def _failed(error: Exception) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid, so WooCommerce refuses to deliver: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "there is no https at this port: is it one of plain http?"
        if isinstance(cause, socket.gaierror):
            return "its host name is not known: is the name right, and is it in the DNS?"
    if isinstance(error, httpx.ConnectError):
        return "no connection: is the bridge running, and does this address lead to it?"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {SECONDS:g} s: a firewall, or an address that leads nowhere"
    return f"the connection broke ({type(error).__name__}): is it the bridge that listens there, and by http or https?"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
