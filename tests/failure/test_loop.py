"""The loop of findings on a real database: history, order, finding, label, training, and another prediction."""

import io
from datetime import timedelta

import numpy as np
import psycopg
import pytest
from rich.console import Console

from chargewell.prediction import train as training
from chargewell.prediction.outlook import outlook
from chargewell.prediction.registry import loaded
from chargewell.settings import Settings
from connectors.timescale import models as table
from connectors.timescale.hours import make, numbers, read, rows_of
from connectors.timescale.migrate import migrate
from connectors.timescale.pool import connect
from connectors.timescale.ports import discover
from connectors.timescale.settings import DatabaseSettings
from connectors.timescale.sink import Writer
from control.desk import press
from control.queries import rows as rows_named
from control.settings import ControlSettings
from control.take import take
from models.failure.hours import COLUMNS, HOUR_US, Hours
from models.operator import Append, Outputs, Upsert
from schemas.alerts import Alert, alert_id, moment
from schemas.topics import shard_name
from schemas.work import Finding, OrderState, Role

pytestmark = pytest.mark.integration
PORTS = [f"L-{i:03d}/{n}" for i in range(14) for n in (1, 2)]
DAYS = 60
START = 1_760_000_400_000_000 // HOUR_US * HOUR_US
END = START + DAYS * 24 * HOUR_US
WORN, TARGET = range(24), 26
RAMP_H = 6 * 24


def shown(seed=0):
    """Hours of 28 ports: contacts of some grow hot for six days and fail, cabinets of others grow warm; and when (hour, port)."""
    rng = np.random.default_rng(seed)
    n = DAYS * 24
    columns = {c: rng.normal(0, 1, (len(PORTS), n)).astype(np.float32) for c in COLUMNS}
    for count in ("faults", "failed", "boots", "lost"):
        columns[count][:] = 0
    columns["sessions"][:] = rng.integers(0, 2, (len(PORTS), n))
    contacts, cabinets = [], []
    for i in WORN:
        for column, found in (("contact_heat", contacts), ("cabinet_rise", cabinets)):
            end = int(rng.integers(RAMP_H + 240, n - 48))
            columns[column][i, end - RAMP_H : end] += np.linspace(0, 8, RAMP_H)
            found.append((end, i))
    columns["cabinet_rise"][TARGET, -RAMP_H:] += np.linspace(0, 8, RAMP_H)
    at = np.tile(START + np.arange(n) * HOUR_US, len(PORTS))
    port = np.repeat(np.arange(len(PORTS)), n)
    return Hours(PORTS, port, at, {c: v.ravel() for c, v in columns.items()}, [None] * len(at)), contacts, cabinets


@pytest.fixture
def settings(database, tmp_path):
    migrate(database)
    found = DatabaseSettings(dsn=database)
    with connect(found) as conn:
        discover(conn, PORTS)
    return Settings(database=found, data_dir=tmp_path)


def known(conn, contacts):
    """Failures of contacts as an operator told them."""
    for hour, i in contacts:
        struck = moment(START + hour * HOUR_US)
        conn.execute(
            "INSERT INTO label (port, start_at, end_at, fault, source, who) VALUES (%s, %s, %s, 'contact_wear', 'operator', 'desk')",
            (PORTS[i], struck, struck + timedelta(hours=20)),
        )


def repaired(conn, hour, i, finding):
    """An alert about a warm cabinet, the order that came of it, and what the crew found."""
    onset = START + hour * HOUR_US
    alert = Alert(
        id=alert_id("anomaly", PORTS[i], "cooling", onset), revision=1, port=PORTS[i], family="cooling", kind="anomaly",
        severity="P3", state="raised", onset_at=moment(onset), raised_at=moment(onset), text="the cabinet is warm",
        source="anomaly", source_version="1",
    )  # fmt: skip
    control = ControlSettings()
    take(conn, control, alert, moment(onset))
    (order,) = [o for o in rows_named(conn, "orders_list", sites=None, states=["open", "remote_attempt"], assignee=None,
                                      station=PORTS[i].split("/")[0], limit=9, offset=0) if o["port"] == PORTS[i]]  # fmt: skip
    with conn.transaction():
        press(
            conn,
            control,
            order["number"],
            OrderState.RESOLVED,
            "crew",
            {Role.CREW},
            moment(onset + 20 * HOUR_US),
            finding=finding,
        )


def risk_of_target(conn, family):
    found = outlook(conn, shard_name(0), END, 1)
    (risks,) = [r for r in found.risks if not r.shadow and len(r.at)] or [None]
    mine = [k for k in range(len(risks.at)) if risks.ports[risks.port[k]] == PORTS[TARGET] and risks.at[k] == END]
    return max([float(risks.within[k, 1]) for k in mine if risks.family[k] == family], default=0.0)


def trained(settings, version, level=None, console=None):
    console = console or Console(quiet=True)
    return training.run(
        settings, console, simulated=False, version=version, file=None, online=False, scale=1.0, level=level
    )


