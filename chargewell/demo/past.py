"""The demo's past: the simulated network's registry, and weeks of its history through the same operators as live data."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from chargewell.settings import Settings
from connectors.timescale import registry
from connectors.timescale.pool import connect
from connectors.timescale.sink import Writer
from connectors.timescale.snapshots import save
from models.anomaly.operator import AnomalyOperator
from models.columns import Batch, Others, Readings
from models.sessions import Sessions
from models.store import Store
from models.uptime import Uptime
from pipelines.history import Backfilled, backfill
from simulator.chunk import Chunk
from simulator.history import History
from simulator.registry import as_registry
from simulator.world import World

SOURCE: Final = "simulated history"
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Past:
    """What was written and how long it took."""

    backfilled: Backfilled
    seconds: float


def enter_registry(settings: Settings, world: World, start_us: int) -> int:
    """Import the network, in service since `start_us`; the number of ports."""
    wanted = as_registry(world.fleet, commissioned_us=start_us)
    with connect(settings.database, application="chargewell demo") as conn:
        registry.store(conn, wanted)
    return len(wanted.port)


def write_past(settings: Settings, history: History, progress: Callable[[int], None]) -> Past:
    """Run `history` through the operators into the tables, keep their states as seeds for the live flows, mark the span."""
    began = time.monotonic()
    with connect(settings.database, application="chargewell demo") as conn:
        facts = registry.facts(conn)
    operators = {
        "store": lambda _shard: Store(),
        "sessions": lambda _shard: Sessions(facts),
        "uptime": lambda _shard: Uptime(facts),
        "anomaly": lambda _shard: AnomalyOperator(facts),
    }
    done = backfill(as_batches(history), operators, lambda flow: Writer(settings.database, flow), progress=progress)
    with connect(settings.database, application="chargewell demo") as conn, conn.transaction():
        for name, shard, state in done.seeds():
            save(conn, name, shard, state)
        conn.execute(
            "INSERT INTO history_span (port_no, from_at, to_at, source) SELECT port_no, %s, %s, %s FROM port "
            "ON CONFLICT (port_no, from_at) DO UPDATE SET to_at = excluded.to_at",
            (_time(history.start_us), _time(history.end_us), SOURCE),
        )
    return Past(done, time.monotonic() - began)


def as_batches(chunks: Iterable[Chunk]) -> Iterator[Batch]:
    """The simulator's chunks as batches; the columns are handed over, not copied."""
    for c in chunks:
        r, o = c.readings, c.other
        yield Batch(
            partition=c.partition, first=c.first, last=c.last, now=c.now, ports=c.ports,
            readings=Readings(r.port, r.at, r.received_at, r.origin, r.seq, r.flags, r.channels),
            other=Others(o.port, o.at, o.received_at, o.origin, o.seq, o.channel, o.value),
            events=c.events, beats=c.beats, served=c.served,
        )  # fmt: skip


def _time(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)
