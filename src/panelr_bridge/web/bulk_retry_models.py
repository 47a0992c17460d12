"""Which orders a bulk retry takes, and what it answers."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from panelr_bridge.application.bulk_retry import BulkRetryResult
from panelr_bridge.domain.mapping_input import StoreName

MAX_RETRIED = 10_000

Retryable = Literal["held", "queued", "refused", "unconfirmed"]


class BulkRetryInput(BaseModel):
    """Which orders are retried."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"state": ["queued", "refused"], "limit": 1000}]}
    )

    state: Annotated[list[Retryable], Field(min_length=1)] = Field(
        description="The states: held, queued, refused, unconfirmed.", examples=[["queued", "refused"]]
    )
    store: StoreName | None = Field(None, description="Only orders of this store.")
    limit: int = Field(1000, ge=1, le=MAX_RETRIED, description="Largest number of orders.")
    after_id: int = Field(0, ge=0, lt=2**63, description="Only orders after this id: `last_id` of an earlier answer.")
    dry_run: bool = Field(False, description="True to count the orders only.")


class SkippedOrderOut(BaseModel):
    """An order that could not be retried."""

    id: int = Field(description="The order's id in this API.", examples=[1])
    words: str = Field(description="Why.", examples=["the order is sending: there is nothing to try again"])


class BulkRetryOut(BaseModel):
    """The result of a bulk retry."""

    matching: dict[str, int] | None = Field(
        None,
        description="For a dry run: how many orders of each state would be retried, whatever the limit. Else null.",
        examples=[None, {"queued": 3, "refused": 1}],
    )
    retried: dict[str, int] = Field(
        {}, description="How many orders were retried, by their state since.", examples=[{"queued": 4}]
    )
    skipped: list[SkippedOrderOut] = Field([], description="The orders that could not be retried, and why.")
    left: int = Field(0, description="How many orders the limit left out; 10,001 stands for more.", examples=[0])
    last_id: int | None = Field(
        None, description="The last order that was reached. Null if there was none.", examples=[4]
    )

    @classmethod
    def of(cls, result: BulkRetryResult) -> "BulkRetryOut":
        """Return the answer for `result`."""
        skipped = [SkippedOrderOut(id=each.order_id, words=each.words) for each in result.skipped]
        return cls(retried=dict(result.retried), skipped=skipped, left=result.left, last_id=result.last_id)
