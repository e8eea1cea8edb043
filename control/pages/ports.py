"""Ports as pages: the list, one port with its readings and its story, and its QR code."""

import io
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import segno
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from markupsafe import Markup

from control.api.ports import visible
from control.context import Conn, Ctx, Who
from control.pages import series
from control.pages.charts import chart, strip
from control.pages.render import page, port_path
from control.queries import Connection, Row, row, rows
from schemas.channels import CHANNELS

router = APIRouter(include_in_schema=False)

SHOWN = 500
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_CHANNELS = ("power", "voltage", "current", "temp_connector", "temp_internal")
_STATE_WORDS = {"up": "up", "down": "down", "unobserved": "not observed"}


@router.get("/ports")
def list_page(
    request: Request, ctx: Ctx, conn: Conn, who: Who, find: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """Charging ports, those that are down first."""
    found = rows(conn, "ports_list", sites=who.site_list, site=None, find=find.strip() or None, limit=SHOWN, offset=0)
    return page(request, ctx, "ports.html", conn=conn, ports=found, find=find)


@router.get("/ports/{station}/{number}")
def detail_page(request: Request, ctx: Ctx, conn: Conn, who: Who, station: str, number: int) -> Response:
    """One port."""
    port = visible(conn, who, station, number)
    now, zone = ctx.clock(), ZoneInfo(port["time_zone"])
    data = series.read(conn, port["port_no"], _CHANNELS, now - _DAY, now)
    svg = chart(data, now - _DAY, now, zone, title=f"The last 24 hours of {port['port']}")
    return page(
        request,
        ctx,
        "port.html",
        conn=conn,
        zone=port["time_zone"],
        port=port,
        chart=Markup(svg),  # noqa: S704 - made by charts.py, which escapes what it is given
        strip=_week(conn, port, now, zone),
        last=_last(conn, port, now),
        sessions=rows(conn, "port_sessions", port_no=port["port_no"], limit=15),
        incidents=rows(conn, "incidents_of_port", station=station, port=port["port"], limit=15),
        commands=rows(conn, "port_commands", station=station, limit=10),
    )


def _week(conn: Connection, port: Row, now: datetime, zone: ZoneInfo) -> Markup:
    found = rows(conn, "port_availability", port_no=port["port_no"], start=now - _WEEK, end=now)
    intervals = [
        (r["from_at"], r["to_at"], r["state"], f"{_STATE_WORDS[r['state']]} ({r['detail'] or r['reason']})")
        for r in found
    ]
    return Markup(strip(intervals, now - _WEEK, now, zone))  # noqa: S704 - made by charts.py, which escapes what it is given


def _last(conn: Connection, port: Row, now: datetime) -> tuple[datetime, list[tuple[str, str, float]]] | None:
    """The newest reading: when, and each channel it has as (name, unit, value)."""
    found = row(conn, "last_reading", port_no=port["port_no"], after=now - _WEEK)
    if found is None:
        return None
    return found["at"], [(c.name, c.unit, found[c.name]) for c in CHANNELS if found[c.name] is not None]


@router.get("/qr/{station}/{number}.svg")
def qr(ctx: Ctx, conn: Conn, who: Who, station: str, number: int) -> Response:
    """The QR code to print on a port: it leads drivers to its status page and the report form."""
    port = visible(conn, who, station, number)
    made = segno.make(f"{str(ctx.settings.public_url).rstrip('/')}/p/{port_path(port['port'])}", error="m")
    out = io.BytesIO()
    made.save(out, kind="svg", scale=8, border=4, light="#ffffff")
    return Response(out.getvalue(), media_type="image/svg+xml")
