"""The demo's past: the simulated network's registry, and weeks of its history through the same operators as live data."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from queue import Full, Queue
from typing import Any, Final

from chargewell.rebuild import OPERATORS
from chargewell.settings import Settings
from connectors.adapters.tokens import token_hasher
from connectors.timescale import registry
from connectors.timescale.hours import rows_of
from connectors.timescale.pool import connect
from connectors.timescale.sink import Writer
from connectors.timescale.snapshots import save
from models.columns import Batch, Others, Readings
from models.failure.hour_book import HourBook, take_writes
from models.operator import Operator, Outputs
from pipelines.history import FLOW, backfill
from schemas.assets import PortFacts
from simulator.chunk import Chunk
from simulator.history import History
from simulator.registry import registry as registry_of
from simulator.world import World

SOURCE: Final = "simulated history"
_AHEAD: Final = 8
_Facts = dict[str, PortFacts]


@dataclass(frozen=True, slots=True)
class Past:
    """What was written, how many alerts the healthy past raised (history: nothing was ordered), and how long it took."""

    readings: int
    events: int
    alerts: int
    seconds: float


def enter_registry(settings: Settings, world: World, start_us: int) -> int:
    """Import the network, in service since `start_us`; the number of ports."""
    wanted = registry_of(world.fleet, since=_time(start_us))
    with connect(settings.database, application="chargewell demo") as conn:
        registry.store(conn, wanted)
    return len(wanted.port)


def write_past(settings: Settings, history: History, progress: Callable[[int], None]) -> Past:
    """Run `history` through the operators into the tables, keep their states as seeds for the live flows, mark the span.

    The shards are shared out over as many processes as there are processors (two at least); this one simulates.
    """
    began = time.monotonic()
    with connect(settings.database, application="chargewell demo") as conn:
        facts = registry.facts(conn)
        conn.execute(
            "INSERT INTO history_span (port_no, from_at, to_at, source) SELECT port_no, %s, %s, %s FROM port "
            "ON CONFLICT (port_no, from_at) DO UPDATE SET to_at = excluded.to_at",
            (_time(history.start_us), _time(history.end_us), SOURCE),
        )
    done = _shared_out(settings, facts, history, progress)
    readings, events, alerts = (sum(part[i] for part in done) for i in range(3))
    return Past(readings, events, alerts, time.monotonic() - began)


def _shared_out(
    settings: Settings, facts: _Facts, history: History, progress: Callable[[int], None]
) -> list[tuple[int, int, int]]:
    workers = max(2, os.cpu_count() or 2)
    hashed = token_hasher(settings.flows.token_key.get_secret_value().encode())
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(workers, mp_context=context) as pool:
        queues: list[Queue[Batch | None]] = [manager.Queue(_AHEAD) for _ in range(workers)]
        running = [pool.submit(_work, settings, facts, one) for one in queues]
        taken = 0
        for chunk in history:
            _put(queues[chunk.partition % workers], as_batch(chunk, hashed), running)
            taken += len(chunk.readings)
            progress(taken)
        for one in queues:
            _put(one, None, running)
        return [one.result() for one in running]


def _put(target: "Queue[Batch | None]", item: Batch | None, running: list[Future[Any]]) -> None:
    """Put `item`, waiting for room; a worker that failed raises here."""
    while True:
        try:
            target.put(item, timeout=1.0)
        except Full:
            for one in running:
                if one.done():
                    one.result()
        else:
            return


def _work(settings: Settings, facts: _Facts, source: "Queue[Batch | None]") -> tuple[int, int, int]:
    operators = {name: partial(_operator, name, facts) for name in OPERATORS}
    hours = HourBook(facts)
    done = backfill(
        _until_none(source), operators, lambda flow: Writer(settings.database, flow), also=partial(take_writes, hours)
    )
    _write_hours(settings, hours, [shard for _, shard in done.operators])
    with connect(settings.database, application="chargewell demo") as conn, conn.transaction():
        for name, shard, state in done.seeds():
            save(conn, name, shard, state)
    return done.readings, done.events, sum(alert.revision == 1 for alert in done.alerts)


def _write_hours(settings: Settings, hours: HourBook, shards: list[str]) -> None:
    """The hours of ports, so that the flow `failure` need not make them of weeks of minutes."""
    if shards:
        with Writer(settings.database, f"{FLOW}failure") as writer:
            writer.write(min(shards), Outputs([rows_of(hours.hours())]), 0)


def _operator(name: str, facts: _Facts, _shard: str) -> Operator:
    return OPERATORS[name](facts)


def _until_none(source: "Queue[Batch | None]") -> Iterator[Batch]:
    while (batch := source.get()) is not None:
        yield batch


def as_batch(c: Chunk, hashed: Callable[[str], str]) -> Batch:
    """A chunk of simulated history as the batch that normalise would have made of it; `hashed` hides tokens (in place)."""
    r, o = c.readings, c.other
    for event in c.events:
        if "token" in event.data:
            event.data = event.data | {"token": hashed(event.data["token"])}
    return Batch(
        partition=c.partition, first=c.first, last=c.last, now=c.now, ports=c.ports,
        readings=Readings(r.port, r.at, r.received_at, r.origin, r.seq, r.flags, r.channels),
        other=Others(o.port, o.at, o.received_at, o.origin, o.seq, o.channel, o.value),
        events=c.events, beats=c.beats, served=c.served,
    )  # fmt: skip


def _time(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)
