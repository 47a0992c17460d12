"""The admin API of product mappings as a file: import and export."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from panelr_bridge.application.transactions import change_mappings
from panelr_bridge.domain import mapping_input
from panelr_bridge.domain.mapping_input import PlainText, ProductMapping
from panelr_bridge.errors import InvalidValue
from panelr_bridge.store import mappings
from panelr_bridge.web import problems
from panelr_bridge.web.answers import SingleAnswer
from panelr_bridge.web.auth import ACTOR, admin_router
from panelr_bridge.web.body import read_body
from panelr_bridge.web.dependencies import Container
from panelr_bridge.web.mappings import log_change, require_store

router = admin_router("Mappings")

_CSV_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The CSV file",
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": f"{','.join(mapping_input.COLUMNS)}\ndefault,16,18,IPTV-12M,2,new_activation,1,\n",
            }
        },
    }
}
_IMPORT_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "sku,panelr_product_id\nIPTV-12M,2\nT-SHIRT,none\n",
            },
            "application/json": {
                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/ProductMapping"}},
                "example": [{"sku": "IPTV-12M", "panelr_product_id": 2}],
            },
        },
    }
}


class ExportQuery(BaseModel):
    """Query of the export."""

    model_config = ConfigDict(extra="forbid")

    store: PlainText | None = Field(None, description="Only mappings of this store.")


class ImportQuery(BaseModel):
    """Query of the import."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(False, description="Check everything and count the changes, but store nothing.")


class ImportOut(BaseModel):
    """The result of an import, or of a dry run."""

    added: int = Field(description="Number of mappings that were added.", examples=[12])
    changed: int = Field(description="Number of mappings whose quantity was changed.", examples=[1])
    unchanged: int = Field(description="Number of mappings that were there already.", examples=[35])
    dry_run: bool = Field(description="Whether this was a dry run.", examples=[False])


@router.get(
    "/product-mappings/export",
    response_class=PlainTextResponse,
    responses=_CSV_RESPONSE,
    summary="Export product mappings",
)
async def export_product_mappings(container: Container, query: Annotated[ExportQuery, Query()]) -> Response:
    """Return the product mappings as a CSV file. The import reads the same format."""
    rows = await container.database.read(mappings.export, store=query.store)
    headers = {"Content-Disposition": 'attachment; filename="product-mappings.csv"'}
    return Response(mapping_input.write_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)


@router.post(
    "/product-mappings/import",
    responses=problems.documented(409, 413, 422),
    openapi_extra=_IMPORT_BODY,
    summary="Import product mappings",
)
async def import_product_mappings(
    container: Container, request: Request, query: Annotated[ImportQuery, Query()]
) -> SingleAnswer[ImportOut]:
    """Add or change product mappings from a CSV file or a JSON list.

    If one mapping cannot be used, nothing is imported.
    """
    wanted = await _read_mappings(request, limit=container.settings.max_body_bytes)
    for store in {mapping.store for mapping in wanted}:
        require_store(container, store)
    await container.catalogue.require_products(wanted)
    imported = await container.bridge.write(change_mappings.import_mappings, wanted, actor=ACTOR, dry_run=query.dry_run)
    if not query.dry_run:
        log_change(container, "product mapping", "import")
    return SingleAnswer[ImportOut](data=ImportOut(**asdict(imported), dry_run=query.dry_run))


async def _read_mappings(request: Request, *, limit: int) -> list[ProductMapping]:
    """Return the mappings in the body; raises InvalidValue or BodyTooLarge.

    A thread checks them, because there may be tens of thousands: deliveries are answered meanwhile.
    """
    content_length = request.headers.get("content-length", "").encode("latin-1")
    body = await read_body(request.receive, content_length=content_length, limit=limit)
    if not request.headers.get("content-type", "").startswith("application/json"):
        try:
            return await asyncio.to_thread(mapping_input.read_csv, body.decode())
        except UnicodeDecodeError:
            raise InvalidValue("the file is not UTF-8: save it as CSV UTF-8") from None
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidValue("the body is no JSON") from None
    if not isinstance(rows, list):
        raise InvalidValue("the body is JSON, but no list of mappings")
    return await asyncio.to_thread(mapping_input.read_json, rows)
