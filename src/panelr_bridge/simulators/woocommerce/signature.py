"""WooCommerce's signature and delivery id. No I/O."""

import base64
import hashlib
import hmac
import re

ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#0*(?:60|62|38|34|39)|#[xX]0*(?:3[cC]|3[eE]|26|22|27));")
CHARACTERS = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
# WordPress keys wp_hash() with the salts of the site; any text works here.
SITE_SALT = b"simulated store"


def sign(body: bytes, secret: str) -> str:
    """Return the X-WC-Webhook-Signature: base64 of the HMAC-SHA256 of `body`, keyed with the decoded secret."""
    key = decode_special_chars(secret).encode()
    return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode("ascii")


def decode_special_chars(text: str) -> str:
    """Decode five HTML entities, named or numbered, in one pass: `wp_specialchars_decode($text, ENT_QUOTES)`."""
    return ENTITY.sub(_decode_entity, text)


def build_delivery_id(webhook_id: int, unix_second: int) -> str:
    """Return the X-WC-Webhook-Delivery-ID. It depends only on webhook and second, so several orders can share it."""
    return hmac.new(SITE_SALT, f"{webhook_id}{unix_second}".encode(), "md5").hexdigest()


def _decode_entity(entity: re.Match[str]) -> str:
    name = entity.group()[1:-1]
    if name in CHARACTERS:
        return CHARACTERS[name]
    digits = name[1:]
    return chr(int(digits[1:], 16) if digits[0] in "xX" else int(digits))
