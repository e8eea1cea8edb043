"""Work orders by API."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from control.accounts import Person
from control.api.errors import as_http, missing
from control.api.models import CommandOut, FindingOut, NoteOut, OrderDetail, OrderOut, StepIn, StepOut, TextIn
from control.context import Conn, Ctx, Who
from control.desk import NotAllowedError, press, say
from control.queries import Connection, NotThereError, Row, row, rows
from control.work_orders import OrderError
from schemas.work import STEPS, OrderState, Step

router = APIRouter(tags=["work orders"])


def visible(conn: Connection, who: Person, number: str) -> Row:
    """The order, if the person may see its site; 404 else."""
    found = row(conn, "order_show", number=number, sites=who.site_list)
    if found is None:
        raise missing("work order")
    return found


def story_of(conn: Connection, who: Person, order_id: UUID) -> list[Row]:
    """What was said about an order and its incidents, as far as the person may see it."""
    return rows(conn, "notes_of_order", order_id=order_id, credits=who.sees_credits)


def steps_of(who: Person, order: Row) -> list[Step]:
    """The steps that a person may take with an order now."""
    return [step for step in STEPS[OrderState(order["state"])] if who.may(*step.roles)]


@router.get("/v1/work_orders")
def list_orders(
    conn: Conn,
    who: Who,
    state: Annotated[list[OrderState] | None, Query()] = None,
    station: str | None = None,
    assignee: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> list[OrderOut]:
    """Work orders, the active and most pressing ones first."""
    which = {"states": state, "station": station, "assignee": assignee, "limit": limit, "offset": offset}
    return [OrderOut.model_validate(r) for r in rows(conn, "orders_list", sites=who.site_list, **which)]


@router.get("/v1/work_orders/{number}")
def show_order(conn: Conn, who: Who, number: str) -> OrderDetail:
    """One order with its story and the steps that the caller may take."""
    order = visible(conn, who, number)
    key = order["order_id"]
    return OrderDetail.model_validate(
        order
        | {
            "notes": [NoteOut.model_validate(r) for r in story_of(conn, who, key)],
            "commands": [CommandOut.model_validate(r) for r in rows(conn, "commands_of_order", order_id=key)],
            "findings": [FindingOut.model_validate(r) for r in rows(conn, "findings_of", order_id=key)],
            "steps": [StepOut(to=s.to, label=s.label, needs=s.needs) for s in steps_of(who, order)],
        }
    )


@router.post("/v1/work_orders/{number}/steps")
def take_step(conn: Conn, ctx: Ctx, who: Who, number: str, body: StepIn) -> OrderOut:
    """Take a step with an order. 409 if it has moved on, or a reason or finding lacks."""
    visible(conn, who, number)
    try:
        with conn.transaction():
            press(
                conn,
                ctx.settings,
                number,
                body.to,
                who.actor,
                who.roles,
                ctx.clock(),
                seen=body.seen,
                reason=body.reason,
                finding=body.finding,
            )
    except (OrderError, NotAllowedError, NotThereError) as error:
        raise as_http(error) from None
    return OrderOut.model_validate(visible(conn, who, number))


@router.post("/v1/work_orders/{number}/notes", status_code=204)
def add_note(conn: Conn, ctx: Ctx, who: Who, number: str, body: TextIn) -> None:
    """Add a note to an order."""
    visible(conn, who, number)
    with conn.transaction():
        say(conn, number, who.actor, body.text, ctx.clock())
