"""All flows in one process: one read of `ev.raw`, decoded once, through every operator. For networks up to about 5,000 ports."""

from collections.abc import Mapping

from bytewax.dataflow import Dataflow

from connectors.kafka import KafkaSettings
from pipelines.anomaly import anomaly
from pipelines.derive import Outlets
from pipelines.failure import failure
from pipelines.normalise import Normalising, normalised, publish
from pipelines.sessions import sessions
from pipelines.store import store
from pipelines.uptime import uptime


def fused(
    kafka: KafkaSettings,
    normalising: Normalising,
    outlets: Outlets,
    *,
    starts: Mapping[int, int] | None = None,
    until: Mapping[int, int] | None = None,
) -> Dataflow:
    """The flow `all`. The batches that the operators take are those that `ev.telemetry` gets. `starts` and `until` (partition -> raw
    offset) as in `PartitionSource`. Without somebody who works out risks there is no `failure` in it.
    """
    flow = Dataflow("all")
    batches, rejects = normalised(flow, kafka, normalising, group="all", starts=starts, until=until)
    publish(batches, rejects, kafka)
    store(batches, outlets)
    sessions(batches, outlets)
    uptime(batches, outlets)
    anomaly(batches, outlets)
    if outlets.outlook is not None:
        failure(batches, outlets)
    return flow
