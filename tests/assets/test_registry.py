"""The registry in the database: import, export, facts at an instant, discovered stations."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from connectors.timescale.ports import PortNumbers
from connectors.timescale.registry import adopt, discovered, facts, fetch, refresh, store
from connectors.timescale.registry_files import RegistryError
from schemas.assets import SINCE_EVER, Connector, Port, PortFacts, Registry, Site, Station, Tariff

pytestmark = pytest.mark.integration

MOVE = datetime(2025, 3, 1, tzinfo=UTC)
OPENING = {"mon": [("06:00", "22:00")]}
WHOLE = Registry(
    site=(Site(site="Alt", time_zone="Europe/Berlin", opening=OPENING), Site(site="Neu", time_zone="Europe/Lisbon", lat=38.7)),
    station=(
        Station(station="A", site="Alt", model="X1", heartbeat_s=300.1, valid_to=MOVE, commissioned_at=SINCE_EVER),
        Station(station="A", site="Neu", model="X1", heartbeat_s=60.0, valid_from=MOVE),
    ),
    port=(
        Port(station="A", number=1, kind="dc", rated_w=150_000),
        Port(station="A", number=2, kind="ac", rated_w=22_000.7, phases=3),
    ),
    connector=(Connector(station="A", number=1, connector=1, standard="IEC_62196_T2_COMBO"),),
    tariff=(Tariff(tariff="day", currency="EUR", per_kwh="0.5900", tax_percent="19", site="Alt"),),
)  # fmt: skip


def test_what_is_imported_is_exported_equal_and_again(conn):
    store(conn, WHOLE)
    store(conn, fetch(conn))

    assert fetch(conn) == WHOLE


def test_facts_are_those_in_force_at_the_instant(conn):
    store(conn, WHOLE)

    before, after = facts(conn, MOVE - timedelta(seconds=1)), facts(conn, MOVE)

    assert before["A/2"] == PortFacts(
        site="Alt", time_zone="Europe/Berlin", opening={"mon": [["06:00", "22:00"]]}, kind="ac", rated_w=22_000.7, phases=3,
        heartbeat_s=300.1, commissioned_at=0, model="X1", discovered=False,
    )  # fmt: skip
    assert (after["A/2"].site, after["A/2"].time_zone, after["A/2"].heartbeat_s) == ("Neu", "Europe/Lisbon", 60.0)
    assert after["A/0"] == PortFacts(
        site="Neu", time_zone="Europe/Lisbon", heartbeat_s=60.0, model="X1", discovered=False
    )


@pytest.mark.parametrize(
    ("at", "site"), [(MOVE - timedelta(days=1), "Alt"), (MOVE, "Neu"), (SINCE_EVER - timedelta(1), "Alt")]
)
def test_the_tables_hold_the_row_in_force(conn, at, site):
    store(conn, WHOLE, as_of=MOVE + timedelta(days=400))
    refresh(conn, at)

    assert conn.execute("SELECT site, discovered FROM station").fetchall() == [(site, False)]
    assert conn.execute("SELECT port, number, kind, discovered FROM port ORDER BY 1").fetchall() == [
        ("A/0", 0, None, False), ("A/1", 1, "dc", False), ("A/2", 2, "ac", False),
    ]  # fmt: skip


def test_port_numbers_outlive_an_import(conn):
    numbers = PortNumbers().of(conn, ["A/1", "A/2"]).tolist()

    store(conn, WHOLE)

    assert PortNumbers().of(conn, ["A/1", "A/2"]).tolist() == numbers


def test_an_import_replaces_what_it_names_and_leaves_the_rest(conn):
    store(conn, WHOLE)
    store(conn, Registry(port=(Port(station="A", number=1, kind="dc", rated_w=300_000),)))

    found = fetch(conn)
    assert {row.port: row.rated_w for row in found.port} == {"A/1": 300_000, "A/2": 22_000.7}
    assert found.station == WHOLE.station


def test_an_import_that_does_not_fit_changes_nothing(conn):
    store(conn, WHOLE)

    with pytest.raises(RegistryError, match="site 'Nowhere' is not in the registry"):
        store(
            conn, Registry(site=(Site(site="New", time_zone="UTC"),), station=(Station(station="B", site="Nowhere"),))
        )

    assert fetch(conn) == WHOLE


def test_discovered_stations_are_listed_and_adopted(conn):
    store(conn, WHOLE)
    PortNumbers().of(conn, ["A/0", "A/1", "A/3", "B/0", "B/1"])

    assert discovered(conn) == {"A": ["A/3"], "B": ["B/1"]}
    assert facts(conn)["B/1"] == PortFacts()
    adopt(
        conn,
        [Station(station="B", site="Neu")],
        [
            Port(station="B", number=1, kind="ac", rated_w=11_000),
            Port(station="A", number=3, kind="ac", rated_w=11_000),
        ],
    )

    assert discovered(conn) == {}
    assert facts(conn)["B/1"] == PortFacts(
        site="Neu", time_zone="Europe/Lisbon", kind="ac", rated_w=11_000, discovered=False
    )
    assert conn.execute("SELECT count(*) FROM pub.port WHERE discovered").fetchone() == (0,)


def test_only_a_discovered_station_is_adopted(conn):
    store(conn, WHOLE)

    with pytest.raises(RegistryError, match=r"station 'Z': it is not among the discovered"):
        adopt(conn, [Station(station="Z", site="Neu")], [])


def test_control_may_import_and_the_flows_may_not(conn):
    conn.execute("SET ROLE chargewell_control")
    store(conn, WHOLE)
    conn.execute("SET ROLE chargewell_flows")

    assert len(facts(conn)) == 3
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        store(conn, WHOLE)
