"""Options that several commands share."""

from datetime import UTC, datetime
from typing import Annotated

import typer

MOMENT_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S"]

MOMENT_HELP = "such as 2026-11-21 or 2026-11-21T14:16:41Z. It is UTC, unless it has an offset"

StoreOption = Annotated[str, typer.Option("--store", help="Name of the store in the settings.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def as_utc(moment: datetime | None) -> datetime | None:
    """Return `moment` with a time zone. A moment without one is UTC."""
    return moment.replace(tzinfo=UTC) if moment and not moment.tzinfo else moment
