"""A network's history with faults, incidents, orders and findings, for whoever looks at dashboards: tests and the bench.

Simulated readings through the same operators as live ones; the alerts they raise are taken by control as if they had just
come; a technician then closes every second order.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from psycopg.rows import dict_row

from chargewell.demo.past import SOURCE, as_batch, enter_registry
from chargewell.rebuild import OPERATORS
from chargewell.settings import Settings
from connectors.adapters.tokens import token_hasher
from connectors.timescale import registry
from connectors.timescale.pool import Connection, connect
from connectors.timescale.sink import Writer
from control.desk import press
from control.settings import ControlSettings
from control.take import take
from models.columns import Batch
from pipelines.history import backfill
from schemas.alerts import Alert
from schemas.work import Finding, OrderState, Role
from simulator.faults import Fault
from simulator.fleet import Fleet, generate
from simulator.history import History
from simulator.variants import VARIANTS
from simulator.world import World

DAY_US: Final = 86_400_000_000
_HOUR_US: Final = 3_600_000_000
_HAPPENS: Final = (
    "silent",
    "contactor_stuck",
    "ground_fault",
    "power_loss",
    "emergency_stop",
    "contact_wear",
    "overcurrent_trip",
)
_CAUSES: Final = ("wear", "weather", "unknown")
_MECHANISMS: Final = ("2.4", "2.2", "6.0")


def write_history(settings: Settings, *, stations: int, days: float, end_us: int, seed: int = 3) -> int:
    """Fill the empty, migrated database of `settings` with `days` before `end_us` (whole minutes); the readings written.

    Everything in this process: about four seconds of processor time for twenty ports and a day.
    """
    world = World(generate(stations, seed))
    start_us = end_us - round(days * 24 * 60) * 60_000_000
    enter_registry(settings, world, start_us)
    history = History(
        world, start_us, end_us, settings.kafka.partitions, faults=faults_of(world.fleet, start_us, end_us)
    )
    with connect(settings.database, application="chargewell history") as conn:
        facts = registry.facts(conn)
        conn.execute(
            "INSERT INTO history_span (port_no, from_at, to_at, source) SELECT port_no, %s, %s, %s FROM port",
            (_time(start_us), _time(end_us), SOURCE),
        )
    operators = {name: partial(lambda name, _shard: OPERATORS[name](facts), name) for name in OPERATORS}
    done = backfill(_batches(settings, history), operators, lambda flow: Writer(settings.database, flow))
    with connect(settings.database, application="chargewell history") as conn:
        take_alerts(conn, done.alerts)
        close_orders(conn, _time(end_us))
    return done.readings


def faults_of(fleet: Fleet, start_us: int, end_us: int) -> list[Fault]:
    """A fault at every second station, of changing kinds and lengths, so that each kind of row comes to be."""
    faults = []
    span = end_us - start_us
    for i, station in enumerate(fleet.stations[::2]):
        ports = [fleet.ports[k] for k in fleet.ports_of(station.station)]
        variant = VARIANTS[_HAPPENS[i % len(_HAPPENS)]]
        if station.model.kind not in variant.kinds:
            variant = VARIANTS["silent"]
        begin = start_us + span * (2 + i % 7) // 10
        lasts = None if i % 5 == 4 else (1 + i % 6) * _HOUR_US
        faults.append(Fault(ports[0].port, variant.name, begin, None if lasts is None else min(begin + lasts, end_us)))
    return faults


def take_alerts(conn: Connection, alerts: list[Alert]) -> None:
    """Have control take `alerts` in order of time, each two seconds after it was said; most are nobody's work any more."""
    settings = ControlSettings()
    for alert in sorted(alerts, key=lambda alert: (alert.at(), alert.revision)):
        take(conn, settings, alert, alert.at() + timedelta(seconds=2))


def close_orders(conn: Connection, now: datetime) -> None:
    """A technician repairs every second active order that is an hour old, and says what it was."""
    with conn.cursor(row_factory=dict_row) as cursor:
        orders = cursor.execute(
            "SELECT number, family, opened_at FROM work_order WHERE state NOT IN ('resolved', 'verified', 'cancelled') "
            "AND opened_at < %s ORDER BY number",
            (now - timedelta(hours=1),),
        ).fetchall()
    settings, roles = ControlSettings(), frozenset({Role.OPERATOR})
    for i, order in enumerate(orders[::2]):
        mended = min(now, order["opened_at"] + timedelta(hours=1 + 5 * (i % 4)))
        cause, mechanism = _CAUSES[i % 3], _MECHANISMS[i % 3]
        found = Finding(
            found=True, family=order["family"], cause=cause, mechanism=mechanism, activity="repair", part="contactor"
        )
        if i % 4 == 3:
            found = Finding(found=False, family=order["family"])
        with conn.transaction():
            press(conn, settings, order["number"], OrderState.RESOLVED, "user:crew", roles, mended, finding=found)


def _batches(settings: Settings, history: History) -> Iterator[Batch]:
    hashed = token_hasher(settings.flows.token_key.get_secret_value().encode())
    for chunk in history:
        yield as_batch(chunk, hashed)


def _time(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)
