"""Incidents by API."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from control import incidents
from control.accounts import Person
from control.api.errors import missing
from control.api.models import CreditOut, IncidentDetail, IncidentOut, NoteOut, OrderOut, TextIn
from control.commands import lock_station
from control.context import Conn, Ctx, Who
from control.desk import order_by_hand
from control.queries import Connection, Row, one, row, rows
from schemas.work import IncidentState

router = APIRouter(tags=["incidents"])


def visible(conn: Connection, who: Who, incident_id: UUID) -> Row:
    """The incident, if the person may see its site; 404 else."""
    found = row(conn, "incident_show", incident_id=incident_id, sites=who.site_list)
    if found is None:
        raise missing("incident")
    return found


def story_of(conn: Connection, who: Person, incident: Row) -> list[Row]:
    """What was said about an incident and its order, as far as the person may see it."""
    which = {"incident_id": incident["incident_id"], "order_id": incident["order_id"]}
    return rows(conn, "notes_of_incident", credits=who.sees_credits, **which)


def credits_of(conn: Connection, who: Person, incident_id: UUID) -> list[Row]:
    """The credits that rest on an incident; none for a person who may not see credits."""
    return rows(conn, "credits_of_incident", incident_id=incident_id) if who.sees_credits else []


@router.get("/v1/incidents")
def list_incidents(
    conn: Conn,
    who: Who,
    state: IncidentState | None = None,
    family: str | None = None,
    station: str | None = None,
    history: bool = False,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> list[IncidentOut]:
    """Incidents, the open and urgent ones first. Historic ones only if asked for."""
    which = {"state": state, "family": family, "station": station, "limit": limit, "offset": offset}
    which |= {"history": None if history else False}
    return [IncidentOut.model_validate(r) for r in rows(conn, "incidents_list", sites=who.site_list, **which)]


@router.get("/v1/incidents/{incident_id}")
def show_incident(conn: Conn, who: Who, incident_id: UUID) -> IncidentDetail:
    """One incident with its story; with its credits for those who may see credits."""
    found = visible(conn, who, incident_id)
    story, credits = story_of(conn, who, found), credits_of(conn, who, incident_id)
    return IncidentDetail.model_validate(
        found
        | {
            "notes": [NoteOut.model_validate(n) for n in story],
            "credits": [CreditOut.model_validate(c) for c in credits],
        }
    )


@router.post("/v1/incidents/{incident_id}/work_order", status_code=201)
def open_order(conn: Conn, ctx: Ctx, who: Who, incident_id: UUID) -> OrderOut:
    """Have somebody look at it; the active order of its port and family if there is one."""
    visible(conn, who, incident_id)
    with conn.transaction():
        order = order_by_hand(conn, ctx.settings, incident_id, who.actor, ctx.clock())
    return OrderOut.model_validate(order)


@router.post("/v1/incidents/{incident_id}/close")
def close_incident(conn: Conn, ctx: Ctx, who: Who, incident_id: UUID, body: TextIn) -> IncidentOut:
    """End an incident by hand, with the reason in words. Its order, if any, goes on."""
    found = visible(conn, who, incident_id)
    with conn.transaction():
        lock_station(conn, found["station"])
        incident = one(conn, "incident_of_id", incident_id=incident_id)
        incidents.close(conn, ctx.settings, incident, who.actor, body.text, ctx.clock())
    return IncidentOut.model_validate(visible(conn, who, incident_id))
