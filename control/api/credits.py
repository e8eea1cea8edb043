"""Credits by API: for billing systems and those who decide."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from control import credits
from control.api.errors import as_http, missing
from control.api.models import CreditOut, TextIn
from control.context import Conn, Ctx, Who
from control.queries import Connection, NotThereError, Row, row, rows
from schemas.work import CreditState

router = APIRouter(tags=["credits"])


def visible(conn: Connection, who: Who, credit_id: UUID) -> Row:
    """The credit, if the person may see its site; 404 else."""
    found = row(conn, "credit_show", credit_id=credit_id, sites=who.site_list)
    if found is None:
        raise missing("credit")
    return found


@router.get("/v1/credits")
def list_credits(
    conn: Conn,
    who: Who,
    state: CreditState | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> list[CreditOut]:
    """Credits, those that wait for a person first."""
    found = rows(conn, "credits_list", sites=who.site_list, state=state, limit=limit, offset=offset)
    return [CreditOut.model_validate(r) for r in found]


@router.get("/v1/credits/{credit_id}")
def show_credit(conn: Conn, who: Who, credit_id: UUID) -> CreditOut:
    """One credit."""
    return CreditOut.model_validate(visible(conn, who, credit_id))


def decide(conn: Connection, ctx: Ctx, who: Who, credit_id: UUID, *, approve: bool, because: str) -> CreditOut:
    """Approve or reject with the reason in words; 409 if it was decided already."""
    visible(conn, who, credit_id)
    try:
        with conn.transaction():
            credits.decide(conn, ctx.settings, credit_id, who.actor, approve=approve, because=because, now=ctx.clock())
    except (credits.CreditError, NotThereError) as error:
        raise as_http(error) from None
    return CreditOut.model_validate(visible(conn, who, credit_id))


@router.post("/v1/credits/{credit_id}/approve")
def approve(conn: Conn, ctx: Ctx, who: Who, credit_id: UUID, body: TextIn) -> CreditOut:
    """Approve a proposed credit."""
    return decide(conn, ctx, who, credit_id, approve=True, because=body.text)


@router.post("/v1/credits/{credit_id}/reject")
def reject(conn: Conn, ctx: Ctx, who: Who, credit_id: UUID, body: TextIn) -> CreditOut:
    """Reject a proposed credit."""
    return decide(conn, ctx, who, credit_id, approve=False, because=body.text)


@router.post("/v1/credits/{credit_id}/settled")
def settled(conn: Conn, ctx: Ctx, who: Who, credit_id: UUID) -> CreditOut:
    """Mark an approved credit as paid out; again changes nothing."""
    visible(conn, who, credit_id)
    with conn.transaction():
        credits.settled(conn, credit_id, who.actor, ctx.clock())
    return CreditOut.model_validate(visible(conn, who, credit_id))
