"""Mappings in CSV and JSON files; each error names its line."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panelr_bridge.domain.mapping_input import ProductMapping, read_csv, read_json, write_csv
from panelr_bridge.domain.models import ItemIntent
from panelr_bridge.errors import InvalidValue
from tests.support.properties import examples

HEAD = "woo_product_id,panelr_product_id\n"
COLUMNS = "store, woo_product_id, woo_variation_id, sku, panelr_product_id, intent, quantity, conditions"


def mapping(**fields: Any) -> ProductMapping:
    return ProductMapping(**{"panelr_product_id": 3, **fields})


def csv_error(text: str) -> str:
    with pytest.raises(InvalidValue) as caught:
        read_csv(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{HEAD}12,3\n13,4\n", [mapping(woo_product_id=12), mapping(woo_product_id=13, panelr_product_id=4)]),
        (f"{HEAD}12,3", [mapping(woo_product_id=12)]),
        (f"\ufeff{HEAD}12,3\n", [mapping(woo_product_id=12)]),
        (f"{HEAD}12,3\n".replace("\n", "\r\n"), [mapping(woo_product_id=12)]),
        (f"{HEAD}\n , \n12,3\n\n", [mapping(woo_product_id=12)]),
        (" panelr_product_id , sku \n 3 , A-1 \n", [mapping(sku="A-1")]),
        ('sku,panelr_product_id\n"a,""b"" c",3\n', [mapping(sku='a,"b" c')]),
        (HEAD, []),
        (
            "store,woo_product_id,woo_variation_id,sku,panelr_product_id,intent,quantity\nb,12,18,A,3,renewal,2\n",
            [
                mapping(
                    store="b", woo_product_id=12, woo_variation_id=18, sku="A", intent=ItemIntent.RENEWAL, quantity=2
                )
            ],
        ),
    ],
)
def test_a_csv_file_is_read(text: str, expected: list[ProductMapping]) -> None:
    assert read_csv(text) == expected


@pytest.mark.parametrize("word", ["none", "None", " NONE "])
def test_none_in_a_csv_file_says_known_and_not_for_panelr(word: str) -> None:
    assert read_csv(f"{HEAD}12,{word}\n") == [mapping(woo_product_id=12, panelr_product_id=None)]


def test_what_a_csv_file_leaves_out_is_the_default() -> None:
    (only,) = read_csv("sku,panelr_product_id\nA,3\n")
    assert (only.store, only.intent, only.quantity, only.woo_product_id) == ("default", "new_activation", 1, None)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("12,", "panelr_product_id: is missing; write none for a product that is not for Panelr"),
        ("12", "panelr_product_id: is missing; write none for a product that is not for Panelr"),
        (",3", "give woo_product_id, woo_variation_id or sku"),
        ("0,3", "give woo_product_id, woo_variation_id or sku"),
        ("12,x", "panelr_product_id: Input should be a valid integer, unable to parse string as an integer"),
        ("12,0", "panelr_product_id: Input should be greater than or equal to 1"),
        ("12,2147483648", "panelr_product_id: Input should be less than 2147483648"),
        ("-1,3", "woo_product_id: Input should be greater than or equal to 1"),
        ("12,3,4", "the line has more cells than the first one names"),
        ('"1"2,3', "',' expected after '\"'"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(line: str, problem: str) -> None:
    assert csv_error(f"{HEAD}11,3\n{line}\n13,3\n").startswith(f"line 3: {problem}")


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("renewal,0", "quantity: Input should be greater than or equal to 1"),
        ("renewal,100001", "quantity: Input should be less than or equal to 100000"),
        ("refill,1", "intent: Input should be 'new_activation', 'renewal' or 'trial_upgrade'"),
    ],
)
def test_an_intent_and_a_quantity_that_cannot_be_used_are_named(cell: str, problem: str) -> None:
    assert csv_error(f"sku,panelr_product_id,intent,quantity\nA,3,{cell}\n") == f"line 2: {problem}"


def test_every_line_that_cannot_be_used_is_named() -> None:
    assert csv_error(f"{HEAD}12,x\n13,3\n\n,3\n") == (
        "line 2: panelr_product_id: Input should be a valid integer, unable to parse string as an integer; "
        "line 5: give woo_product_id, woo_variation_id or sku"
    )


def test_more_than_twenty_problems_are_counted() -> None:
    error = csv_error(HEAD + "0,3\n" * 23)
    assert error.count("give woo_product_id") == 20
    assert error.endswith("line 21: give woo_product_id, woo_variation_id or sku; and 3 more")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no panelr_product_id"),
        ("sku,intent\nA,renewal\n", "no panelr_product_id"),
        ("sku,colour,panelr_product_id,size\n", "not colour, size"),
        ("SKU,panelr_product_id\n", "not SKU"),
    ],
)
def test_the_first_line_must_name_the_columns(text: str, problem: str) -> None:
    assert csv_error(text) == f"line 1: the columns are {COLUMNS}; {problem}"


@pytest.mark.parametrize("text", ['"sku,panelr_product_id\nA,3\n', 'a"b"\n"c"d', "x" * 200_000])
def test_a_first_line_that_is_no_csv_is_named_too(text: str) -> None:
    assert csv_error(text).startswith("line 1: ")


def test_a_column_that_stands_twice_is_refused() -> None:
    assert csv_error("sku,sku,panelr_product_id\nA,B,3\n").startswith("line 1: ")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"woo_product_id": 12, "panelr_product_id": 3}, mapping(woo_product_id=12)),
        ({"woo_product_id": "12", "panelr_product_id": "3"}, mapping(woo_product_id=12)),
        ({"sku": "A", "panelr_product_id": None}, mapping(sku="A", panelr_product_id=None)),
        ({"sku": "A", "woo_product_id": 0, "woo_variation_id": "0", "panelr_product_id": 3}, mapping(sku="A")),
        ({"sku": " ", "woo_product_id": 12, "panelr_product_id": 3}, mapping(woo_product_id=12)),
    ],
)
def test_json_is_read(row: dict[str, Any], expected: ProductMapping) -> None:
    assert read_json([row]) == [expected]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (None, "Input should be a valid dictionary or instance of ProductMapping"),
        ([], "Input should be a valid dictionary or instance of ProductMapping"),
        ({"woo_product_id": 12}, "panelr_product_id: is missing; write none for a product that is not for Panelr"),
        ({"panelr_product_id": 3}, "give woo_product_id, woo_variation_id or sku"),
        ({"sku": "A", "panelr_product_id": 3, "colour": 1}, "colour: Extra inputs are not permitted"),
        ({"sku": "A" * 201, "panelr_product_id": 3}, "sku: String should have at most 200 characters"),
        ({"sku": "A", "panelr_product_id": 1.5}, "panelr_product_id: Input should be a valid integer, got"),
        ({"sku": "A", "panelr_product_id": True}, "panelr_product_id: "),
        ({"sku": "A\x00", "panelr_product_id": 3}, "sku: "),
        ({"sku": "A\ud800", "panelr_product_id": 3}, "sku: "),
    ],
)
def test_an_entry_of_json_that_cannot_be_used_is_named(row: Any, problem: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_json([{"sku": "A", "panelr_product_id": 3}, row])
    assert str(caught.value).startswith(f"entry 2: {problem}")


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"woo_product_id": 12, "woo_variation_id": 18, "sku": "A"}, "variation:18"),
        ({"woo_product_id": 12, "sku": "A"}, "product:12"),
        ({"sku": " Straße-A "}, "sku:strasse-a"),
    ],
)
def test_a_mapping_is_looked_up_by_the_most_exact_of_its_keys(fields: dict[str, Any], key: str) -> None:
    assert mapping(**fields).key == key
    assert mapping(**fields).as_row()["key"] == key


def test_a_csv_file_is_written() -> None:
    rows = [
        mapping(woo_product_id=12, sku='a,"b"', quantity=2, conditions="Duration=12 months; Connections=4").as_row()
        | {"id": 7},
        mapping(woo_variation_id=18, store="b", panelr_product_id=None, intent=ItemIntent.RENEWAL).as_row(),
    ]
    assert write_csv(rows) == (
        "store,woo_product_id,woo_variation_id,sku,panelr_product_id,intent,quantity,conditions\n"
        'default,12,,"a,""b""",3,new_activation,2,connections=4; duration=12 months\n'
        "b,,18,,none,renewal,1,\n"
    )


