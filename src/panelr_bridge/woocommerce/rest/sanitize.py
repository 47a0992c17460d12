"""Makes a shop's text fit for a log and a terminal: without markup, keys and e-mail addresses. No I/O."""

import html
import re

_TAG = re.compile(r"<[^<>]*>")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
_EMAIL = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+")
_KEY = re.compile(r"\bc[ks]_\w+|oauth_signature=\S+")
MAX_LENGTH = 400
SHORTEST_SECRET = 6


def sanitize_text(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return `text` in one line of limited length, without tags, e-mail addresses, keys and `secrets`."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "(a key)")
    text = _SPACE.sub(" ", html.unescape(_TAG.sub("", text[: MAX_LENGTH * 4]))).strip()
    text = _KEY.sub("(a key)", _EMAIL.sub("(an e-mail address)", text))
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"
