"""`chargewell export`: what stands in a view comes back from the file, and nothing else does."""

import json
import sys
from datetime import timedelta
from decimal import Decimal

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from chargewell import export as exporting
from chargewell.cli import app
from chargewell.export import export, parse_time
from chargewell.extras import MissingExtraError
from chargewell.frames import columns, frame, views
from chargewell.settings import Settings
from connectors.timescale.migrate import migrate
from connectors.timescale.public import Choice, PublicViewError, public_views
from connectors.timescale.roles import create_login
from connectors.timescale.settings import DatabaseSettings

pytestmark = pytest.mark.integration
MINUTE = timedelta(minutes=1)


def test_a_view_comes_back_whole_with_its_types(deployment, start, tmp_path):
    file = tmp_path / "reading.parquet"

    assert export(deployment, "reading", file, Choice()) == 20
    table = pq.read_table(file)
    rows = sorted(table.to_pylist(), key=lambda row: (row["port"], row["at"]))

    assert [row["port"] for row in rows] == ["X-1/1"] * 10 + ["X-1/2"] * 10
    assert [row["at"] for row in rows[:10]] == [start + i * MINUTE for i in range(10)]
    assert [row["voltage"] for row in rows[:3]] == [230.0, 231.0, 232.0]
    assert [row["energy"] for row in rows[:3]] == [1e9, None, 1e9 + 2]
    schema = pq.read_schema(file)
    assert schema.field("at").type == pa.timestamp("us", "UTC")
    assert schema.field("voltage").type == pa.float32()
    assert schema.field("energy").type == pa.float64()
    assert schema.field("voltage").metadata[b"postgresql"] == b"real"
    assert schema.metadata[b"comment"].decode().startswith("Readings as told")


def test_a_span_holds_its_start_and_not_its_end_and_ports_and_columns_are_chosen(deployment, start, tmp_path):
    file = tmp_path / "some.parquet"

    export(deployment, "reading", file, Choice(["at", "voltage"], ["X-1/2"], start + 2 * MINUTE, start + 5 * MINUTE))

    table = pq.read_table(file)
    assert table.column_names == ["at", "voltage"]
    assert sorted(table["voltage"].to_pylist()) == [232.0, 233.0, 234.0]


@pytest.mark.parametrize(
    ("begin", "end", "states"), [(0, 60, ["up"]), (59, 61, ["down", "up"]), (60, 90, ["down"]), (-9, 0, [])]
)
def test_intervals_belong_to_a_span_that_they_overlap(deployment, start, tmp_path, begin, end, states):
    file = tmp_path / "availability.parquet"

    export(deployment, "availability", file, Choice(start=start + begin * MINUTE, end=start + end * MINUTE))

    assert sorted(pq.read_table(file)["state"].to_pylist()) == states


def test_json_prices_and_what_looks_like_sql_come_back_exactly(deployment, tmp_path):
    export(deployment, "event", tmp_path / "event.parquet", Choice())
    export(deployment, "tariff", tmp_path / "tariff.parquet", Choice())
    nothing = export(deployment, "reading", tmp_path / "none.parquet", Choice(ports=["X-1/1' OR 'a' = 'a", "\\"]))

    assert json.loads(pq.read_table(tmp_path / "event.parquet")["data"][0].as_py()) == {
        "status": 'it\'s \\ "faulted"\n'
    }
    assert pq.read_table(tmp_path / "tariff.parquet")["per_kwh"].to_pylist() == [Decimal("0.4999")]
    assert nothing == 0
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0


def test_every_view_can_be_exported_and_those_of_what_happens_know_a_time(deployment, tmp_path):
    known = public_views(deployment.database)

    for name, view in known.items():
        span = {} if view.time is None else {"start": parse_time("2026-01-01"), "end": parse_time("2027-01-01")}
        export(deployment, name, tmp_path / name, Choice(**span))
        assert pq.read_schema(tmp_path / name).names == list(view.columns)
    happenings = {"reading", "reading_1m", "event", "charging_session", "availability", "uptime_daily", "anomaly_score",
        "incident", "work_order", "credit", "label", "reject", "audit_hour"}  # fmt: skip
    assert [name for name in happenings if known[name].time is None] == []


def test_memory_is_that_of_a_row_group_whatever_the_span(deployment, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "GROUP_BYTES", 1_000_000)
    with psycopg.connect(deployment.database.dsn) as conn:
        conn.execute(
            "INSERT INTO chargewell.reading_other (port_no, channel, at, received_at, value) "
            "SELECT port_no, 'isolation', now() - i * interval '1 second', now(), i FROM chargewell.port, generate_series(1, 200000) i"
        )
    before = pa.total_allocated_bytes()
    peak_before = pa.default_memory_pool().max_memory()
    file = tmp_path / "other.parquet"

    rows = export(deployment, "reading_other", file, Choice())

    groups = pq.ParquetFile(file).metadata
    assert rows == 400_000
    assert groups.num_row_groups > 5
    assert max(groups.row_group(i).total_byte_size for i in range(groups.num_row_groups)) < 12_000_000
    assert pa.default_memory_pool().max_memory() - max(before, peak_before) < 40_000_000


