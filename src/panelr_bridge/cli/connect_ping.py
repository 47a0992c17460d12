"""Call the webhook route from outside, with the ping that WooCommerce sends for a new webhook."""

import socket
import ssl

import httpx

from panelr_bridge.errors import iter_causes
from panelr_bridge.woocommerce.delivery_url import ping_fault

TIMEOUT_SECONDS = 5.0
"""WordPress waits this long for the answer to a ping."""


async def ping_bridge(url: str, *, health: str) -> str | None:
    """Send WooCommerce's unsigned ping to `url`. Return what is wrong with the answer, or None.

    If something else answers, also call the bridge's `health` address, to say whether the bridge can be reached.
    """
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False) as client:
        try:
            answer = await client.post(url, data={"webhook_id": "1"})
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            return _explain_failure(error)
        fault = ping_fault(
            answer.status_code,
            body=answer.text[:100],
            location=answer.headers.get("location", ""),
            kind=answer.headers.get("content-type", ""),
        )
        if fault is None or not await _is_alive(client, health):
            return fault
        return f"{fault} (the bridge itself answers at {health})"


async def _is_alive(client: httpx.AsyncClient, health: str) -> bool:
    try:
        answer = await client.get(health)
        return answer.status_code == 200 and answer.json() == {"status": "alive"}
    except (httpx.HTTPError, ValueError):
        return False


def _explain_failure(error: Exception) -> str:
    for cause in iter_causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid, so WooCommerce refuses to deliver: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "there is no https at this port: use http, or the port for https"
        if isinstance(cause, socket.gaierror):
            return "its host name is unknown: check the spelling and the DNS entry"
    if isinstance(error, httpx.ConnectError):
        return "no connection: is the bridge running, and does this address lead to it?"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {TIMEOUT_SECONDS:g} s: check the address and the firewall"
    return f"the connection failed ({type(error).__name__}): is it the bridge that listens there, by http or https?"
