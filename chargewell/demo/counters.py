"""What the live view shows, read from the tables and the log about once a second."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from chargewell.audit.log import is_beat
from chargewell.settings import Settings
from connectors.kafka import KafkaSettings, ends, read_span
from connectors.timescale.pool import Connection
from schemas.telemetry import BridgeBeat

_TABLES = """
SELECT
  (SELECT coalesce(sum(stored), 0)::bigint FROM audit_hour WHERE flow = 'store') AS stored,
  (SELECT coalesce(sum(rejected), 0)::bigint FROM audit_hour WHERE flow = 'store') AS rejected,
  (SELECT count(*) FROM port WHERE number > 0) AS ports,
  (SELECT count(*) FROM availability a JOIN port USING (port_no)
    WHERE number > 0 AND to_at IS NULL AND state = 'up') AS ports_up,
  (SELECT count(*) FROM incident WHERE state = 'open') AS incidents,
  (SELECT count(*) FROM work_order WHERE recorded_at >= %(since)s) AS work_orders,
  (SELECT count(*) FROM credit WHERE recorded_at >= %(since)s) AS credits,
  (SELECT extract(epoch FROM now() - max(received_at)) FROM reading WHERE received_at > now() - interval '1 minute') AS age
"""


_TAIL = 200


def newest_beat(kafka: KafkaSettings, span: tuple[int, int]) -> BridgeBeat | None:
    """The newest heartbeat among the last records of partition 0 (`span`: its offsets), None where there is none."""
    low, high = span
    beats = [
        message.value() or b""
        for messages in read_span(kafka, kafka.topics.raw, 0, max(low, high - _TAIL), high)
        for message in messages
        if is_beat(message)
    ]
    return msgspec.json.decode(beats[-1], type=BridgeBeat) if beats else None


@dataclass(frozen=True, slots=True)
class Counters:
    """One look at the running chain. `lag` is raw records not yet stored, `latency_s` the age of the newest stored reading."""

    messages_in: int = 0
    stored: int = 0
    rejected: int = 0
    lag: int = 0
    ports: int = 0
    ports_up: int = 0
    incidents: int = 0
    work_orders: int = 0
    credits: int = 0
    latency_s: float | None = None


def look(settings: Settings, conn: Connection, since: datetime) -> Counters:
    """The counters now; orders and credits since `since`. Two short queries, no scan of readings beyond the last minute."""
    row: Any = conn.execute(_TABLES, {"since": since}).fetchone()
    stored, rejected, ports, up, incidents, orders, credits, age = row
    topics = ends(settings.kafka, settings.kafka.topics.raw)
    beat = newest_beat(settings.kafka, topics[0])
    progress: dict[str, int] = dict(
        conn.execute("SELECT shard, origin FROM flow_progress WHERE flow = 'store'").fetchall()
    )
    written = sum(high for _, high in topics.values())
    done = sum(origin + 1 for origin in progress.values())
    return Counters(
        messages_in=0 if beat is None else beat.received, stored=stored, rejected=rejected, lag=max(0, written - done), ports=ports, ports_up=up,
        incidents=incidents, work_orders=orders, credits=credits, latency_s=None if age is None else float(age),
    )  # fmt: skip
