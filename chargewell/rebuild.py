"""`--rebuild`: the state of operators made anew from what the database holds; the tables stay as they are.

Each operator replays the days that it says it must remember, reading by reading as they arrived, and what it puts out is
thrown away: rows of those days stand in the tables, and their alerts are history. Bridge heartbeats are not kept in the
database, so the replayed span counts as observed.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import structlog

from chargewell.settings import Settings
from connectors.timescale.history import ports_of, read_batches
from connectors.timescale.pool import Connection, connect
from connectors.timescale.registry import facts
from connectors.timescale.sink import Writer
from connectors.timescale.snapshots import save
from models.anomaly.operator import AnomalyOperator
from models.columns import Batch
from models.operator import Marked, Operator
from models.sessions import Sessions
from models.store import Store
from models.uptime import Uptime
from schemas.assets import PortFacts
from schemas.telemetry import BridgeBeat
from schemas.topics import shard_name

log = structlog.get_logger(__name__)

OPERATORS: Final[Mapping[str, Callable[[Mapping[str, PortFacts]], Operator]]] = {
    "store": lambda _facts: Store(),
    "sessions": Sessions,
    "uptime": Uptime,
    "anomaly": AnomalyOperator,
}
"""Operator by the name of its flow, made from what is known of the ports."""
_DAY_US: Final = 86_400_000_000


def rebuild(settings: Settings, names: tuple[str, ...]) -> dict[int, int]:
    """Make the states of the flows `names` anew and keep them as seeds; partition -> the raw offset to go on from.

    Refused (`FlowRunningError`) while one of the flows runs. Cost: one pass over the remembered days per partition.
    """
    starts: dict[int, int] = {}
    writers = [Writer(settings.database, name, claim_wait_s=2.0) for name in names]
    try:
        with connect(settings.database, application="chargewell rebuild") as conn:
            known = facts(conn)
            stored: dict[str, int] = dict(
                conn.execute("SELECT shard, origin FROM flow_progress WHERE flow = 'store'").fetchall()
            )
            for partition in range(settings.kafka.partitions):
                shard = shard_name(partition)
                for writer in writers:
                    writer.claim(shard)
                starts[partition] = stored.get(shard, -1) + 1
                _shard(conn, settings, names, known, partition, stored.get(shard, -1))
    finally:
        for writer in writers:
            writer.close()
    return starts


def _shard(
    conn: Connection,
    settings: Settings,
    names: tuple[str, ...],
    known: Mapping[str, PortFacts],
    partition: int,
    origin: int,
) -> None:
    ports = ports_of(conn, partition, settings.kafka.partitions)
    newest = _newest(conn, ports)
    operators = [Marked(OPERATORS[name](known)) for name in names if name in OPERATORS]
    for marked in operators:
        start = newest - round(marked.operator.memory_days * _DAY_US)
        readings = 0
        if newest:
            for batch in _with_beats(read_batches(conn, ports, start, newest + 1, partition=partition), start):
                marked.step(batch)
                readings += len(batch.readings)
        log.info("state made anew", operator=marked.operator.name, shard=shard_name(partition), readings=readings)
        save(conn, marked.operator.name, shard_name(partition), marked.snapshot() | {"origin": origin})


def _newest(conn: Connection, ports: list[str]) -> int:
    """The newest receive time of these ports, microseconds; 0 where nothing was ever stored of them."""
    row = conn.execute(
        "SELECT (extract(epoch FROM greatest("
        "(SELECT max(received_at) FROM reading JOIN port USING (port_no) WHERE port = ANY(%(ports)s) "
        " AND at > (SELECT max(at) FROM reading) - interval '2 days'), "
        "(SELECT max(received_at) FROM event JOIN port USING (port_no) WHERE port = ANY(%(ports)s) "
        " AND at > (SELECT max(at) FROM event) - interval '2 days'))) * 1000000)::bigint",
        {"ports": ports},
    ).fetchone()
    return int(row[0]) if row is not None and row[0] is not None else 0


def _with_beats(batches: Iterator[Batch], start_us: int) -> Iterator[Batch]:
    for batch in batches:
        batch.beats = [BridgeBeat(bridge="rebuild", at=batch.now, connected=True, since=start_us, origin=batch.last)]
        batch.served = {port.rpartition("/")[0]: "rebuild" for port in batch.ports}
        yield batch
