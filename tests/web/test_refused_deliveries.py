"""Deliveries with a wrong secret: they are counted in memory, written rarely, and reported until the secret fits."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, select

from panelr_bridge.application import refusal_counter
from panelr_bridge.application.delivery_checks import check_refused
from panelr_bridge.application.health_check import HealthCheck
from panelr_bridge.application.refusal_counter import remove_resolved
from panelr_bridge.store import refused_webhooks, tables
from panelr_bridge.store.database import Database
from panelr_bridge.store.rows import RefusedWebhook
from tests.support.api_answers import BOTH_DATABASES
from tests.support.bridge_kit import Kit, order

SHOP = "https://shop.example/"


async def refuse(kit: Kit, *, webhook: Any = "3", source: str = SHOP, **more: Any) -> int:
    """Post a delivery with a wrong secret; return the answer's status."""
    headers = {"X-WC-Webhook-Source": source} | ({} if webhook is None else {"X-WC-Webhook-ID": webhook})
    return (await kit.post(order(id=5), secret="wrong", headers=headers | more)).status_code


async def look(kit: Kit) -> HealthCheck:
    """Return the check, as another process sees it."""
    writer = kit.runtime.refusals._writer
    if writer is not None:
        await writer
    return await kit.runtime.database.read(check_refused, now=kit.runtime.bridge.clock())


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Write without a wait."""
    monkeypatch.setattr(refusal_counter, "WRITE_SECONDS", 0.0)
    return iter([None])


@BOTH_DATABASES
async def test_a_wrong_secret_is_reported_until_the_webhook_delivers(kit: Kit) -> None:
    assert (await look(kit)).ok
    assert [await refuse(kit), await refuse(kit)] == [401, 401]
    since = f"{kit.runtime.bridge.clock():%H:%M}"
    found = await look(kit)
    assert found.words == (
        f"2 deliveries refused since {since} UTC: the secret of this webhook differs"
        " (webhook 3 of https://shop.example): set BRIDGE_WEBHOOK_SECRET to that webhook's secret"
    )
    assert (found.ok, found.vital, found.details) == (False, False, ())
    await kit.post(order(id=1), headers={"X-WC-Webhook-ID": "4"})
    await kit.post(order(id=2), headers={"X-WC-Webhook-ID": "3", "X-WC-Webhook-Source": "https://staging.example"})
    assert not (await look(kit)).ok
    await kit.post({"id": 3}, topic="order.deleted", headers={"X-WC-Webhook-ID": "3", "X-WC-Webhook-Source": SHOP})
    assert (await look(kit)).ok
    await remove_resolved(kit.runtime.database)
    assert await kit.runtime.database.read(refused_webhooks.list_all) == {}
    await refuse(kit)
    assert (await look(kit)).words.startswith("1 delivery refused since ")


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize(
    "headers",
    [
        {"webhook": None},
        {"webhook": "three"},
        {"webhook": "9" * 21},
        {"webhook": "٣".encode()},
        {"X-WC-Webhook-Signature": "short"},
        {"X-WC-Webhook-Signature": "x" * 44},
        {"X-WC-Webhook-Signature": ""},
    ],
)
async def test_a_request_that_is_not_of_woocommerces_form_is_not_counted(kit: Kit, headers: dict[str, Any]) -> None:
    assert await refuse(kit, **headers) == 401
    assert kit.runtime.refusals._writer is None
    assert (await look(kit)).ok


@BOTH_DATABASES
async def test_a_flood_stays_one_small_row(kit: Kit) -> None:
    for number in range(300):
        await refuse(kit, webhook=str(number), source=f"https://{'a' * 90}.{number}.example/?token=x")
    found = await look(kit)
    assert len(found.details) == 3
    assert all(len(each) < 300 for each in (found.words, *found.details))

    def read(connection: Connection) -> list[Any]:
        return list(connection.execute(select(tables.refused_webhooks)))

    (row,) = await kit.runtime.database.read(read)
    assert sum(each["count"] for each in row.webhooks) == 300
    assert len(row.webhooks) == refused_webhooks.MAX_WEBHOOKS + 1
    await kit.post(order(id=1), headers={"X-WC-Webhook-ID": "77"})
    assert "other webhooks" not in str(await look(kit))


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_process_writes_rarely_and_apart_from_the_requests(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusal_counter, "WRITE_SECONDS", 30.0)
    await refuse(kit)
    await asyncio.wait_for(kit.runtime.refusals._writer or asyncio.sleep(9), 9)
    for _ in range(20):
        assert await refuse(kit) == 401
    stored = await kit.runtime.database.read(refused_webhooks.list_all)
    assert [each["count"] for each in stored["default"]] == [1]
    await kit.runtime.refusals.close()
    stored = await kit.runtime.database.read(refused_webhooks.list_all)
    assert [each["count"] for each in stored["default"]] == [21]


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_database_that_fails_loses_no_count_and_fails_no_request(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[str] = []

    async def write(self: Database, work: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        if work is refused_webhooks.add and len(failures) < 2:
            failures.append("failed")
            raise OSError("no disk")
        return await true_write(self, work, *arguments, **more)

    database_type = type(kit.runtime.database)
    true_write = database_type.write
    monkeypatch.setattr(database_type, "write", write)
    assert [await refuse(kit), await refuse(kit)] == [401, 401]
    assert (await look(kit)).words.startswith("2 deliveries ")
    assert len(failures) == 2


@BOTH_DATABASES
async def test_two_processes_add_up(kit: Kit) -> None:
    moment = kit.runtime.bridge.clock().isoformat(timespec="microseconds")
    one: RefusedWebhook = {"webhook": "3", "host": "https://shop.example", "count": 2, "since": moment, "last": moment}
    for _ in range(2):
        await kit.runtime.database.write(refused_webhooks.add, store="default", webhooks=[one])
    assert (await look(kit)).words.startswith("4 deliveries ")


@pytest.mark.parametrize(
    ("source", "host"),
    [
        ("https://shop.example/", "https://shop.example"),
        ("http://shop.example:8080/de?x=1", "http://shop.example:8080"),
        ("https://ada:secret@shop.example/", "https://shop.example"),
        ("https://\x1b[2Jshop.example/", None),
        ("https://shop example/", None),
        ("https://[::1", None),
        ("https://shop.example:99999", None),
        ("javascript:alert(1)", None),
        (f"https://{'a' * 101}/", None),
        ("", None),
        (None, None),
    ],
)
def test_only_the_host_of_a_source_is_kept(source: str | None, host: str | None) -> None:
    assert refusal_counter.read_host(source) == host
