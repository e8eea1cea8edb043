"""Ports by API."""

from typing import Annotated

from fastapi import APIRouter, Query

from control.accounts import Person
from control.api.errors import missing
from control.api.models import IncidentOut, PortDetail, PortOut
from control.context import Conn, Who
from control.queries import Connection, Row, row, rows

router = APIRouter(tags=["ports"])


def visible(conn: Connection, who: Person, station: str, number: int) -> Row:
    """The port, if the person may see its site; 404 else."""
    found = row(conn, "port_show", port=f"{station}/{number}", sites=who.site_list)
    if found is None:
        raise missing("port")
    return found


@router.get("/v1/ports")
def list_ports(
    conn: Conn,
    who: Who,
    site: str | None = None,
    find: Annotated[str | None, Query(max_length=80)] = None,
    limit: Annotated[int, Query(ge=1, le=5_000)] = 1_000,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> list[PortOut]:
    """Charging ports, those that are down first; `find` looks in port ids and names of sites."""
    found = rows(conn, "ports_list", sites=who.site_list, site=site, find=find, limit=limit, offset=offset)
    return [PortOut.model_validate(r) for r in found]


@router.get("/v1/ports/{station}/{number}")
def show_port(conn: Conn, who: Who, station: str, number: int) -> PortDetail:
    """One port with its uptime and its incidents."""
    port = visible(conn, who, station, number)
    incidents = rows(conn, "incidents_of_port", station=station, port=port["port"], limit=50)
    return PortDetail.model_validate(port | {"incidents": [IncidentOut.model_validate(i) for i in incidents]})
