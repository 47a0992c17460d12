"""WooCommerce's webhook signature: base64 of HMAC-SHA256 over the raw body."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable

from panelr_bridge.errors import BadSignature

_ENTITY = re.compile(
    r"&(?:(?P<amp>amp|#0*38|#[xX]0*26)|(?P<lt>lt|#0*60)|(?P<gt>gt|#0*62)"
    r"|(?P<quot>quot|#0*34|#[xX]0*22)|(?P<apos>#0*39|#[xX]0*27));"
)
_CHARACTER = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def verify(*, body: bytes, signature: str | None, secrets: Iterable[str]) -> None:
    """Raise BadSignature unless `signature` is that of `body` under one of `secrets`.

    `signature` is the raw header X-WC-Webhook-Signature. Every secret is compared in constant time.
    """
    received = (signature or "").strip().encode("utf-8", "replace")
    matches = [hmac.compare_digest(received, sign(body=body, secret=secret)) for secret in secrets if secret]
    if not received or not any(matches):
        raise BadSignature("the signature is missing" if not received else "the signature does not fit the body")


def sign(*, body: bytes, secret: str) -> bytes:
    """Return the signature of `body` as WooCommerce computes it from its stored `secret`."""
    return base64.b64encode(hmac.digest(_signing_secret(secret).encode(), body, hashlib.sha256))


def _signing_secret(secret: str) -> str:
    """Return the text WooCommerce signs with.

    It passes the stored secret through `wp_specialchars_decode(secret, ENT_QUOTES)`, so `&amp;` becomes `&`
    (`WC_Webhook::generate_signature`).
    """
    return _ENTITY.sub(lambda match: _CHARACTER[match.lastgroup or "amp"], secret)
