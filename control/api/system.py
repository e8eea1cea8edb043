"""Health, metrics, the OpenAPI document, the change log, what was set aside, and who the caller is."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from connectors.metrics import REGISTRY
from control.api.errors import missing
from control.api.models import ChangeOut, Health, Me, RejectOut
from control.context import Conn, Who
from control.queries import one, row, rows

router = APIRouter(tags=["system"])


@router.get("/health", include_in_schema=False)
def alive() -> dict[str, str]:
    """Whether the process answers; for load balancers, says nothing about the network."""
    return {"status": "ok"}


@router.get("/v1/health")
def health(conn: Conn) -> Health:
    """Whether the database answers, what waits and what failed."""
    return Health(database=True, **one(conn, "health"))


@router.get("/v1/metrics", response_class=PlainTextResponse)
def metrics() -> PlainTextResponse:
    """Counters for Prometheus."""
    return PlainTextResponse(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/openapi.json", include_in_schema=False)
def openapi(request: Request) -> JSONResponse:
    """This API, described."""
    document: dict[str, Any] = request.app.openapi()
    return JSONResponse(document)


@router.get("/v1/me")
def me(who: Who) -> Me:
    """Who the API takes the caller for."""
    return Me(actor=who.actor, roles=sorted(who.roles), sites=who.site_list)


@router.get("/v1/changes/{kind}/{subject}")
def changes(
    conn: Conn, who: Who, kind: Literal["incident", "work_order", "command", "credit"], subject: str
) -> list[ChangeOut]:
    """What was done with a subject, and by whom."""
    if row(conn, "change_visible", kind=kind, subject=subject, sites=who.site_list) is None:
        raise missing(kind.replace("_", " "))
    return [ChangeOut.model_validate(r) for r in rows(conn, "change_log_of", kind=kind, subject=subject)]


@router.get("/v1/rejects")
def rejects(conn: Conn, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> list[RejectOut]:
    """Records of the alert topic that could not be taken, newest first."""
    return [RejectOut.model_validate(r) for r in rows(conn, "inbox_rejects", limit=limit)]
