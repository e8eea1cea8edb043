"""Incidents as pages."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from control import incidents
from control.api.incidents import credits_of, story_of, visible
from control.api.models import Words
from control.commands import lock_station
from control.context import Conn, Ctx, Who
from control.desk import order_by_hand
from control.pages import series
from control.pages.charts import Mark, chart
from control.pages.render import flash, page
from control.queries import Connection, Row, one, rows
from schemas.alerts import Alert
from schemas.work import Role

router = APIRouter(include_in_schema=False)

SHOWN = 100
_BEFORE = timedelta(minutes=45)
_LONGEST = timedelta(days=7)


@router.get("/incidents")
def list_page(
    request: Request, ctx: Ctx, conn: Conn, who: Who, show: Literal["open", "closed", "history"] = "open"
) -> Response:
    """Incidents, the urgent ones first."""
    which = {
        "state": None if show == "history" else show,
        "history": show == "history",
        "family": None,
        "station": None,
    }
    found = rows(conn, "incidents_list", sites=who.site_list, limit=SHOWN, offset=0, **which)
    return page(request, ctx, "incidents.html", conn=conn, incidents=found, show=show)


@router.get("/incidents/{incident_id}")
def detail_page(request: Request, ctx: Ctx, conn: Conn, who: Who, incident_id: UUID) -> Response:
    """One incident with its chart and its story."""
    incident = visible(conn, who, incident_id)
    alerts = incidents.alerts_of(conn, incident_id)
    return page(
        request,
        ctx,
        "incident.html",
        conn=conn,
        zone=incident["time_zone"],
        incident=incident,
        story=list(reversed(story_of(conn, who, incident))),
        alerts=sorted(alerts, key=lambda a: a.raised_at),
        charts=_charts(conn, incident, alerts, ctx.clock()),
        credits=credits_of(conn, who, incident_id),
        commands=rows(conn, "commands_of_order", order_id=incident["order_id"]) if incident["order_id"] else [],
        desk=who.may(Role.OPERATOR),
    )


def _charts(conn: Connection, incident: Row, alerts: list[Alert], now: datetime) -> list[tuple[str, Markup]]:
    """A chart for the port of the incident, or for the first ports of a whole station: channels around the onset."""
    ports = [p for p in incident["ports"] if not p.endswith("/0")][:3] or [incident["port"]]
    numbers = {r["port"]: r["port_no"] for r in rows(conn, "port_numbers_of", ports=ports)}
    zone = ZoneInfo(incident["time_zone"])
    start, end = _span(incident, now)
    made = []
    for port in ports:
        if port not in numbers:
            continue
        told = [
            c
            for a in alerts
            if a.port == port or len(ports) == 1
            for c in sorted(a.contributions, key=lambda c: -c.share)
        ]
        wanted = series.channels_for(incident["family"], [c.channel for c in told])
        data = series.read(conn, numbers[port], wanted, start, end)
        expected = {c.channel: c.expected for c in told if c.expected is not None}
        svg = chart(data, start, end, zone, marks=_marks(incident), expected=expected, title=f"Readings of {port}")
        if svg:
            made.append((port, Markup(svg)))  # noqa: S704 - made by charts.py, which escapes what it is given
    return made


def _span(incident: Row, now: datetime) -> tuple[datetime, datetime]:
    """From before the onset to some time after the end (or now), not longer than makes a chart."""
    over = incident["closed_at"] or now
    lasted = max(over - incident["onset_at"], timedelta())
    start = incident["onset_at"] - max(_BEFORE, min(lasted / 2, timedelta(hours=12)))
    end = min(now, over + max(timedelta(minutes=10), lasted / 10)) if incident["closed_at"] else now
    return start, min(max(end, incident["opened_at"] + timedelta(minutes=1)), start + _LONGEST)


def _marks(incident: Row) -> list[Mark]:
    marks = [Mark(incident["onset_at"], "began", "onset"), Mark(incident["opened_at"], "alert", "alert")]
    if incident["closed_at"]:
        marks.append(Mark(incident["closed_at"], "closed", "cleared"))
    return marks


@router.post("/incidents/{incident_id}/order")
def order(request: Request, ctx: Ctx, conn: Conn, who: Who, incident_id: UUID) -> RedirectResponse:
    """Open a work order by hand."""
    visible(conn, who, incident_id)
    with conn.transaction():
        made = order_by_hand(conn, ctx.settings, incident_id, who.actor, ctx.clock())
    return RedirectResponse(f"/orders/{made['number']}", 303)


@router.post("/incidents/{incident_id}/close")
def close(
    request: Request,
    ctx: Ctx,
    conn: Conn,
    who: Who,
    incident_id: UUID,
    reason: Annotated[Words, Form()],
) -> RedirectResponse:
    """Close an incident by hand."""
    found = visible(conn, who, incident_id)
    with conn.transaction():
        lock_station(conn, found["station"])
        incident = one(conn, "incident_of_id", incident_id=incident_id)
        incidents.close(conn, ctx.settings, incident, who.actor, reason, ctx.clock())
    flash(request, "The incident is closed.")
    return RedirectResponse(f"/incidents/{incident_id}", 303)
