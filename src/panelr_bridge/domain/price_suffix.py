"""Recognises the price that product add-ons write behind a key or a value: `Duration ($50,00)`. Pure.

A number alone is no price: `Connections (4)` says something else than `Connections (2)`.
"""

import functools
import re

_SUFFIX = re.compile(r"(.*\S)\s*[(\[]([^()\[\]]{1,40})[)\]]", re.DOTALL)
_SYMBOL = "[$\u00a2-\u00a5\u058f\u060b\u09f2\u09f3\u0af1\u0bf9\u0e3f\u17db\u20a0-\u20cf]"
_CODES = (
    "usd eur gbp chf cad aud nzd sek nok dkk isk pln czk huf ron bgn rsd rub uah byn kzt gel brl mxn ars "
    "clp cop pen inr pkr bdt lkr npr idr myr php sgd thb vnd hkd twd cny jpy krw ils aed sar qar kwd bhd "
    "omr jod egp mad tnd dzd zar ngn kes ghs xof xaf try kr kr. lei rs rs. rm fr. tl din. "
    "k\u010d z\u0142 \u043b\u0432 \u043b\u0432. \u0440\u0443\u0431 \u0440\u0443\u0431. \u0433\u0440\u043d "
    "\u062f.\u0625 \u0631.\u0633 \u0631.\u0642 \u062f.\u0643 \u062c.\u0645 \u062f.\u0645. \u062f.\u062a"
)
"""Currencies as shops write them beside an amount, in small letters."""
_UNIT = f"(?:[a-z]{{0,3}}{_SYMBOL}|{'|'.join(map(re.escape, sorted(_CODES.split(), key=len, reverse=True)))})"
_PRICE = re.compile(
    rf"(?P<sign>[+\-\u2212]?)\s*(?P<before>{_UNIT}?)\s*[+\-\u2212]?\s*"
    rf"\d[\d.,' ]*?(?P<cents>[.,]\d\d)?\s*(?P<after>(?:{_UNIT}|%)?)(?:\s*/\s*\w{{1,12}})?"
)


@functools.lru_cache(maxsize=2000)
def strip_price(text: str) -> str:
    """Return a text in its plain form without prices in parentheses and colons at its end."""
    while True:
        bare = text.rstrip(" :")
        match = _SUFFIX.fullmatch(bare)
        if match is not None and _is_price(match[2].strip()):
            bare = match[1].rstrip(" :")
        if not bare or bare == text:
            return text
        text = bare


def _is_price(text: str) -> bool:
    match = _PRICE.fullmatch(text)
    return match is not None and any(match[part] for part in ("sign", "before", "cents", "after"))
