"""A small part of the benchmark: it runs and counts correctly. No time is asserted."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import burst, orders
from bench.databases import SQLITE, open_databases
from bench.load import DeliveryResult, LoadReport, LoadSettings, run_load
from bench.measure import BenchRun, LoadCase
from bench.order_check import check_orders, find_unknown_orders, find_wrong_orders
from bench.outcome import Goal, Spread
from bench.panelr import run_panelr
from bench.processes import read_usage
from bench.speed import FLOOR, side_by_side
from panelr_bridge.woocommerce import order_payload
from panelr_bridge.woocommerce.order_payload import Order
from panelr_bridge.woocommerce.webhook_signature import verify

FEW = LoadCase(4, seconds=5, count=40)
BUSY = """
import sys, time
while time.process_time() < 0.2:
    pass
print(time.process_time(), flush=True)
sys.stdin.read()
"""
"""A program that uses the CPU for a while, prints how long, and waits."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[BenchRun]:
    with open_databases(tmp_path) as bench_databases, run_panelr(tmp_path) as panel:
        yield BenchRun(tmp_path, bench_databases, panel, quick=True)


def test_floor_and_bridge_create_every_order_once_and_errors_are_reported(bench: BenchRun) -> None:
    with side_by_side(bench, SQLITE) as targets:
        first = bench.next_order_number()
        for target in targets:
            measured, report = bench.load(target, FEW, first=first, count=FEW.count)
            assert measured.states == {"200 created": FEW.count}
            assert bench.problems == []
            if target.name == FLOOR:
                first = bench.next_order_number()
        again, _ = bench.load(target, FEW, first=first, count=FEW.count)
        assert again.orders == FEW.count
        assert bench.problems == []
        # an order that Panelr does not have, and a rejected one
        lost = LoadReport(
            [*report.answers, DeliveryResult(7, 200, "created", 0, 0), DeliveryResult(8, 503, "", 0, 0)], 1, 1, 1
        )
        problems = "\n".join(check_orders(lost, bench.panelr, target.url, patience=0))
    assert "order 7 is missing" in problems
    assert "order 7 is missing in the database" in problems
    assert "order 8 was answered 503" in problems
    assert find_unknown_orders(bench.sent, bench.panelr.counts().created) == []


@pytest.mark.parametrize(
    ("work_orders", "known_states", "words"),
    [
        ({1: 1, 2: 1}, {1: "created", 2: "created"}, []),
        ({1: 1}, {1: "created", 2: "created"}, ["order 2 is missing: 0 work orders"]),
        ({1: 1, 2: 2}, {1: "created", 2: "created"}, ["order 2 is duplicated: 2 work orders"]),
        ({1: 1, 2: 1}, {1: "created", 2: "unconfirmed"}, ["order 2 is unconfirmed in the database"]),
        ({1: 1, 2: 1}, {1: "created"}, ["order 2 is missing in the database"]),
    ],
)
def test_missing_and_duplicate_orders_are_reported(
    work_orders: dict[int, int], known_states: dict[int, str], words: list[str]
) -> None:
    assert find_wrong_orders([1, 2], work_orders, known_states) == words


def test_paced_deliveries_are_sent_at_their_due_times(bench: BenchRun) -> None:
    with side_by_side(bench, SQLITE) as (low, _):
        bench.panelr.delay(1000)
        load = LoadSettings([low.processes[0].port], bench.next_order_number(), 10, 0.5, concurrency=0, paced=True)
        answers = sorted(run_load(load).answers, key=lambda each: each.number)
    assert [each.status for each in answers] == [200] * 10
    assert all(each.began > 0.05 * place - 0.01 for place, each in enumerate(answers))
    assert answers[1].began < answers[0].began + answers[0].seconds


@pytest.mark.parametrize(
    ("status", "known_states", "work_orders", "words"),
    [
        (202, {1: "queued"}, {}, []),
        (200, {1: "created"}, {1: 1}, []),
        (202, {1: "sending"}, {1: 1}, []),
        (0, {1: "queued"}, {}, ["order 1 was answered 0"]),
        (202, {}, {}, ["order 1 is missing in the database"]),
        (202, {1: "unconfirmed"}, {}, ["order 1 is unconfirmed in the database"]),
        (200, {1: "created"}, {}, ["order 1 is created in the database, but has no work order"]),
        (200, {1: "created"}, {1: 2}, ["order 1 is duplicated: 2 work orders"]),
    ],
)
def test_wrong_orders_after_a_burst_are_reported(
    status: int, known_states: dict[int, str], work_orders: dict[int, int], words: list[str]
) -> None:
    assert burst.find_wrong_orders([DeliveryResult(1, status, "", 0, 0)], known_states, work_orders) == words


def test_an_unexpected_work_order_is_reported() -> None:
    assert find_unknown_orders([1], {1: 1, 3: 1}) == ["work order for order 3, but that order was not sent"]


def test_the_order_is_valid_for_woocommerce() -> None:
    content = orders.build_body(4711)
    assert 6_000 < len(content) < 8_000
    verify(
        body=content,
        signature=orders.build_headers(4711, content)["X-WC-Webhook-Signature"],
        secrets=[orders.SECRET],
    )
    order = order_payload.parse(body=content, topic=orders.CREATED)
    assert isinstance(order, Order)
    assert order.id == 4711
    assert orders.build_body(4711) == content != orders.build_body(4712)


@pytest.mark.parametrize(("found", "at_least", "met"), [(0.7, True, True), (0.5, True, False), (0.7, False, False)])
def test_a_goal_is_met_or_missed_by_its_median(found: float, at_least: bool, met: bool) -> None:
    assert Goal("orders/s", SQLITE, Spread(found, 0, 1), 0.6, at_least=at_least).met is met


def test_cpu_usage_equals_the_process_own_report() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        reported = float(process.stdout.readline())
        used = read_usage(process.pid).cpu_seconds
        process.stdin.close()
    assert reported <= used < reported + 0.05
