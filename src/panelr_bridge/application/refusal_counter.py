"""Count the deliveries that are refused because of their signature, so that `check` can name the wrong secret.

Anybody can send such requests: they are counted in memory, a few numbers a store, and written rarely and apart from
the requests.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import Connection

from panelr_bridge import logs
from panelr_bridge.store import deliveries, refused_webhooks
from panelr_bridge.store.database import Database, is_unavailable
from panelr_bridge.store.rows import ListedDeliveryRow, RefusedWebhook

WRITE_SECONDS = 30.0
"""The shortest time between two writes of one process."""
CLOSE_SECONDS = 2.0
MOST_KINDS = 50
MOST_COMPARED = 100
"""How many topics and verdicts of a store, and how many deliveries of each, are searched for ones that came since."""
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{43}=")
_WEBHOOK_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.-]{1,100}", re.ASCII)

log = logs.get(__name__)


class RefusalCounter:
    """Counts the refused deliveries of one process."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._counted: dict[str, list[RefusedWebhook]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._next_write = 0.0

    def count(self, store: str, headers: Mapping[str, str]) -> None:
        """Count a refused delivery to a known store if it looks like WooCommerce's. It only changes memory."""
        webhook = headers.get("x-wc-webhook-id", "")
        if not _SIGNATURE.fullmatch(headers.get("x-wc-webhook-signature", "")) or not _WEBHOOK_ID.fullmatch(webhook):
            return
        now = self._clock().isoformat(timespec="microseconds")
        host = read_host(headers.get("x-wc-webhook-source"))
        refused: RefusedWebhook = {"webhook": webhook, "host": host, "count": 1, "since": now, "last": now}
        self._counted[store] = refused_webhooks.merge(self._counted.get(store, []), [refused])
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_rarely(), name="refused deliveries")

    async def close(self) -> None:
        """Write what is counted, unless that takes long."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait({self._writer})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._write(), CLOSE_SECONDS)

    async def _write_rarely(self) -> None:
        while self._counted:
            await asyncio.sleep(max(self._next_write - time.monotonic(), 0))
            self._next_write = time.monotonic() + WRITE_SECONDS
            await self._write()

    async def _write(self) -> None:
        """Write what is counted; it stays counted if that fails."""
        for store, webhooks in list(self._counted.items()):
            del self._counted[store]
            try:
                await self._database.write(refused_webhooks.add, store=store, webhooks=webhooks)
            except BaseException as error:
                self._counted[store] = refused_webhooks.merge(webhooks, self._counted.get(store, []))
                if not isinstance(error, Exception):
                    raise
                log.warning("delivery.refusals_not_stored", store=store, unavailable=is_unavailable(error))


def read_host(source: object) -> str | None:
    """Return the scheme and host of X-WC-Webhook-Source; None if it names none. Names and paths are left out."""
    if not isinstance(source, str):
        return None
    try:
        address = urlsplit(source[:500])
        host, port = address.hostname or "", address.port
    except ValueError:
        return None
    if address.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        return None
    return f"{address.scheme}://{host}{'' if port is None else f':{port}'}"


def list_refused(connection: Connection) -> dict[str, list[RefusedWebhook]]:
    """Return by store the webhooks whose deliveries were refused, without those that delivered since."""
    found = {}
    for store, webhooks in refused_webhooks.list_all(connection).items():
        since = _list_newest(connection, store)
        if still := [each for each in webhooks if not any(_makes_up(delivery, each) for delivery in since)]:
            found[store] = still
    return found


def _list_newest(connection: Connection, store: str) -> list[ListedDeliveryRow]:
    """Return a store's newest deliveries of each topic and verdict."""
    kinds = [kind for kind in deliveries.list_kinds(connection) if kind.store == store]
    newest = []
    for kind in kinds[:MOST_KINDS]:
        newest += deliveries.list_newest(connection, kind, limit=MOST_COMPARED)
    return newest


def _makes_up(delivery: ListedDeliveryRow, refused: RefusedWebhook) -> bool:
    """Return whether an authentic delivery shows that the refused webhook has the right secret now.

    Two shops, such as a copy of one, may deliver to one address with equal webhook ids.
    """
    webhook = delivery["headers"].get(deliveries.SENT_BY)
    if webhook is None or delivery["received_at"] <= datetime.fromisoformat(refused["last"]):
        return False
    host = read_host(delivery["headers"].get("x-wc-webhook-source"))
    is_same_host = refused["host"] is None or host is None or host == refused["host"]
    return refused["webhook"] is None or (refused["webhook"] == webhook and is_same_host)


async def remove_resolved(database: Database) -> None:
    """Remove the webhooks that delivered since from the table. It writes only if there are any."""
    known = await database.read(refused_webhooks.list_all)
    if not known:
        return
    still = await database.read(list_refused)
    for store, webhooks in known.items():
        resolved = [each for each in webhooks if each not in still.get(store, [])]
        if resolved:
            await database.write(refused_webhooks.remove, store=store, webhooks=resolved)
            log.info("delivery.secret_fits", store=store, webhooks=len(resolved))
