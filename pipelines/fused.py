"""All flows in one process: one read of `ev.raw`, decoded once, through every operator. For networks up to about 5,000 ports."""

from collections.abc import Collection, Mapping
from typing import Final

from bytewax.dataflow import Dataflow

from connectors.kafka import KafkaSettings
from pipelines.anomaly import anomaly
from pipelines.derive import Outlets
from pipelines.failure import failure
from pipelines.normalise import Normalising, normalised, publish
from pipelines.sessions import sessions
from pipelines.store import store
from pipelines.uptime import uptime

OPERATORS: Final = ("store", "sessions", "uptime", "anomaly", "failure")


def fused(
    kafka: KafkaSettings,
    normalising: Normalising,
    outlets: Outlets,
    *,
    publish_telemetry: bool = True,
    operators: Collection[str] = OPERATORS,
    starts: Mapping[int, int] | None = None,
    until: Mapping[int, int] | None = None,
) -> Dataflow:
    """The flow `all`. The batches that the operators take are those that `ev.telemetry` gets; `publish_telemetry` off spares
    the packing where nobody else reads that topic (the audit then cannot compare lines). Of `operators` those that are not named stay away. `starts` and `until` (partition -> raw offset) as in `PartitionSource`.
    """
    flow = Dataflow("all")
    batches, rejects = normalised(flow, kafka, normalising, group="all", starts=starts, until=until)
    publish(batches if publish_telemetry else None, rejects, kafka)
    made = {"store": store, "sessions": sessions, "uptime": uptime, "anomaly": anomaly}
    if outlets.outlook is not None:
        made["failure"] = failure
    for name in operators:
        if name in made:
            made[name](batches, outlets)
    return flow
