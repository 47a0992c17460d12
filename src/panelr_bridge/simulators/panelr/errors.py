"""The one way in which the simulated Panelr says no."""

from dataclasses import dataclass


@dataclass
class ApiError(Exception):
    """The request is turned down: an HTTP status, the envelope's error text, and perhaps a Retry-After."""

    status: int
    text: str
    retry_after: int | None = None
