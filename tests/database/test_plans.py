"""The query plan of every statement that runs often, on filled tables: which index it uses.

Both databases are asked with and without statistics: SQLite never analyzes its tables by itself, and PostgreSQL
may not have analyzed them since they were small.
"""

import re
from collections.abc import AsyncIterator

import pytest

from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.domain.mapping_input import ProductMapping
from panelr_bridge.store import database, mappings, rate_limit
from panelr_bridge.store.database import Database
from tests.support import filled_database as filled
from tests.support import plan_cases
from tests.support.filled_database import NOW
from tests.support.query_plans import GROWING, used_by

ORDERS = 24_000
Range = tuple[int, int]

# By statement: the indexes of growing tables that it uses, on SQLite and on PostgreSQL
EXPECTED: dict[str, tuple[set[str], set[str]]] = {
    "receive the first time": (
        {"ix_orders_in_doubt", "ix_orders_due", "sqlite_autoindex_orders_1", "sqlite_autoindex_product_mappings_1"},
        {
            "ix_orders_in_doubt",
            "ix_orders_due",
            "uq_orders_store_woo_order_id",
            "uq_product_mappings_identity",
        },
    ),
    "receive a newer snapshot": (
        {"sqlite_autoindex_orders_1", "sqlite_autoindex_product_mappings_1"},
        {"pk_orders", "uq_orders_store_woo_order_id", "uq_product_mappings_identity"},
    ),
    "claim a create": (
        {
            "ix_orders_in_doubt",
            "ix_orders_due",
            "sqlite_autoindex_orders_1",
            "sqlite_autoindex_product_mappings_1",
        },
        {
            "ix_orders_in_doubt",
            "ix_orders_due",
            "pk_deliveries",
            "pk_orders",
            "uq_orders_store_woo_order_id",
            "uq_product_mappings_identity",
        },
    ),
    "claim a look-up": (
        {"ix_orders_due"},
        {"ix_orders_due", "pk_orders"},
    ),
    "end leases": (
        {"along ix_orders_sending", "ix_orders_looked_up"},
        {"along ix_orders_sending", "ix_orders_looked_up"},
    ),
    "awaiting mapping": ({"ix_orders_awaits_mapping"}, {"ix_orders_awaits_mapping"}),
    "next at": ({"ix_orders_due"}, {"ix_orders_due"}),
    "free at": (set(), set()),
    "take": (set(), set()),
    "take probe": (set(), set()),
    "release after an outage": (
        {"along ix_orders_waits_for_outage"},
        {"along ix_orders_waits_for_outage", "pk_orders"},
    ),
    "release follow-ups": (
        {"along ix_follow_ups_waits_for_outage"},
        {"along ix_follow_ups_waits_for_outage", "pk_follow_ups"},
    ),
    "oldest owed": ({"ix_orders_owes_since"}, {"ix_orders_owes_since"}),
    "oldest in an outage": ({"ix_orders_waits_for_outage"}, {"along ix_orders_waits_for_outage"}),
    "bring back": (
        {"ix_orders_due", "ix_orders_owes_since", "along ix_orders_sending", "ix_orders_looked_up"},
        {"ix_orders_due", "ix_orders_owes_since", "along ix_orders_sending", "ix_orders_looked_up"},
    ),
    "bring follow-ups back": ({"ix_follow_ups_due"}, {"ix_follow_ups_due"}),
    "settle": (set(), {"pk_orders"}),
    "wake": (set(), {"pk_deliveries", "pk_orders"}),
    "twin in doubt": ({"ix_orders_in_doubt"}, {"ix_orders_in_doubt"}),
    "owner": ({"ix_orders_reference_code"}, {"ix_orders_reference_code"}),
    "linked": (
        {"ix_orders_reference_code", "ix_orders_work_order_id"},
        {"ix_orders_reference_code", "ix_orders_work_order_id"},
    ),
    "standing of a page": ({"sqlite_autoindex_orders_1"}, {"uq_orders_store_woo_order_id"}),
    "tell again": ({"sqlite_autoindex_orders_1"}, {"uq_orders_store_woo_order_id", "pk_deliveries"}),
    "kept of a page": ({"sqlite_autoindex_deliveries_1"}, {"uq_deliveries_store_topic_body_sha256"}),
    "look": (
        {
            "ix_orders_sending",
            "ix_follow_ups_due",
            "ix_follow_ups_leases",
            "ix_orders_awaits_mapping",
            "ix_orders_follow_at",
            "ix_orders_due",
            "ix_orders_looked_up",
        },
        {  # each reads an index up to its first entry
            "along ix_follow_ups_leases",
            "along ix_orders_follow_at",
            "along ix_orders_sending",
            "along ix_orders_looked_up",
            "ix_follow_ups_due",
            "ix_orders_awaits_mapping",
            "ix_orders_due",
        },
    ),
    "to plan": ({"ix_orders_follow_at"}, {"ix_orders_follow_at"}),
    "follow-ups of": ({"sqlite_autoindex_follow_ups_1"}, {"uq_follow_ups_order_id_kind"}),
    "claim a follow-up": (
        {"ix_follow_ups_due", "sqlite_autoindex_follow_ups_1"},
        {"ix_follow_ups_due", "pk_orders", "uq_follow_ups_order_id_kind"},
    ),
    "end leases of follow-ups": ({"ix_follow_ups_leases"}, {"ix_follow_ups_leases", "pk_orders"}),
    "history": (
        {
            "sqlite_autoindex_activations_1",
            "sqlite_autoindex_follow_ups_1",
            "sqlite_autoindex_orders_1",
            "sqlite_autoindex_subscription_orders_1",
        },
        {
            "uq_activations_order_id_activation_id",
            "uq_follow_ups_order_id_kind",
            "uq_orders_store_woo_order_id",
            "uq_subscription_orders_store_subscription_id_woo_order_id",
        },
    ),
    "keep activations": (
        {"ix_subscription_orders_order", "sqlite_autoindex_orders_1", "sqlite_autoindex_subscription_orders_1"},
        {
            "ix_subscription_orders_order",
            "uq_orders_store_woo_order_id",
            "uq_subscription_orders_store_subscription_id_woo_order_id",
        },
    ),
    "other orders' lines": ({"ix_activations_activation_id"}, {"ix_activations_activation_id"}),
    "on the wire": ({"along ix_orders_sending"}, {"along ix_orders_sending"}),
    # PostgreSQL reads the newest ids for the newest deliveries of a kind that most deliveries are of
    "unread deliveries": (
        {"along ix_deliveries_kind", "ix_deliveries_kind", "ix_deliveries_order", "ix_deliveries_unresolved"},
        {
            "along ix_deliveries_kind",
            "along pk_deliveries",
            "ix_deliveries_kind",
            "ix_deliveries_order",
            "ix_deliveries_unresolved",
            "pk_deliveries",
        },
    ),
    "refused deliveries": (
        {"along ix_deliveries_kind", "ix_deliveries_kind"},
        {"along ix_deliveries_kind", "along pk_deliveries", "ix_deliveries_kind", "pk_deliveries"},
    ),
    "unused topics": (
        {"along ix_deliveries_kind", "ix_deliveries_kind", "sqlite_autoindex_orders_1"},
        {"along ix_deliveries_kind", "ix_deliveries_kind", "pk_deliveries", "uq_orders_store_woo_order_id"},
    ),
    "counts": (
        {"ix_orders_sending", "sqlite_autoindex_orders_1"},
        {"along uq_orders_store_woo_order_id", "ix_orders_sending"},
    ),
    "stats": (
        {
            "along ix_orders_sending",
            "along ix_product_mappings_updated_at",
            "ix_deliveries_verdict",
            "along ix_deliveries_unresolved",
            "ix_orders_sending",
            "ix_orders_due",
            "ix_orders_owes_since",
            "ix_orders_looked_up",
            "sqlite_autoindex_orders_1",
        },
        {
            "along ix_orders_looked_up",
            "along ix_orders_sending",
            "along uq_orders_store_woo_order_id",
            "ix_deliveries_verdict",
            "along ix_deliveries_unresolved",
            "ix_orders_sending",
            "ix_orders_due",
            "ix_orders_owes_since",
        },
    ),
    "order": (set(), {"pk_orders"}),
    "attempts of": ({"ix_attempts_order_id"}, {"ix_attempts_order_id"}),
    "deliveries of": ({"ix_deliveries_order"}, {"ix_deliveries_order"}),
    "find": ({"sqlite_autoindex_orders_1"}, {"uq_orders_store_woo_order_id"}),
}
AS_GOOD = {"ix_orders_attention": "ix_orders_sending", "ix_orders_attention_updated_at": "ix_orders_sending"}
"""Either index has the few rows that are asked for; PostgreSQL uses one or the other."""
COUNTED = {"stats": {"whole product_mappings"}}
"""Tables that the statement must count completely."""
LISTED = {
    ("orders", "id"): {"ix_orders_state", "ix_orders_attention", "along pk_orders", "the beginning of orders"},
    ("orders", "updated_at"): {"ix_orders_updated_at", "ix_orders_attention_updated_at"},
    ("orders", "woo_order_id"): {"uq_orders_store_woo_order_id", "sqlite_autoindex_orders_1"},
    ("deliveries", "id"): {
        "ix_deliveries_kind",
        "along ix_deliveries_unresolved",
        "along pk_deliveries",
        "the beginning of deliveries",
    },
    ("deliveries", "last_received_at"): {
        "ix_deliveries_verdict",
        "ix_deliveries_kind",
        "along ix_deliveries_unresolved",
    },
    ("deliveries", "woo_order_id"): {"ix_deliveries_order", "along ix_deliveries_unresolved"},
}
SAME = {"created_at": "id", "received_at": "id", "state": "id"}


