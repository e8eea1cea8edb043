"""Credits as a page: what waits for a person, and what was decided."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from control import credits
from control.api.credits import visible
from control.api.models import Words
from control.context import Conn, Ctx, Who
from control.pages.render import flash, page
from control.queries import rows
from schemas.work import Role

router = APIRouter(include_in_schema=False)

SHOWN = 200


@router.get("/credits")
def list_page(request: Request, ctx: Ctx, conn: Conn, who: Who) -> Response:
    """Credits, those that wait for a person first."""
    found = rows(conn, "credits_list", sites=who.site_list, state=None, limit=SHOWN, offset=0)
    waiting = [c for c in found if c["state"] == "proposed"]
    done = [c for c in found if c["state"] != "proposed"]
    return page(request, ctx, "credits.html", conn=conn, waiting=waiting, done=done, decides=who.may(Role.BILLING))


@router.post("/credits/{credit_id}")
def decide(
    request: Request,
    ctx: Ctx,
    conn: Conn,
    who: Who,
    credit_id: UUID,
    word: Annotated[Literal["approve", "reject"], Form()],
    because: Annotated[Words, Form()],
) -> RedirectResponse:
    """Approve or reject, with the reason in words."""
    visible(conn, who, credit_id)
    try:
        with conn.transaction():
            credits.decide(
                conn,
                ctx.settings,
                credit_id,
                who.actor,
                approve=word == "approve",
                because=because,
                now=ctx.clock(),
            )
    except credits.CreditError as error:
        flash(request, str(error), bad=True)
    else:
        flash(request, "Approved." if word == "approve" else "Rejected.")
    return RedirectResponse("/credits", 303)
