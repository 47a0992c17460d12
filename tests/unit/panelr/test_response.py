"""The outcome of an answer: only an explicit refusal is one, and an unreadable answer is unknown."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panelr_bridge.domain.call_outcome import Blocked, Done, Misconfigured, Outcome, Refused, Throttled, Unknown, name
from panelr_bridge.panelr.response import interpret
from tests.support.properties import examples

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
GOOD = b'{"success":true,"data":{"work_order_id":7},"error":null}'
BAD = b'{"success":false,"data":null,"error":"Unknown product"}'
HTML = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
WARNING = b"<br />\n<b>Warning</b>:  Undefined array key in <b>/var/www/api.php</b> on line <b>214</b><br />\n"
NO_ENVELOPE = "the answer (200) is not in Panelr's format: does BRIDGE_PANELR_URL lead to Panelr?"


def outcome(status: int, body: bytes, retry_after: str | None = None, *, action: str = "create_work_order") -> Outcome:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return interpret(action=action, status=status, headers=headers, body=body, now=NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 299])
@pytest.mark.parametrize(
    "body", [GOOD, b"\n " + GOOD + b"\n", b"\xef\xbb\xbf" + GOOD, WARNING + GOOD, WARNING * 40 + GOOD]
)
def test_success_is_done_also_behind_phps_warnings(status: int, body: bytes) -> None:
    assert outcome(status, body) == Done(words="done", status=status, data={"work_order_id": 7})


@pytest.mark.parametrize("body", [b'{"data":{"work_order_id":7},"success":true}', b'{ "error" : null,"success":true}'])
def test_the_envelopes_fields_may_stand_in_another_order(body: bytes) -> None:
    assert isinstance(outcome(200, body), Done)


@pytest.mark.parametrize("status", [400, 404, 409, 422, 200, 201])
@pytest.mark.parametrize("body", [BAD, WARNING + BAD, b'{"success":false,"message":"Unknown product"}'])
def test_a_refusal_is_one_with_its_words(status: int, body: bytes) -> None:
    assert outcome(status, body) == Refused(words="Unknown product", status=status)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"success":false,"data":null,"error":null}', "Panelr refused without a reason (422)"),
        (b'{"success":false,"error":"","message":"Why"}', "Why"),
        (b'{"success":false,"error":{"items":["is empty"]}}', '{"items": ["is empty"]}'),
        (b'{"success":false,"error":1.5}', '"1.5"'),
        (b'{"success":false,"error":" a\\u0000\\n b\\u007f "}', "a  b"),
        (b'{"success":false,"error":"a\\ud800b"}', "a?b"),
        (b'{"success":false,"error":"' + b"x" * 400 + b'"}', "x" * 300),
        (b'{"success":false,"error":NaN}', "NaN"),
        (b'{"success":false,"error":[NaN,"x"]}', '[NaN, "x"]'),
    ],
)
def test_the_words_of_a_refusal_can_be_stored_and_shown(body: bytes, words: str) -> None:
    assert outcome(422, body) == Refused(words=words, status=422)


@pytest.mark.parametrize("body", [HTML, b""])
def test_a_rejected_key_is_a_wrong_setting(body: bytes) -> None:
    assert outcome(401, body) == Misconfigured(words="Panelr does not accept the API key (401)", status=401)


@pytest.mark.parametrize("action", ["create_work_order", "submit_payment", "get_work_orders", "get_products"])
def test_a_403_by_panelr_itself_is_a_wrong_setting(action: str) -> None:
    words = "Panelr does not accept the API key or this address (403): Unknown product"
    assert outcome(403, BAD, action=action) == Misconfigured(words=words, status=403)


def test_a_403_about_one_work_order_is_a_refusal() -> None:
    """Token or e-mail address and reference code do not go together."""
    assert outcome(403, BAD, action="get_work_order") == Refused(words="Unknown product", status=403)
    wordless = outcome(403, b'{"success":false}', action="get_work_order")
    assert wordless == Refused(words="Panelr refused without a reason (403)", status=403)


@pytest.mark.parametrize("status", [402, 403, 405, 406, 410, 413, 414, 415, 418, 431, 444, 451, 499])
@pytest.mark.parametrize("body", [b"", HTML, BAD[:-1]])
@pytest.mark.parametrize("action", ["create_work_order", "get_work_order"])
def test_a_refusal_without_the_envelope_blocks_this_request_alone(status: int, body: bytes, action: str) -> None:
    words = f"something in front of Panelr refused this request ({status}), such as a firewall"
    assert outcome(status, body, action=action) == Blocked(words=words, status=status, doubtful=True)


def test_a_rejected_key_shows_panelrs_words() -> None:
    body = b'{"success":false,"data":null,"error":"Invalid API key"}'
    expected = Misconfigured(words="Panelr does not accept the API key (401): Invalid API key", status=401)
    assert outcome(401, body) == expected


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 399])
@pytest.mark.parametrize("body", [b"", HTML])
def test_a_redirect_is_a_wrong_setting(status: int, body: bytes) -> None:
    words = f"Panelr's address redirects ({status}): BRIDGE_PANELR_URL must be the final address"
    assert outcome(status, body) == Misconfigured(words=words, status=status)


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b" ",
            b"OK",
            HTML,
            WARNING,
            b"null",
            b"true",
            b"7",
            b"[]",
            b'"x"',
            b"{}",
            b'{"a":' + GOOD + b"}",
            b"\x00\xff",
        ),
        *(GOOD[:-1], GOOD[:20], WARNING + GOOD[:-5], GOOD + HTML, GOOD + GOOD, BAD[:-1], BAD + b"}"),
        *(b'{"data":{"work_order_id":7}}', b'{"success":1}', b'{"success":"true"}', b'{"success":null,"error":"x"}'),
        *(b'{"work_order_id":7}', b"{'success': true}", b'{"success":true,"data":\xff}'),
        b'{"success":true,"data":' + b"[" * 100_000,
        b'{"success":true,"data":' + b"9" * 5_000 + b"}",
        b'{"success":true,"data":1e99999999999999999999}',
    ],
)
def test_what_is_not_the_whole_envelope_is_unknown(body: bytes) -> None:
    assert outcome(200, body) == Unknown(words=NO_ENVELOPE, status=200)


@pytest.mark.parametrize("status", [204, 400, 404, 408, 409, 422, 500, 502])
@pytest.mark.parametrize("body", [b"", HTML, BAD[:-1]])
def test_a_status_without_the_envelope_is_unknown_and_no_refusal(status: int, body: bytes) -> None:
    words = f"the answer ({status}) is not in Panelr's format: does BRIDGE_PANELR_URL lead to Panelr?"
    assert outcome(status, body) == Unknown(words=words, status=status)


@pytest.mark.parametrize("status", [402, 405, 408, 410, 413, 418, 500, 502, 503, 504, 520, 599])
def test_any_other_status_is_unknown_also_with_the_envelope(status: int) -> None:
    assert outcome(status, GOOD) == Unknown(words=f"Panelr answered {status}", status=status)
    assert outcome(status, BAD) == Unknown(words=f"Panelr answered {status}: Unknown product", status=status)


@pytest.mark.parametrize(("status", "body"), [(429, b""), (429, HTML), (429, BAD), (503, BAD)])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("9" * 30, 999999999.0),
        ("Sun, 22 Nov 2026 12:01:30 GMT", 90.0),
        ("Sun, 22 Nov 2026 13:01:30 +0100", 90.0),
        ("Sun, 22 Nov 2026 12:01:30 -0000", 90.0),
        ("Sun, 22 Nov 2026 11:59:00 GMT", 0.0),
    ],
)
def test_a_pause_is_kept_for_as_long_as_panelr_says(status: int, value: str, seconds: float, body: bytes) -> None:
    expected = Throttled(words=f"Panelr asks for a pause ({status})", status=status, retry_after=seconds)
    assert outcome(status, body, value) == expected


@pytest.mark.parametrize(("status", "body"), [(503, b""), (503, HTML), (503, GOOD), (429, GOOD), (403, GOOD)])
def test_a_pause_that_panelr_itself_did_not_ask_for_says_nothing_of_the_request(status: int, body: bytes) -> None:
    """Varnish answers so when its backend is too slow: the work order may exist."""
    assert type(outcome(status, body, "5")) is Unknown


UNREADABLE_PAUSES = [
    *(None, "", " ", "soon", "-5", "1.5", "1e3", "\u00b2", "\x00", "Sun, 99 Nov 2026 12:00:00 GMT"),
    # more than a date can hold
    *("Mon, 1 Jan 99999999999999999999 00:00:00 GMT", "Mon, 1 Jan 2026 00:00:00 +99999999999999999999"),
]


@pytest.mark.parametrize("value", UNREADABLE_PAUSES)
def test_a_pause_without_a_readable_end_is_one_only_where_the_status_says_so(value: str | None) -> None:
    assert outcome(429, b"", value) == Throttled(words="Panelr asks for a pause (429)", status=429, retry_after=None)
    assert outcome(503, BAD, value) == Unknown(words="Panelr answered 503: Unknown product", status=503)


@pytest.mark.parametrize("status", [200, 422, 500])
def test_a_retry_after_means_nothing_with_other_statuses(status: int) -> None:
    assert outcome(status, BAD, "120") == outcome(status, BAD)


def test_the_data_of_an_answer_are_not_shown_by_accident() -> None:
    assert "7" not in repr(outcome(200, GOOD)).replace("status=200", "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "success": st.booleans() | json_values,
        "data": json_values,
        "error": json_values,
        "message": json_values,
    },
).map(lambda content: json.dumps(content).encode())


def successes(body: bytes) -> set[Any]:
    """Return what each JSON object that ends the body says of its success."""
    found = set()
    for start in (place for place, byte in enumerate(body) if byte == ord("{")):
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            found.add(json.loads(body[start:]).get("success"))
    return found


@examples(250)
@given(
    status=st.integers(-1, 1000) | st.sampled_from([200, 403, 422, 429, 503]),
    body=st.binary(max_size=60) | envelopes | st.tuples(st.binary(max_size=9), envelopes).map(b"".join),
    retry_after=st.none() | st.text(max_size=20) | st.datetimes().map(lambda at: f"{at:%a, %d %b %Y %H:%M:%S} GMT"),
)
def test_any_answer_has_an_outcome_and_only_success_is_done(status: int, body: bytes, retry_after: Any) -> None:
    found = outcome(status, body, retry_after)
    assert name(found) in {"done", "refused", "misconfigured", "blocked", "throttled", "unknown"}
    assert found.status == status
    assert "\n" not in found.words
    found.words.encode()
    if isinstance(found, Done):
        assert 200 <= status < 300
        assert True in successes(body)
    if isinstance(found, Refused):
        assert successes(body) & {True, False}
