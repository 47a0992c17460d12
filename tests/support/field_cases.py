"""Orders as shops really send them: tests/field_cases holds one file for each, with its mappings and deliveries."""

import json
from typing import Any

from tests.support.bridge_kit import Kit
from tests.support.files import ROOT

FIELD_CASES = ROOT / "tests/field_cases"


def field_case(name: str) -> dict[str, Any]:
    """Return a case by the name of its file."""
    content: dict[str, Any] = json.loads((FIELD_CASES / f"{name}.json").read_text())
    return content


async def play(kit: Kit, case: dict[str, Any]) -> list[dict[str, Any]]:
    """Add a case's mappings, post its deliveries, each signed, and return the answers, all of them 200."""
    for mapping in case["mappings"]:
        await kit.map(**mapping)
    answers = []
    for delivery in case["deliveries"]:
        if "body" not in delivery and "raw" not in delivery:
            continue  # a pause: nothing here depends on one
        body = delivery["raw"].encode() if "raw" in delivery else delivery["body"]
        answer = await kit.post(body, topic=delivery.get("topic", "order.updated"), headers=delivery.get("headers"))
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
    return answers
