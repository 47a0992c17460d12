"""The error of a failed action."""

from dataclasses import dataclass


@dataclass
class ApiError(Exception):
    """A failed action: the HTTP status, the envelope's error text, and Retry-After if there is one."""

    status: int
    text: str
    retry_after: int | None = None