numbers = st.none() | st.integers(1, 2**63 - 1)
skus = st.text(st.sampled_from("aB1 ,;\"'é=-none"), min_size=1, max_size=8).map(str.strip).filter(bool)
rows_of_json = st.fixed_dictionaries(
    {
        "store": st.sampled_from(["default", "b"]),
        "woo_product_id": numbers,
        "woo_variation_id": numbers,
        "sku": skus,
        "panelr_product_id": st.none() | st.integers(1, 2**31 - 1),
        "intent": st.sampled_from(ItemIntent),
        "quantity": st.integers(1, 100_000),
    }
)


@examples(100)
@given(rows=st.lists(rows_of_json, max_size=4))
def test_what_is_written_is_read_back_the_same(rows: list[dict[str, Any]]) -> None:
    given_mappings = [ProductMapping(**row) for row in rows]
    assert read_csv(write_csv(each.as_row() for each in given_mappings)) == given_mappings
    assert read_json(rows) == given_mappings


@pytest.mark.parametrize("sku", ["a\rb", "a\nb", "a\r\nb"])
def test_a_line_end_in_a_sku_is_refused_or_read_back_the_same(sku: str) -> None:
    with contextlib.suppress(InvalidValue):
        taken = read_json([{"sku": sku, "panelr_product_id": 3}])
        written = write_csv(each.as_row() for each in taken)
        try:
            assert read_csv(written) == taken
        except InvalidValue as error:
            pytest.fail(f"taken as JSON, but not read back from {written!r}: {error}")
