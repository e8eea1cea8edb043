"""Kafka sinks that lose nothing: explicit partitions, a snapshot only after Kafka confirmed, failures raise."""

import threading
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.flow_metrics import ALERTS
from connectors.kafka import Headers, KafkaSettings, Producer
from schemas.alerts import Alert
from schemas.topics import shard_name, shard_partition

X = TypeVar("X")


class Record(NamedTuple):
    """One Kafka record; partition -1 lets the partitioner (murmur2) choose by key."""

    value: bytes | None
    key: bytes | None = None
    partition: int = -1
    headers: Headers | None = None


class RecordSinkPartition(StatefulSinkPartition[X, None]):
    """The part of one shard. Has no state of its own: its snapshot is the promise that all it was given is written."""

    def __init__(self, sink: "RecordSink[X]", producer: Producer, shard: str) -> None:
        self._sink = sink
        self._producer = producer
        self._shard = shard

    def write_batch(self, values: list[X]) -> None:
        """Queue the records of `values` and serve reports; raises what failed earlier."""
        for value in values:
            for record in self._sink.records(self._shard, value):
                self._producer.send(
                    self._sink.topic,
                    record.value,
                    key=record.key,
                    partition=record.partition,
                    headers=record.headers,
                )
        self._producer.poll()

    def snapshot(self) -> None:
        """Returns once Kafka confirmed everything; raises DeliveryError, and the flow goes back to its last snapshot."""
        self._producer.flush()


class RecordSink(FixedPartitionedSink[X, None], Generic[X]):
    """Items keyed by shard into one topic; one producer a worker. Subclasses say what records an item is.

    `linger_ms` is 0: what flows write is packed already, so waiting for company only costs latency.
    """

    def __init__(self, settings: KafkaSettings, topic: str, *, name: str, linger_ms: float = 0) -> None:
        self.topic = topic
        self._settings = settings
        self._name = name
        self._linger_ms = linger_ms
        self._producers: dict[int, Producer] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def records(self, shard: str, item: X) -> Iterable[Record]:
        """The records that `item` of `shard` is."""

    def list_parts(self) -> list[str]:
        """One part a shard."""
        return [shard_name(p) for p in range(self._settings.partitions)]

    def part_fn(self, item_key: str) -> int:
        """Parts are ordered as the shards are, so a shard's items go to its own part."""
        return shard_partition(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> RecordSinkPartition[X]:
        """The part of a shard, on this worker's producer."""
        worker = threading.get_ident()
        with self._lock:
            if worker not in self._producers:
                self._producers[worker] = Producer(self._settings, self._name, linger_ms=self._linger_ms)
            return RecordSinkPartition(self, self._producers[worker], for_part)


class TelemetrySink(RecordSink[bytes]):
    """Packed records (`schemas.telemetry.Packed`, encoded) to the partition of `ev.telemetry` that their shard is."""

    def __init__(self, settings: KafkaSettings, *, name: str = "normalise") -> None:
        super().__init__(settings, settings.topics.telemetry, name=name)

    def records(self, shard: str, item: bytes) -> Iterable[Record]:
        """One record, keyed by shard for people who look with other tools."""
        return (Record(item, shard.encode(), shard_partition(shard)),)


class RejectSink(RecordSink[Record]):
    """Rejected payloads to `ev.rejects`, as the records that normalise made of them."""

    def __init__(self, settings: KafkaSettings, *, name: str = "rejects") -> None:
        super().__init__(settings, settings.topics.rejects, name=name, linger_ms=5)

    def records(self, shard: str, item: Record) -> Iterable[Record]:
        """The record itself."""
        return (item,)


class AlertSink(RecordSink[Alert]):
    """Alerts as JSON to `ev.alerts`, keyed by port, so all revisions of an episode stay in order."""

    def __init__(self, settings: KafkaSettings, *, name: str) -> None:
        super().__init__(settings, settings.topics.alerts, name=name)

    def records(self, shard: str, item: Alert) -> Iterable[Record]:
        """One record an alert."""
        ALERTS.labels(self._name, item.family, item.state).inc()
        return (Record(item.model_dump_json().encode(), item.port.encode()),)
