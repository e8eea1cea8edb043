"""Two weeks of a small simulated network with one worn contact, brought to the tables by the flows' own operators and control.

Made once a run: the history and its alerts, the incident and order that control makes of them, and a technician's finding.
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psycopg
import pytest
from nbclient import NotebookClient
from psycopg.conninfo import make_conninfo

from chargewell.demo.past import SOURCE, as_batch, enter_registry
from chargewell.prediction.outlook import outlook
from chargewell.prediction.registry import ensure_bundled
from chargewell.rebuild import OPERATORS
from chargewell.settings import Settings
from connectors.adapters.tokens import token_hasher
from connectors.timescale import registry
from connectors.timescale.migrate import migrate
from connectors.timescale.pool import connect
from connectors.timescale.settings import DatabaseSettings
from connectors.timescale.sink import Writer
from control.desk import press
from control.settings import ControlSettings
from control.take import take
from models.failure.operator import rows_of
from models.operator import Outputs
from pipelines.history import backfill
from schemas.topics import shard_name
from schemas.work import Finding, OrderState, Role
from simulator.faults import Fault
from simulator.fleet import generate
from simulator.history import History
from simulator.world import World

FOLDER = Path(__file__).parents[2] / "notebooks"
PORT, FAMILY = "DE-B-006/1", "contact_wear"
DAYS, STATIONS, SEED, PARTITIONS = 14, 8, 3, 2
_DAY_US = 86_400_000_000
START = datetime(2025, 6, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
ONSET = END - timedelta(days=3)
REPAIRED = ONSET + timedelta(hours=50)
RISK_EVERY = timedelta(hours=6)


@pytest.fixture(scope="session")
def network(services):
    """The facts of the network that the notebooks run on: `.dsn`, `.port`, `.family`, `.onset`, `.end`, `.alerts`."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(services.postgres.dsn, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        dsn = make_conninfo(services.postgres.dsn, dbname=name)
        try:
            settings = Settings(database=DatabaseSettings(dsn=dsn))
            migrate(dsn)
            alerts = _live(settings)
            _foretell(settings)
            _work(settings, alerts)
            yield SimpleNamespace(dsn=dsn, port=PORT, family=FAMILY, start=START, onset=ONSET, end=END, alerts=alerts)
        finally:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _live(settings):
    """Registry and history; the alerts that were raised."""
    world = World(generate(STATIONS, SEED), seed=SEED)
    start_us = _us(START)
    end_us = start_us + DAYS * _DAY_US
    enter_registry(settings, world, start_us)
    fault = Fault(PORT, FAMILY, _us(ONSET), _us(REPAIRED), severity=1.0, ramp_s=86_400.0)
    history = History(world, start_us, end_us, PARTITIONS, faults=[fault])
    hashed = token_hasher(b"a key of the tests alone")
    with connect(settings.database) as conn:
        facts = registry.facts(conn)
        conn.execute(
            "INSERT INTO history_span (port_no, from_at, to_at, source) SELECT port_no, %s, %s, %s FROM port",
            (START, END, SOURCE),
        )
    operators = {name: partial(_operator, name, facts) for name in OPERATORS}
    done = backfill(
        (as_batch(chunk, hashed) for chunk in history), operators, lambda flow: Writer(settings.database, flow)
    )
    return done.alerts


def _us(at):
    return int(at.timestamp() * 1e6)


def _foretell(settings):
    """The risks that the flow `failure` would have told, by the model that comes with the package, until the repair."""
    with connect(settings.database) as conn, Writer(settings.database, "history.failure") as writer:
        ensure_bundled(conn)
        until, told = REPAIRED - 6 * RISK_EVERY, 0
        while until <= REPAIRED:
            for shard in map(shard_name, range(PARTITIONS)):
                found = outlook(conn, shard, _us(until), PARTITIONS)
                writer.write(shard, Outputs(found.rows + [rows_of(risks) for risks in found.risks]), told)
            until, told = until + RISK_EVERY, told + 1


def _operator(name, facts, _shard):
    return OPERATORS[name](facts)


def _work(settings, alerts):
    """Control takes each alert when it is said; two days after the onset a technician finds and replaces the worn contact."""
    control = ControlSettings()
    with connect(settings.database) as conn:
        for alert in sorted(alerts, key=lambda a: a.at()):
            take(conn, control, alert, alert.at())
        (number,) = conn.execute("SELECT number FROM work_order WHERE family = %s", (FAMILY,)).fetchone()
        finding = Finding(
            found=True,
            family=FAMILY,
            mechanism="2.4",
            cause="wear",
            activity="replace",
            part="CCS2 inlet contacts",
            note="pitted",
        )
        with conn.transaction():
            press(
                conn, control, number, OrderState.RESOLVED, "crew:ada", frozenset({Role.CREW}), REPAIRED,
                finding=finding,
            )  # fmt: skip


@pytest.fixture
def run(network, monkeypatch, tmp_path) -> Callable[[str, str], str]:
    """Run a notebook on the network as a reader does, and then `claims` in its kernel; the text of all outputs."""
    monkeypatch.setenv("CHARGEWELL_DATABASE__DSN", network.dsn)
    monkeypatch.setenv("CHARGEWELL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))

    def run(name: str, claims: str, timeout: int = 120) -> str:
        notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
        notebook.cells.append(nbformat.v4.new_code_cell(claims))
        client = NotebookClient(
            notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        )
        client.execute()
        outputs = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
        return "\n".join(str(out.get("text") or out.get("data", {}).get("text/plain", "")) for out in outputs)

    return run


@pytest.fixture
def notebooks():
    """The files of all notebooks."""
    return sorted(FOLDER.glob("*.ipynb"))