def test_a_failed_export_leaves_the_earlier_file_and_no_part(deployment, tmp_path, monkeypatch):
    file = tmp_path / "reading.parquet"
    file.write_bytes(b"earlier")

    def broken(*_):
        raise RuntimeError("disk on fire")
        yield

    monkeypatch.setattr(exporting, "_groups", broken)
    with pytest.raises(RuntimeError, match="disk on fire"):
        export(deployment, "reading", file, Choice())

    assert file.read_bytes() == b"earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["reading.parquet"]


@pytest.mark.parametrize(
    ("view", "choice", "said"),
    [
        ("account", Choice(), "no public view 'account'; there are .*anomaly_score"),
        ("reading; drop table reading", Choice(), "no public view"),
        ("reading", Choice(["volts"]), "reading has no column 'volts'; it has port, at"),
        ("reject", Choice(ports=["X-1/1"]), "reject has no column port"),
        ("port", Choice(start=parse_time("2026-01-01")), "port is about no time"),
    ],
)
def test_what_a_view_cannot_give_is_named(deployment, tmp_path, view, choice, said):
    with pytest.raises(PublicViewError, match=said):
        export(deployment, view, tmp_path / "x.parquet", choice)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(deployment, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the folder .* is not there"):
        export(deployment, "reading", tmp_path / "no" / "x.parquet", Choice())


def test_a_login_of_the_read_role_suffices_and_one_without_it_is_told_the_remedy(database, unique, tmp_path):
    migrate(database)
    with psycopg.connect(database, autocommit=True) as conn:
        create_login(conn, unique, "seven seas", "chargewell_read")
        conn.execute(f"CREATE ROLE {unique}_no LOGIN PASSWORD 'seven seas'")
    reader, nobody = (
        Settings(
            database=DatabaseSettings(dsn=psycopg.conninfo.make_conninfo(database, user=who, password="seven seas"))
        )
        for who in (unique, f"{unique}_no")
    )
    try:
        assert export(reader, "port", tmp_path / "x.parquet", Choice()) == 0
        with pytest.raises(PublicViewError, match=f"GRANT chargewell_read TO {unique}_no"):
            export(nobody, "port", tmp_path / "x.parquet", Choice())
    finally:
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(f"DROP ROLE {unique}, {unique}_no")


def test_a_namespace_of_ones_own_has_views_of_its_own(database, unique, tmp_path):
    migrate(database, unique)
    settings = Settings(database=DatabaseSettings(dsn=database, namespace=unique))
    try:
        assert export(settings, "port", tmp_path / "x.parquet", Choice()) == 0
    finally:
        with psycopg.connect(database, autocommit=True) as conn:
            for role in ("flows", "control", "read"):
                conn.execute(f"DROP OWNED BY {unique}_{role}")
                conn.execute(f"DROP ROLE {unique}_{role}")


def test_the_command_writes_the_file_and_lists_the_views(deployment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARGEWELL_DATABASE__DSN", deployment.database.dsn)
    run = CliRunner().invoke

    wrote = run(
        app, ["export", "reading", "--from", "2026-03-01T00:08", "--to", "2026-03-02", "--port", "X-1/1", "r.parquet"]
    )
    listed = run(app, ["export", "list"])
    wrong = run(app, ["export", "reading", "--from", "yesterday", "r.parquet"])

    assert wrote.exit_code == 0, wrote.output
    assert "2 rows of reading" in wrote.output
    assert pq.read_table(tmp_path / "r.parquet").num_rows == 2
    assert "uptime_daily" in listed.output
    assert wrong.exit_code == 2
    assert "is no time" in wrong.output


def test_frames_are_sorted_and_views_and_columns_are_told(deployment, start):
    found = frame("reading", ports="X-1/2", start="2026-03-01T00:03", end=start + 6 * MINUTE, settings=deployment)

    assert found["voltage"].to_list() == [233.0, 234.0, 235.0]
    assert frame("reading", settings=deployment)["at"].to_list()[:10] == [start + i * MINUTE for i in range(10)]
    assert "intervals" in views(deployment)["availability"].lower()
    assert columns("event", deployment)["data"] == "jsonb"
    with pytest.raises(PublicViewError, match="start 'soon' is no time"):
        frame("reading", start="soon", settings=deployment)


def test_a_missing_extra_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'chargewell\[export\]'"):
        export(Settings(), "reading", tmp_path / "x.parquet", Choice())