@pytest.fixture(params=[True, False], ids=["analyzed", "as it is"])
def analyzed(request: pytest.FixtureRequest) -> bool:
    """Whether the database has statistics of the filled tables."""
    return bool(request.param)


@pytest.fixture
async def full(database_url: str, *, analyzed: bool) -> AsyncIterator[Database]:
    """A database with many orders, few of which are owed."""
    async with database.open_database(database_url) as opened:
        await opened.write(rate_limit.prepare, name=RATE, limit=120, now=NOW)
        await opened.write(
            mappings.add, NOW, mappings.PRODUCT, ProductMapping(sku="PANEL-1000", panelr_product_id=3).as_row()
        )
        await _fill(opened, orders=(1, 500), creates=(100_001, 100_020), look_ups=(200_001, 200_010), lines=(1, 100))
        if opened.dialect == "postgresql":
            await filled.analyze(opened)
        await _fill(
            opened,
            orders=(501, ORDERS),
            creates=(100_021, 100_500),
            look_ups=(200_011, 200_200),
            lines=(101, 5000),
        )
        if analyzed:
            await filled.analyze(opened)
        yield opened


async def _fill(opened: Database, *, orders: Range, creates: Range, look_ups: Range, lines: Range) -> None:
    await opened.write(filled.add_orders, *orders)
    await opened.write(filled.add_orders, *creates, owing="create_work_order")
    await opened.write(filled.add_orders, *look_ups, owing="look_up")
    await opened.write(filled.add_mappings, *lines)


