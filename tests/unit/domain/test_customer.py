"""The customer's e-mail address and name, as people read them."""

from typing import Any

import pytest

from panelr_bridge.domain.decision import changes_since
from tests.support.bridge_kit import order
from tests.support.decisions import codes, decision, meta, read, request

JANE = "jane@example.test"


def with_billing(**changes: Any) -> dict[str, Any]:
    return order(billing=order()["billing"] | changes)


@pytest.mark.parametrize(
    "given",
    [
        *(f"{mark}{JANE}" for mark in "\u200b\ufeff\u00a0\u2060\u202a\u200e\u2003\U000e0020"),
        *(f"{JANE}{mark}" for mark in "\u200b\ufeff\u00a0\u202c\u00ad\ufe0f\u3000"),
        *("ja\u00adne@example.test", "jane\u2060@example.test", "jane\u00a0@example.test", f" {JANE}\r\n"),
        "\uff4a\uff41\uff4e\uff45\uff20\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff0e\uff54\uff45\uff53\uff54",
        "jane\uff20example\uff0etest",
        "\U0001d423ane@example.test",
        *("jane\u2800@example.test", "jane\ufffc@example.test", "jane\U0001d173@example.test"),
    ],
)
def test_an_address_is_sent_as_people_see_it(given: str) -> None:
    assert request(with_billing(email=given)).customer_email == JANE


@pytest.mark.parametrize("given", ["zoë@bücher.example", "zoe\u0308@bu\u0308cher.example"])
def test_letters_with_accents_stay(given: str) -> None:
    assert request(with_billing(email=given)).customer_email == "zoë@bücher.example"


@pytest.mark.parametrize(
    "given",
    [
        *("\u00bd@example.test", "jane@exam\ufb01\u00e9.test", "\uff4a\u00e4ne@example.test", "jane@\u2460\u00fc.test"),
        *("j ane@example.test", "jane@@example.test", "Jane <jane@example.test>", "jane@example.test, jo@example.test"),
        *("jan\ufffd@example.test", "jane\ue000@example.test", "jane\ufdd0@example.test", "jane\u0085x@example.test"),
        f"{'j' * 250}@e.test",
    ],
)
def test_an_address_that_is_no_ordinary_one_is_held(given: str) -> None:
    assert codes(decision(with_billing(email=given)).reasons) == ["unusable_email"]


@pytest.mark.parametrize("given", ["\u200b", "\ufeff\u00a0", " \u2060 ", "", False, []])
def test_an_address_without_anything_to_see_is_none(given: Any) -> None:
    assert codes(decision(with_billing(email=given)).reasons) == ["no_email"]


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("Seán", "O&#039;Brien", "Seán O'Brien"),
        ("Tom &amp; Ann", "Smith", "Tom & Ann Smith"),
        ("A&amp;amp;B", "", "A&B"),
        ("J&uuml;rgen", "M&#252;ller", "Jürgen Müller"),
        ("R&D", "", "R&D"),
        ("", "", "ACME & Co"),
        (" \u200b", "\u00a0", "ACME & Co"),
        (["a", "b"], {"x": 1}, "ACME & Co"),
        (False, None, "ACME & Co"),
    ],
)
def test_a_name_is_as_people_read_it_and_a_company_stands_in_for_none(first: Any, last: Any, name: str) -> None:
    content = with_billing(first_name=first, last_name=last, company="ACME &amp; Co")
    assert request(content).customer_name == name


def test_an_order_without_any_name_has_none() -> None:
    assert request(with_billing(first_name="", last_name="", company="")).customer_name is None


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"billing": {"email": "john@example.test"}}, ["email_changed"]),
        ({"billing": {"email": ""}}, ["email_changed"]),
        ({"billing": {"email": " ADA@Example.test\u200b"}}, []),
        ({"billing": {"email": "deleted@site.invalid"}, "meta_data": meta(_anonymized="yes")}, []),
        ({"meta_data": meta(_panelr_customer_email="account@example.test")}, []),
    ],
)
def test_a_changed_address_needs_attention(changes: dict[str, Any], found: list[str]) -> None:
    assert codes(changes_since(sent=read(order()), now=read(order(**changes)))) == found
