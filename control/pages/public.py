"""Pages for everybody: the status of sites and ports, and the fault report behind the QR code."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from control.access import too_many
from control.api.errors import missing
from control.context import Conn, Ctx, address
from control.pages.render import page, port_path
from control.queries import Connection, Row, row, rows
from control.reports import report
from control.rules.public import PROBLEMS, STALE, tell

router = APIRouter(include_in_schema=False)

ProblemName = Literal["no_start", "slow", "stuck", "reader", "damage", "other"]


@router.get("/status")
def status(request: Request, ctx: Ctx, conn: Conn) -> Response:
    """All sites, with how many of their ports work."""
    return page(request, ctx, "status.html", conn=conn, sites=rows(conn, "sites_list", since=ctx.clock() - STALE))


@router.get("/status/{site}")
def site_status(request: Request, ctx: Ctx, conn: Conn, site: str) -> Response:
    """One site, port by port."""
    found = row(conn, "site_show", site=site)
    if found is None:
        raise missing("site")
    told = [(port, tell(port, ctx.clock())) for port in _ports(conn, ctx, site)]
    return page(request, ctx, "site.html", conn=conn, zone=found["time_zone"], site=found, ports=told)


@router.get("/p/{station}/{number}")
def port_status(request: Request, ctx: Ctx, conn: Conn, station: str, number: int, thanks: bool = False) -> Response:
    """One port, and the form to report a fault."""
    port, site = _port(conn, ctx, station, number)
    return page(
        request,
        ctx,
        "public_port.html",
        conn=conn,
        zone=site["time_zone"] if site else None,
        port=port,
        site=site,
        told=tell(port, ctx.clock()),
        problems=PROBLEMS,
        thanks=thanks,
    )


@router.post("/p/{station}/{number}/report")
def send_report(
    request: Request,
    ctx: Ctx,
    conn: Conn,
    station: str,
    number: int,
    problem: Annotated[ProblemName, Form()],
    text: Annotated[str, Form(max_length=1_000)] = "",
    website: Annotated[str, Form(max_length=200)] = "",
) -> RedirectResponse:
    """Take a report. `website` is a field that people do not see: who fills it in is a machine and is thanked for nothing."""
    if not ctx.limiter.allows(ctx.settings.report_rate, "report", address(request)):
        raise too_many()
    port, _ = _port(conn, ctx, station, number)
    if not website:
        report(conn, ctx.settings, port["port"], problem, text.replace("\x00", "").strip(), ctx.clock())
    return RedirectResponse(f"/p/{port_path(port['port'])}?{urlencode({'thanks': 'true'})}", 303)


def _ports(conn: Connection, ctx: Ctx, site: str | None, port: str | None = None) -> list[Row]:
    return rows(conn, "site_ports", site=site, port=port, now=ctx.clock())


def _port(conn: Connection, ctx: Ctx, station: str, number: int) -> tuple[Row, Row | None]:
    """The port and its site; 404 for a port that is not registered."""
    known = row(conn, "public_port", port=f"{station}/{number}")
    if known is None or known["site"] is None:
        raise HTTPException(
            404, "no port is known by this name: scan the code on the charger again, or look for it under Status"
        )
    found = _ports(conn, ctx, known["site"], known["port"])
    return found[0], row(conn, "site_show", site=known["site"])
