"""Products chosen by a line's meta, from the webhook route to Panelr's cart."""

from typing import Any

import pytest

from tests.support.api_answers import BOTH_DATABASES, problem, read_audit_log
from tests.support.bridge_kit import Kit
from tests.support.field_cases import field_case

PRODUCTS = "/product-mappings"
(DELIVERY,) = field_case("addon-carries-plan")["deliveries"]
PLAN = {"Duration ($50,00)": "12 months", "Connections ($8,00)": "4"}


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


def bought(number: int, *choices: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return an order of one line of product 101 for each choice of add-ons."""
    (first,) = DELIVERY["body"]["line_items"]
    lines = [
        first
        | {"id": place, "meta_data": [{"id": 1, "key": key, "value": value} for key, value in choice.items()]}
        | changes
        for place, choice in enumerate(choices, start=1)
    ]
    body: dict[str, Any] = DELIVERY["body"]
    return body | {"id": number, "order_key": f"wc_order_k{number}", "number": str(number), "line_items": lines}


async def map_plan(kit: Kit, panelr_product_id: int | None, **conditions: Any) -> dict[str, Any]:
    """Map product 101 with these conditions."""
    listed = [{"key": key, "value": value} for key, value in conditions.items()]
    return await kit.map(woo_product_id=101, panelr_product_id=panelr_product_id, conditions=listed)


def products(kit: Kit, number: int) -> list[int]:
    (made,) = kit.panel.of_wc_order(str(number))
    return [each.product_id for each in made.cart]


async def codes(kit: Kit, number: int) -> list[str]:
    return [each["code"] for each in (await kit.order(number))["reasons"]]


@BOTH_DATABASES
async def test_the_plan_that_the_add_ons_name_is_set_up(kit: Kit) -> None:
    await kit.map(woo_product_id=101, panelr_product_id=1)
    await map_plan(kit, 2, Duration="12 months")
    await map_plan(kit, 6, Duration="12 months", Connections="4")
    choices: list[dict[str, Any]] = [
        {"Duration": "1 month"},
        {"DURATION (+&#36;50.00)": "12&nbsp;Months"},
        PLAN,
        {"Connections ($9,00)": 4, "Duration ($60,00)": ["12 months"]},
    ]
    for number, choice in enumerate(choices, start=1):
        answer = await kit.post(bought(number, choice))
        assert answer.json()["state"] == "created", answer.text
    assert [products(kit, number) for number in (1, 2, 3, 4)] == [[1], [2], [6], [6]]


async def test_two_plans_in_one_order_are_two_items_of_it(kit: Kit) -> None:
    await map_plan(kit, 1, Duration="1 month")
    await map_plan(kit, 2, Duration="12 months")
    await kit.post(bought(1, {"Duration": "1 month"}, {"Duration": "12 months"}))
    assert products(kit, 1) == [1, 2]


async def test_mappings_with_the_same_conditions_are_a_bundle(kit: Kit) -> None:
    await map_plan(kit, 2, Duration="12 months")
    await map_plan(kit, 4, duration="12 Months")
    await map_plan(kit, 1, Duration="1 month")
    await kit.post(bought(1, PLAN))
    assert products(kit, 1) == [2, 4]


@BOTH_DATABASES
async def test_a_line_that_no_mapping_fits_is_held_until_one_does(kit: Kit) -> None:
    await map_plan(kit, 1, Duration="1 month")
    assert (await kit.post(bought(1, PLAN))).json()["state"] == "held"
    (reason,) = (await kit.order(1))["reasons"]
    assert (reason["code"], reason["words"]) == (
        "no_fitting_mapping",
        "no mapping for product 101 with Duration ($50,00): 12 months, Connections ($8,00): 4: add one",
    )
    await map_plan(kit, 2, Duration="12 months")
    await kit.until(1, "created")
    assert products(kit, 1) == [2]


async def test_a_variation_and_a_condition_go_together(kit: Kit) -> None:
    await kit.map(woo_variation_id=7, panelr_product_id=1)
    await kit.map(woo_variation_id=7, panelr_product_id=2, conditions="Connections=4")
    await map_plan(kit, 6, Duration="12 months")
    await kit.post(bought(1, {"Connections": "4"}, variation_id=7))
    await kit.post(bought(2, {"Duration": "12 months"}, variation_id=7))
    await kit.post(bought(3, PLAN, variation_id=7))
    await kit.post(bought(4, {}, variation_id=7))
    assert [products(kit, number) for number in (1, 2, 3, 4)] == [[2], [6], [2], [1]]


async def test_an_edit_of_the_add_ons_before_the_work_order_counts(kit: Kit) -> None:
    await map_plan(kit, 2, Duration="12 months")
    await kit.post(bought(1, {"Duration": "2 months"}))
    assert await codes(kit, 1) == ["no_fitting_mapping"]
    later = bought(1, PLAN) | {"date_modified_gmt": "2026-11-20T11:00:00"}
    assert (await kit.post(later)).json()["state"] == "created"


# The admin API


@BOTH_DATABASES
async def test_the_conditions_are_part_of_a_mappings_identity(kit: Kit) -> None:
    first = await map_plan(kit, 2, Duration="12 months", Connections="4")
    assert first["conditions"] == [{"key": "connections", "value": "4"}, {"key": "duration", "value": "12 months"}]
    await map_plan(kit, 2)
    await map_plan(kit, 2, Duration=None)
    await map_plan(kit, None, Duration="none")
    again = {"woo_product_id": 101, "panelr_product_id": 2, "conditions": "DURATION=12  Months; Connections=4"}
    words = "mapping 1 says this already: change its quantity instead"
    assert problem(await kit.api("POST", PRODUCTS, json=again), 409)["detail"] == words
    nothing = again | {"panelr_product_id": None}
    assert "mapping 1 contradicts this" in problem(await kit.api("POST", PRODUCTS, json=nothing), 409)["detail"]
    problem(await kit.api("POST", f"{PRODUCTS}/import", json=[nothing]), 409)
    changed = await kit.api("PATCH", f"{PRODUCTS}/1", json={"quantity": 2})
    assert changed.json()["data"]["conditions"] == first["conditions"]
    assert problem(await kit.api("PATCH", f"{PRODUCTS}/1", json={"conditions": []}), 409)["detail"].startswith(
        "mapping 2"
    )
    moved = await kit.api("PATCH", f"{PRODUCTS}/1", json={"conditions": [{"key": "Plan", "value": "Gold"}]})
    assert moved.json()["data"]["conditions"] == [{"key": "plan", "value": "gold"}]
    assert len(await read_audit_log(kit)) == 6


@BOTH_DATABASES
async def test_mappings_are_found_by_their_conditions(kit: Kit) -> None:
    await map_plan(kit, 2, Duration="12 months", Connections="4")
    await map_plan(kit, 1)
    for text, ids in (("Duration=12 months; connections=4", [1]), ("", [2]), ("Duration=12 months", [])):
        answer = await kit.api("GET", PRODUCTS, params={"conditions": text})
        assert [each["id"] for each in answer.json()["data"]] == ids
    problem(await kit.api("GET", PRODUCTS, params={"conditions": "Duration="}), 400)


@BOTH_DATABASES
async def test_a_file_carries_conditions(kit: Kit) -> None:
    lines = [
        "woo_product_id,conditions,panelr_product_id",
        "101,Duration=12 months; Connections=4,2",
        "101,Duration=1 month,1",
        r"101,Note=a\;b,none",
        "101,,6",
    ]
    as_csv = {"Content-Type": "text/csv"}
    for counts in ({"added": 4, "unchanged": 0}, {"added": 0, "unchanged": 4}):
        answer = await kit.api("POST", f"{PRODUCTS}/import", content="\n".join(lines).encode(), headers=as_csv)
        assert answer.json()["data"] == {"changed": 0, "dry_run": False} | counts
    exported = (await kit.api("GET", f"{PRODUCTS}/export")).text
    assert exported.splitlines()[1:] == [
        "default,101,,,2,new_activation,1,connections=4; duration=12 months",
        "default,101,,,1,new_activation,1,duration=1 month",
        r"default,101,,,none,new_activation,1,note=a\;b",
        "default,101,,,6,new_activation,1,",
    ]
    again = await kit.api("POST", f"{PRODUCTS}/import", content=exported.encode(), headers=as_csv)
    assert again.json()["data"]["unchanged"] == 4


@BOTH_DATABASES
async def test_the_longest_conditions_can_be_stored(kit: Kit) -> None:
    """PostgreSQL's indexes hold rows of 2,700 bytes at most."""
    many = [
        {
            "key": f"k{number}" + chr(0x4E00 + 37 * number),
            "value": "".join(chr(0x4E00 + 91 * each * number % 20000) for each in range(25)),
        }
        for number in range(1, 11)
    ]
    for product in (2, None):
        mapping = {"sku": "".join(chr(0x4E00 + 7 * each) for each in range(200)), "panelr_product_id": product}
        answer = await kit.api("POST", PRODUCTS, json=mapping | {"conditions": many, "store": "default"})
        assert answer.status_code == (201 if product else 409), answer.text
    too_many = [*many, {"key": "one more", "value": "x"}]
    problem(await kit.api("POST", PRODUCTS, json={"sku": "A", "panelr_product_id": 2, "conditions": too_many}), 422)