def test_what_crews_find_reaches_the_next_training_and_changes_the_prediction(settings):
    hours, contacts, cabinets = shown()
    with connect(settings.database) as conn:
        with Writer(settings.database, "history.failure") as writer:
            writer.write(shard_name(0), Outputs([rows_of(hours)]), 0)
        known(conn, contacts)

        assert trained(settings, "first") == 0
        assert [(m.bundle.version, m.shadow) for m in loaded(conn)] == [("first", False)]
        before = risk_of_target(conn, "cooling")

        for k, (hour, i) in enumerate(cabinets):
            fan = Finding(found=True, family="cooling", mechanism="2.4", cause="wear", activity="replace", part="fan")
            none = Finding(found=False, family="cooling", note="ran as it should")
            repaired(conn, hour, i, none if k % 8 == 7 else fan)
        assert conn.execute(
            "SELECT present, count(*) FROM label WHERE source = 'technician' GROUP BY 1 ORDER BY 1"
        ).fetchall() == [(False, 3), (True, 21)]

        console = Console(file=io.StringIO(), width=200)
        assert trained(settings, "second", 0.35, console) == 0
        assert table.entry(conn, "second").level == 0.35
        assert "at level 0.35, with which it comes: " in console.file.getvalue()
        assert [(m.bundle.version, m.shadow) for m in loaded(conn)] == [("first", False), ("second", True)]
        table.promote(conn, "second")
        after = risk_of_target(conn, "cooling")

        assert before < 0.1
        assert after > 0.4
        assert table.rollback(conn).version == "first"
        assert risk_of_target(conn, "cooling") == pytest.approx(before)
    assert (settings.data_dir / "models" / "second.cwm").is_file()


def test_a_model_that_is_no_better_than_knowing_nothing_is_thrown_away(settings):
    hours, contacts, _ = shown()
    chance = np.random.default_rng(5)
    noise = {c: chance.permutation(v) for c, v in hours.columns.items()}
    with connect(settings.database) as conn, Writer(settings.database, "history.failure") as writer:
        writer.write(shard_name(0), Outputs([rows_of(Hours(PORTS, hours.port, hours.at, noise, hours.errors))]), 0)
        known(conn, contacts)
        assert trained(settings, "useless") == 1
        assert table.entries(conn) == []


def test_hours_made_of_tables_are_those_read_back(settings):
    minute = 60_000_000
    with connect(settings.database) as conn:
        ports = numbers(conn, PORTS[:2])
        at = START + np.arange(120) * minute
        current = np.full(120, 20.0)
        told = {"at": at, "n": np.ones(120, np.int64), "current_mean": current, "power_mean": current * 600, "temp_connector_mean": current + 20,
                "temp_internal_mean": current}  # fmt: skip
        status = {"at": at[:1], "received_at": at[:1], "flags": np.zeros(1, np.int64), "kind": ["status"], "digest": np.zeros(1, np.int64),
                  "data": [{"status": "faulted", "error": "other_error", "vendor_code": "CX019"}]}  # fmt: skip
        writes = [
            Upsert("reading_1m", ("at",), [PORTS[0]], np.zeros(120, int), told),
            Append("event", [PORTS[0]], np.zeros(1, int), np.zeros(1, int), status),
        ]
        with Writer(settings.database, "store") as writer:
            writer.write(shard_name(0), Outputs(writes), 0)
            made = make(conn, ports, {}, START, START + 3 * HOUR_US)
            writer.write(shard_name(0), Outputs([rows_of(made)]), 1)
        back = read(conn, ports, START, START + 3 * HOUR_US)
    assert back.at.tolist() == made.at.tolist() == [START, START + HOUR_US]
    assert back.errors == made.errors == [{"contact_wear": 1}, None]
    for column in COLUMNS:
        np.testing.assert_array_equal(back.columns[column], made.columns[column])
    assert back.columns["busy"].tolist() == [1.0, 1.0]


def test_one_model_is_live_at_a_time_and_its_bytes_are_checked(settings):
    with connect(settings.database) as conn:
        when = moment(START)
        for version in ("a", "b"):
            state = "live" if version == "a" else "shadow"
            entry = table.Entry(version, state, "test", when, when, when, 0.5, {}, {}, when if version == "a" else None)
            assert table.add(conn, entry, version.encode())
        assert not table.add(conn, table.entry(conn, "a"), b"again")
        assert table.promote(conn, "b", level=0.3).level == pytest.approx(0.3)
        assert [(e.version, e.state) for e in table.entries(conn)] == [("b", "live"), ("a", "retired")]
        with pytest.raises(table.ModelError, match="live already"):
            table.promote(conn, "b")
        assert table.rollback(conn).version == "a"
        with pytest.raises(table.ModelError, match="nothing to go back to"):
            table.rollback(conn)
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.execute("UPDATE model SET state = 'live'")
        conn.execute("UPDATE model SET body = 'x' WHERE version = 'a'")
        with pytest.raises(table.ModelError, match="not those that were entered"):
            table.body(conn, "a")
