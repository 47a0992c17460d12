"""Only a body that the shop signed is accepted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panelr_bridge.errors import BadSignature
from panelr_bridge.woocommerce import webhook_signature
from panelr_bridge.woocommerce.webhook_signature import verify
from tests.support.bridge_kit import SECRET, capture, sign
from tests.support.files import CAPTURES

BODY = b'{"id":31}'
NUMBERS = sorted(path.name.partition("-")[0] for path in CAPTURES.glob("*.json"))
SIGNED = [number for number in NUMBERS if number != "001"]  # a ping is not signed


def test_a_known_signature() -> None:
    # printf '{"id":31}' | openssl dgst -sha256 -hmac key -binary | base64
    assert webhook_signature.sign(body=BODY, secret="key") == b"WUmIqGvstANGM+EfjKg/ZLFbl0XiSa4+/fomTxDbHnA="


@pytest.mark.parametrize("number", SIGNED)
def test_every_recorded_delivery_is_authentic(number: str) -> None:
    headers, body = capture(number)
    verify(body=body, signature=headers["X-WC-Webhook-Signature"], secrets=(SECRET,))


@pytest.mark.parametrize("number", SIGNED)
def test_no_recorded_delivery_is_authentic_with_another_secret(number: str) -> None:
    headers, body = capture(number)
    with pytest.raises(BadSignature):
        verify(body=body, signature=headers["X-WC-Webhook-Signature"], secrets=(SECRET + "x", "", " " + SECRET))


def test_the_recorded_ping_carries_no_signature() -> None:
    assert "X-WC-Webhook-Signature" not in capture("001")[0]


@pytest.mark.parametrize("signed_with", ["new-secret", "old-secret"])
def test_either_secret_of_a_rotation_passes(signed_with: str) -> None:
    verify(body=BODY, signature=sign(BODY, signed_with), secrets=("new-secret", "old-secret"))


def test_a_secret_that_is_no_longer_set_does_not_pass() -> None:
    with pytest.raises(BadSignature, match=r"^the signature does not fit the body$"):
        verify(body=BODY, signature=sign(BODY, "old-secret"), secrets=("new-secret",))


@pytest.mark.parametrize("given_signature", [None, "", " ", "\t"])
def test_a_missing_signature_is_reported_as_missing(given_signature: str | None) -> None:
    with pytest.raises(BadSignature, match=r"^the signature is missing$"):
        verify(body=BODY, signature=given_signature, secrets=(SECRET,))


@pytest.mark.parametrize("given_signature", [None, "", sign(BODY)])
def test_nothing_passes_where_there_is_no_secret(given_signature: str | None) -> None:
    with pytest.raises(BadSignature):
        verify(body=BODY, signature=given_signature, secrets=())


def test_white_space_around_the_header_does_not_matter() -> None:
    verify(body=BODY, signature=f" {sign(BODY)}\t", secrets=(SECRET,))


@pytest.mark.parametrize("strange", ["ä" * 44, "\udcff", "=" * 44, sign(BODY)[:-1], sign(BODY) + "=", sign(BODY) * 2])
def test_a_strange_signature_does_not_pass(strange: str) -> None:
    with pytest.raises(BadSignature):
        verify(body=BODY, signature=strange, secrets=(SECRET,))


@pytest.mark.parametrize(
    ("stored", "signs_with"),
    [
        *[(f"a{entity}b", "a&b") for entity in ("&amp;", "&#38;", "&#038;", "&#x26;", "&#X0026;")],
        *[(f"a{entity}b", "a<b") for entity in ("&lt;", "&#60;", "&#060;")],
        *[(f"a{entity}b", "a>b") for entity in ("&gt;", "&#62;", "&#00062;")],
        *[(f"a{entity}b", 'a"b') for entity in ("&quot;", "&#34;", "&#034;", "&#x22;")],
        *[(f"a{entity}b", "a'b") for entity in ("&#39;", "&#039;", "&#x27;", "&#X27;")],
        ("&lt;&quot;&amp;", '<"&'),
        ("&amp;lt;", "&lt;"),  # once, not twice
        # characters that WordPress does not change
        *[(same, same) for same in ("a&b", "&amp", "&AMP;", "&apos;", "&#x3c;", "&nbsp;", "&#380;", "<\">'")],
        ("pässwörter ", "pässwörter "),
    ],
)
def test_a_secret_signs_as_wordpress_decodes_it(stored: str, signs_with: str) -> None:
    verify(body=BODY, signature=sign(BODY, signs_with), secrets=(stored,))


def test_a_secret_with_an_entity_does_not_sign_as_typed() -> None:
    with pytest.raises(BadSignature):
        verify(body=BODY, signature=sign(BODY, "a&amp;b"), secrets=("a&amp;b",))


@given(
    body=st.binary(max_size=200),
    secret=st.text(st.characters(codec="ascii"), min_size=1).filter(lambda s: "&" not in s),
)
def test_what_is_signed_passes(body: bytes, secret: str) -> None:
    verify(body=body, signature=sign(body, secret), secrets=("another", secret))


@given(body=st.binary(min_size=1, max_size=200), data=st.data())
def test_one_flipped_bit_of_the_body_does_not_pass(body: bytes, data: st.DataObject) -> None:
    changed = flipped(body, data.draw(st.integers(0, 8 * len(body) - 1)))
    with pytest.raises(BadSignature):
        verify(body=changed, signature=sign(body), secrets=(SECRET,))


def test_one_flipped_bit_of_the_signature_does_not_pass() -> None:
    right = sign(BODY).encode()
    for bit in range(8 * len(right)):
        with pytest.raises(BadSignature):
            verify(body=BODY, signature=flipped(right, bit).decode("latin-1"), secrets=(SECRET,))


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_the_error_shows_neither_secret_nor_signature() -> None:
    with pytest.raises(BadSignature) as caught:
        verify(body=BODY, signature="c2lnbmF0dXJl", secrets=("very-secret",))
    assert str(caught.value) == "the signature does not fit the body"
