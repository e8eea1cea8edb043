"""Work orders as pages, made for a phone in one hand."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from control.api.errors import as_http
from control.api.work_orders import steps_of, story_of, visible
from control.context import Conn, Ctx, Who
from control.desk import NotAllowedError, press, say
from control.pages.render import flash, page
from control.queries import NotThereError, rows
from control.work_orders import OrderError
from schemas.work import ACTIVE, STATE_TITLES, Finding, OrderState

router = APIRouter(include_in_schema=False)

SHOWN = 200
_MAIN = frozenset(
    {OrderState.ACKNOWLEDGED, OrderState.DISPATCHED, OrderState.ON_SITE, OrderState.RESOLVED, OrderState.VERIFIED}
)
"""Steps that get a big button; the others stand behind "More"."""

Text = Annotated[str, Form(max_length=2_000)]


@router.get("/orders")
def list_page(
    request: Request, ctx: Ctx, conn: Conn, who: Who, show: Literal["active", "mine", "done"] = "active"
) -> Response:
    """Work orders, the pressing ones first."""
    states = sorted(set(OrderState) - ACTIVE if show == "done" else ACTIVE)
    which = {"states": states, "assignee": who.actor if show == "mine" else None, "station": None}
    found = rows(conn, "orders_list", sites=who.site_list, limit=SHOWN, offset=0, **which)
    return page(request, ctx, "orders.html", conn=conn, orders=found, show=show)


@router.get("/orders/{number}")
def detail_page(request: Request, ctx: Ctx, conn: Conn, who: Who, number: str) -> Response:
    """One order: what is wrong, what to bring, what to check, and the next step."""
    order = visible(conn, who, number)
    key, steps = order["order_id"], steps_of(who, order)
    return page(
        request,
        ctx,
        "order.html",
        conn=conn,
        zone=order["time_zone"],
        order=order,
        main=[s for s in steps if s.to in _MAIN and s.needs is None],
        finding=next((s for s in steps if s.needs == "finding"), None),
        more=[s for s in steps if s.to not in _MAIN],
        story=list(reversed(story_of(conn, who, key))),
        commands=rows(conn, "commands_of_order", order_id=key),
        findings=rows(conn, "findings_of", order_id=key),
        incidents=rows(conn, "incidents_of_order", order_id=key),
    )


@router.post("/orders/{number}/step")
def step(
    request: Request,
    ctx: Ctx,
    conn: Conn,
    who: Who,
    number: str,
    to: Annotated[OrderState, Form()],
    seen: Annotated[OrderState, Form()],
    reason: Text = "",
    found: Annotated[Literal["", "yes", "no"], Form()] = "",
    family: Text = "",
    mechanism: Text = "",
    cause: Text = "unknown",
    activity: Text = "check",
    part: Annotated[str, Form(max_length=200)] = "",
    note: Text = "",
) -> RedirectResponse:
    """Take a step; a repair comes with what was found."""
    visible(conn, who, number)
    finding = _finding(found, family, mechanism, cause, activity, part, note)
    try:
        with conn.transaction():
            press(
                conn,
                ctx.settings,
                number,
                to,
                who.actor,
                who.roles,
                ctx.clock(),
                seen=seen,
                reason=reason.strip() or None,
                finding=finding,
            )
    except OrderError as error:
        flash(request, str(error), bad=True)
    except (NotAllowedError, NotThereError) as error:
        raise as_http(error) from None
    else:
        flash(request, f"{number}: {STATE_TITLES[to].lower()}.")
    return RedirectResponse(f"/orders/{number}", 303)


def _finding(
    found: str, family: str, mechanism: str, cause: str, activity: str, part: str, note: str
) -> Finding | None:
    if not found:
        return None
    there = found == "yes"
    try:
        return Finding(
            found=there,
            family=family,
            mechanism=(mechanism or None) if there else None,
            cause=cause if there else "unknown",
            activity=activity,
            part=part.strip(),
            note=note.strip(),
        )
    except ValidationError as error:
        raise HTTPException(422, str(error.errors(include_url=False)[0]["msg"])) from None


@router.post("/orders/{number}/note")
def add_note(request: Request, ctx: Ctx, conn: Conn, who: Who, number: str, text: Text) -> RedirectResponse:
    """Add a note."""
    visible(conn, who, number)
    if text.strip():
        with conn.transaction():
            say(conn, number, who.actor, text.strip(), ctx.clock())
    return RedirectResponse(f"/orders/{number}", 303)