def _growing(used: set[str]) -> set[str]:
    """Return the indexes of growing tables. SQLite's name for primary keys is the same for every table."""
    return {name for name in used if re.search(rf"({'|'.join(GROWING)})(_|$)", name)}


async def test_what_runs_often_takes_its_index(full: Database, database_url: str) -> None:
    which = 0 if full.dialect == "sqlite" else 1
    cases = [*plan_cases.hot(), *plan_cases.asked()]
    found = {name: _growing(await used_by(full, database_url, work)) for name, work in cases}
    for name in ("counts", "stats"):
        found[name] = {AS_GOOD.get(index, index) for index in found[name]}
    assert {name: used - COUNTED.get(name, set()) for name, used in found.items()} == {
        name: EXPECTED[name][which] for name in found
    }


async def test_a_page_of_a_list_costs_no_table(full: Database, database_url: str, *, analyzed: bool) -> None:
    if (full.dialect, analyzed) == ("postgresql", False):
        pytest.skip("autovacuum looks over a table that grows, and what is cheap for few rows need not be for many")
    for name, work in plan_cases.lists():
        used = await used_by(full, database_url, work)
        assert [each for each in used if each.startswith("whole ")] == [], name
        list_name, given, sort = re.match(r"(\S+) of (.*) by -(\w+)$", name).groups()  # type: ignore[union-attr]
        by_order = "woo_order_id" in name and given not in {"all", "store=eu"}
        if not by_order and (list_name, SAME.get(sort, sort)) in LISTED:
            assert used & LISTED[list_name, SAME.get(sort, sort)], (name, used)
