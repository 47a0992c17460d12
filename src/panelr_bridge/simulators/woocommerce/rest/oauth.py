"""One-legged OAuth 1.0a on the server: compute a request's signature (RFC 5849, section 3.4). No I/O."""

import base64
import hmac
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

ALGORITHMS = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}
PARAMETER = re.compile(r'\s*([^=\s]+)="([^"]*)"\s*')
DEFAULT_PORTS = {"http": ":80", "https": ":443"}

Pairs = list[tuple[str, str]]


def header_parameters(authorization: str) -> Pairs:
    """Return the OAuth parameters of an Authorization header, without the realm (section 3.5.1)."""
    scheme, _, parameters = authorization.partition(" ")
    if scheme.lower() != "oauth":
        return []
    matches = (PARAMETER.fullmatch(part) for part in parameters.split(","))
    pairs = [(unquote(match[1]), unquote(match[2])) for match in matches if match]
    return [(name, value) for name, value in pairs if name != "realm"]


def sign_request(method: str, url: str, parameters: Iterable[tuple[str, str]], *, secret: str, algorithm: str) -> str:
    """Return the signature of a request to `url` (without query) with a consumer's secret; there is no token.

    `parameters` are those of the query, the header and a form body together, decoded. `algorithm` is a key of
    ALGORITHMS.
    """
    text = base_string(method, url, parameters)
    digest = hmac.new(f"{percent_encode(secret)}&".encode(), text.encode(), ALGORITHMS[algorithm]).digest()
    return base64.b64encode(digest).decode()


def base_string(method: str, url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Return the signature base string (section 3.4.1)."""
    signed = sorted(
        (percent_encode(name), percent_encode(value)) for name, value in parameters if name != "oauth_signature"
    )
    normalized = "&".join(f"{name}={value}" for name, value in signed)
    return "&".join((percent_encode(method.upper()), percent_encode(url), percent_encode(normalized)))


def base_url(scheme: str, host: str, path: str) -> str:
    """Return the base string URI (section 3.4.1.2): scheme and host in lower case, without a default port."""
    return f"{scheme}://{host.lower().removesuffix(DEFAULT_PORTS[scheme])}{path}"


def percent_encode(text: str) -> str:
    """Percent-encode everything except letters, digits and `-._~` (section 3.6)."""
    return quote(text, safe="-._~")
