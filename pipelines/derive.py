"""What every deriving flow is: telemetry in, one operator per shard, rows and alerts out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import bytewax.operators as op
import confluent_kafka as ck
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream

from connectors.adapters.packed import unpack
from connectors.bytewax_io import AlertSink, DatabaseSink, PartitionSource
from connectors.kafka import KafkaSettings
from models.columns import Batch
from models.failure.operator import Outlook
from models.operator import Operator
from pipelines import Seed, alerts_of, operate
from schemas.assets import PortFacts


@dataclass(frozen=True)
class Outlets:
    """Where a flow's outputs go, made by the front door: sinks by the name of the flow, seeds, what is known of ports, and who
    works out risks (None: nobody, there is no flow `failure` then)."""

    rows: Callable[[str], DatabaseSink]
    alerts: Callable[[str], AlertSink]
    seed: Callable[[str], Seed | None] = field(default=lambda _name: None)
    facts: Mapping[str, PortFacts] = field(default_factory=dict)
    outlook: Outlook | None = None


def derive(
    name: str, telemetry: KeyedStream[Batch], make_operator: Callable[[str], Operator], outlets: Outlets
) -> None:
    """Run an operator over `telemetry`; its rows go to the database under the flow `name`, its alerts to `ev.alerts`."""
    said = operate(name, telemetry, make_operator, outlets.seed(name))
    op.output(f"{name}-rows", said, outlets.rows(name))
    op.output(f"{name}-alerts", alerts_of(f"{name}-said", said), outlets.alerts(name))


def telemetry(
    flow: Dataflow,
    settings: KafkaSettings,
    group: str,
    starts: Mapping[int, int] | None = None,
    until: Mapping[int, int] | None = None,
) -> KeyedStream[Batch]:
    """`ev.telemetry` as batches keyed by shard, in order; for flows that run apart."""
    source = PartitionSource(settings, settings.topics.telemetry, _unpacked, group=group, starts=starts, until=until)
    return op.flat_map_value("batches", op.input("telemetry", flow, source), lambda batches: batches)


def _unpacked(_partition: int, messages: list[ck.Message]) -> list[Batch]:
    return [unpack(message.value() or b"") for message in messages]
