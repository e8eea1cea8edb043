"""The registry in the database: import, export, what operators are told of ports, and adopting what was discovered."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from connectors.timescale.ports import split_port
from connectors.timescale.queries import query
from connectors.timescale.registry_files import RegistryError
from schemas.assets import KINDS, Connector, Port, PortFacts, Registry, Row, Site, Station, Tariff
from schemas.assets_check import Problem, check

_KEYS = {"site": "site", "station": "station", "port": "port", "tariff": "tariff"}


def store(conn: psycopg.Connection[Any], registry: Registry, as_of: datetime | None = None) -> None:
    """Import: the dated rows of every thing that `registry` names become just those; other things stay as they are.

    Checked together with what is there: RegistryError, and nothing is changed, where that would not fit. Stations and ports
    that had been discovered become registered. `as_of` (default: now) decides which row is the one in force in the
    tables `site`, `station`, `port`. One transaction.
    """
    with conn.transaction():
        conn.execute("LOCK TABLE site_dated, station_dated, port_dated, connector, tariff IN SHARE ROW EXCLUSIVE MODE")
        problems = check(_merged(fetch(conn), registry))
        if problems:
            raise RegistryError(problems)
        for kind in KINDS:
            if kind != "connector":
                _replace(conn, kind, registry.rows(kind))
        refresh(conn, as_of)
        _replace_connectors(conn, registry.connector)


def fetch(conn: psycopg.Connection[Any]) -> Registry:
    """Export: all dated rows, ordered by name and date. `store` of it into an empty database gives an equal registry."""

    def rows(name: str) -> list[dict[str, Any]]:
        with conn.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query(f"registry_{name}")).fetchall()

    return Registry(
        site=tuple(Site.model_validate(row) for row in rows("site")),
        station=tuple(Station.model_validate(row) for row in rows("station")),
        port=tuple(Port.model_validate(_split(row)) for row in rows("port")),
        connector=tuple(Connector.model_validate(row) for row in rows("connector")),
        tariff=tuple(Tariff.model_validate(row) for row in rows("tariff")),
    )


def refresh(conn: psycopg.Connection[Any], as_of: datetime | None = None) -> None:
    """Put the rows in force at `as_of` (default: now) into `site`, `station`, `port`; a row whose time is to come stands in
    where there is no earlier one. Call it once a day, for rows that begin."""
    at = {"at": as_of or datetime.now(UTC)}
    for name in ("refresh_site", "refresh_station", "refresh_port", "refresh_station_ports"):
        conn.execute(query(name), at)


def facts(conn: psycopg.Connection[Any], at: datetime | None = None) -> dict[str, PortFacts]:
    """What is known of every port (the station itself, number 0, included) at `at` (default: now), by port id."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("port_facts"), {"at": at or datetime.now(UTC)}).fetchall()
    return {row.pop("port"): PortFacts(**row) for row in rows}


def discovered(conn: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Ports that spoke and are not registered, by station, without the stations themselves (number 0)."""
    return dict(conn.execute(query("discovered")).fetchall())


def adopt(
    conn: psycopg.Connection[Any], stations: Collection[Station], ports: Collection[Port], as_of: datetime | None = None
) -> None:
    """Register discovered stations and ports with the facts given. RegistryError for one that was not discovered."""
    known = discovered(conn)
    for station in stations:
        if station.station not in known:
            reason = f"it is not among the discovered stations ({', '.join(known) or 'there are none'})"
            raise RegistryError([Problem(f"station {station.station!r}", reason, "import it as a new one instead")])
    store(conn, Registry(station=tuple(stations), port=tuple(ports)), as_of)


def _split(row: dict[str, Any]) -> dict[str, Any]:
    station, number = split_port(row.pop("port"))
    return row | {"station": station, "number": number}


def _merged(old: Registry, new: Registry) -> Registry:
    """`new` before those of `old` that it says nothing about; places of `new` stay right."""
    merged: dict[str, Any] = {"where": new.where}
    for kind in KINDS:
        given = {_thing(row) for row in new.rows(kind)}
        merged[kind] = (*new.rows(kind), *(row for row in old.rows(kind) if _thing(row) not in given))
    return Registry(**merged)


def _thing(row: Row) -> str:
    return row.port if isinstance(row, Connector) else row.key


def _replace(conn: psycopg.Connection[Any], kind: str, rows: Sequence[Row]) -> None:
    if not rows:
        return
    table = sql.Identifier("tariff" if kind == "tariff" else f"{kind}_dated")
    values = [_values(kind, row) for row in rows]
    columns = list(values[0])
    conn.execute(
        sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(table, sql.Identifier(_KEYS[kind])),
        (sorted({_thing(row) for row in rows}),),
    )
    insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        table, sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(map(sql.Placeholder, columns))
    )
    with conn.cursor() as cursor:
        cursor.executemany(insert, values)


def _values(kind: str, row: Row) -> dict[str, Any]:
    values = row.model_dump()
    if kind == "site":
        values["opening"] = None if values["opening"] is None else Jsonb(values["opening"])
    if isinstance(row, Port):
        del values["station"], values["number"]
        values["port"] = row.port
    return values


def _replace_connectors(conn: psycopg.Connection[Any], rows: Sequence[Connector]) -> None:
    if not rows:
        return
    conn.execute(query("delete_connectors"), {"ports": sorted({row.port for row in rows})})
    with conn.cursor() as cursor:
        cursor.executemany(
            query("insert_connector"),
            [{"port": row.port, "connector": row.connector, "standard": row.standard} for row in rows],
        )
