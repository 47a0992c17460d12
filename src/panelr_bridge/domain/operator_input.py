"""What an operator says about an order or a delivery, in the admin API's JSON and in the commands' options. No I/O."""

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from panelr_bridge.domain.mapping_input import PlainText, require_plain_text
from panelr_bridge.errors import InvalidValue
from panelr_bridge.woocommerce.json_fields import refuse_bool

MAX_NOTE = 500
MAX_REFERENCE = 100

M = TypeVar("M", bound=BaseModel)
Note = Annotated[str, Field(min_length=1, max_length=MAX_NOTE), AfterValidator(require_plain_text)]
ReferenceCode = Annotated[str, Field(min_length=1, max_length=MAX_REFERENCE), AfterValidator(require_plain_text)]
WorkOrderId = Annotated[int, BeforeValidator(refuse_bool), Field(ge=1, lt=2**63)]
ActivationId = Annotated[int, BeforeValidator(refuse_bool), Field(ge=1, lt=2**31)]
ActivationIds = ActivationId | Annotated[list[ActivationId], Field(min_length=1, max_length=50)]


class ResolveInput(BaseModel):
    """An operator's answer about an order: its work order in Panelr, or that there is none."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"work_order_id": 7, "reference_code": "WO-2026-00007"},
                {"reference_code": "WO-2026-00007", "unverified": True},
                {"not_created": True},
                {"activation_id": 77},
            ]
        },
    )

    work_order_id: WorkOrderId | None = Field(
        None, description="Panelr's id of the work order. Alone, it is looked for in the customer's list in Panelr."
    )
    reference_code: ReferenceCode | None = Field(None, description="Reference code of the work order.")
    not_created: bool = Field(False, description="True if Panelr has no work order for this order.")
    activation_id: ActivationIds | None = Field(
        None,
        description=(
            "The activation at Panelr that a held renewal is for; a list if several items lack one, in their sequence."
        ),
        examples=[77],
    )
    unverified: bool = Field(
        False, description="True to link the work order without asking Panelr about it. The audit log says so."
    )

    @model_validator(mode="after")
    def says_one_thing(self) -> "ResolveInput":
        """Require a work order, `not_created` or activations; raises ValueError."""
        linked = self.work_order_id is not None or self.reference_code is not None
        if [linked, self.not_created, self.activation_id is not None].count(True) != 1:
            raise ValueError('send one of: work_order_id or reference_code, activation_id, {"not_created": true}')
        if self.unverified and self.reference_code is None:
            raise ValueError("send the reference_code too: with unverified, Panelr is not asked for it")
        return self

    @property
    def activations(self) -> list[int]:
        """The activations as a list."""
        return [self.activation_id] if isinstance(self.activation_id, int) else self.activation_id or []


class AcknowledgeInput(BaseModel):
    """That an operator has seen an order's attention."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"note": "the customer got a voucher"}, {"note": "fine", "codes": ["total_changed"]}]
        },
    )

    note: Note = Field(description="What was found or done, in words.", examples=["the customer got a voucher"])
    codes: Annotated[list[PlainText], Field(min_length=1, max_length=50)] | None = Field(
        None, description="Only the reasons with these codes. All by default.", examples=[["total_changed"]]
    )


class ResolveDeliveryInput(BaseModel):
    """That an operator has dealt with an unread delivery."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "entered by hand"}]})

    note: Note = Field(description="What was found or done, in words.", examples=["entered by hand"])


class CloseInput(BaseModel):
    """Why an order is closed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "set up by hand"}]})

    why: Note = Field("no reason given", description="The reason, for the audit log.")


def read_options(model: type[M], **values: Any) -> M:
    """Return a command's options as `model`; raises InvalidValue with the fault of each unusable one."""
    try:
        return model.model_validate({name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        raise InvalidValue("; ".join(_describe_problem(problem) for problem in error.errors())) from None


def _describe_problem(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
