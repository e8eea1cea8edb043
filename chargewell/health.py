"""The command `health`: whether a process of this deployment does its work, seen from outside, for container health checks.

A process that runs may still be stuck; what counts is its trace: the bridge's heartbeats in the log, the rows of the flows.
"""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

from chargewell.settings import Settings
from connectors.kafka import ends, offsets_at
from connectors.timescale.pool import connect
from schemas.topics import shard_name

LATE_S: Final = 60.0
"""What is older than this must have been worked on."""


def bridge(settings: Settings, late_s: float) -> list[str]:
    """Partitions of `ev.raw` without a record for `late_s`: the bridge writes a heartbeat a second to each."""
    raw = settings.kafka.topics.raw
    since = offsets_at(settings.kafka, raw, time.time_ns() // 1_000 - round(late_s * 1e6))
    silent = [p for p, end in log_ends(settings).items() if end <= since[p]]
    return [f"no heartbeat of a bridge in {raw} partition {p} for {late_s:g} s" for p in silent]


def flows(settings: Settings, late_s: float) -> list[str]:
    """Flows and shards whose rows are more than `late_s` behind the log; those that never stored anything, too."""
    due = offsets_at(settings.kafka, settings.kafka.topics.raw, time.time_ns() // 1_000 - round(late_s * 1e6))
    return [
        f"{one.flow} is more than {late_s:g} s and {one.records} records behind in partition {one.partition}"
        for one in behind(settings, due)
    ]


class Behind(NamedTuple):
    """A flow that has not stored the last `records` of what a partition of `ev.raw` was asked for."""

    flow: str
    partition: int
    records: int


def behind(settings: Settings, due: Mapping[int, int], names: Collection[str] = ()) -> list[Behind]:
    """Which of the flows `names` (none given: those that ever stored anything, at least `store`) lack what, by partition, of the
    raw offsets before `due`."""
    with connect(settings.database, application="chargewell health") as conn:
        rows = conn.execute("SELECT flow, shard, origin FROM flow_progress WHERE flow !~ '^history'").fetchall()
    done = {(flow, shard): origin + 1 for flow, shard, origin in rows}
    found = [
        Behind(name, p, offset - done.get((name, shard_name(p)), 0))
        for name in names or sorted({flow for flow, _ in done}) or ["store"]
        for p, offset in due.items()
    ]
    return [one for one in found if one.records > 0]


def log_ends(settings: Settings) -> dict[int, int]:
    """Where each partition of `ev.raw` ends now."""
    return {partition: high for partition, (_, high) in ends(settings.kafka, settings.kafka.topics.raw).items()}


CHECKS: Final[Mapping[str, Callable[[Settings, float], list[str]]]] = {"bridge": bridge, "flows": flows}
"""What can be asked for; control says it itself at `/health`."""
