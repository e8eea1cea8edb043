"""The Kafka source of the flows: each poll of one partition is one item, `(shard name, decoded batch)`."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

import confluent_kafka as ck
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.bytewax_io.reader import Reader
from connectors.flow_metrics import SourceMetrics
from connectors.kafka import KafkaSettings
from connectors.stopping import stopping
from schemas.topics import shard_name, shard_partition

T = TypeVar("T")

Decode = Callable[[int, list[ck.Message]], T]
"""(partition, its messages in order of offset, at least one) -> the item. It must take any bytes: what it cannot read it
rejects inside the item. An exception is a defect and stops the flow, naming topic, partition and offsets."""


class DecodeError(RuntimeError):
    """A decode function failed, although it must take any bytes."""


class Partition(StatefulSourcePartition[tuple[str, T], int], Generic[T]):
    """One partition of a topic; its state is the offset to go on from."""

    def __init__(
        self, reader: Reader, topic: str, partition: int, decode: Decode[T], resume: int | None, until: int | None
    ) -> None:
        self._reader = reader
        self._topic = topic
        self._partition = partition
        self._shard = shard_name(partition)
        self._decode = decode
        self._next = reader.open(partition, resume)
        self._until = until
        self._metrics = SourceMetrics(topic, self._shard)
        self.closed: Callable[[Reader], None] | None = None

    def next_batch(self) -> list[tuple[str, T]]:
        """At most one item. Ends when the process is asked to stop, or when all partitions stand before their `until`.

        Each end of a partition closes an epoch, with a snapshot of everything: so they end together.
        """
        if stopping():
            raise StopIteration
        if self._until is not None and self._next >= self._until:
            if self._reader.all_ended(self._partition):
                raise StopIteration
            return []
        messages = self._reader.take(self._partition)
        if self._until is not None:
            messages = _before(messages, self._until)
        if not messages:
            return []
        first, last = _offset(messages[0]), _offset(messages[-1])
        try:
            item = self._decode(self._partition, messages)
        except Exception as error:
            where = f"{self._topic} partition {self._partition}, offsets {first}..{last}"
            raise DecodeError(f"{where}: {type(error).__name__}: {error}") from error
        self._next = last + 1
        behind = self._reader.behind(self._partition, self._next)
        self._metrics.polled(len(messages), messages[-1].timestamp()[1], behind)
        return [(self._shard, item)]

    def snapshot(self) -> int:
        """The offset of the first record that was not given out."""
        self._reader.commit(self._partition, self._next)
        return self._next

    def close(self) -> None:
        """Give the partition back to the reader; the last one closes the consumer."""
        if self._reader.holds(self._partition) and self._reader.close(self._partition) and self.closed:
            self.closed(self._reader)


def _offset(message: ck.Message) -> int:
    offset = message.offset()
    assert offset is not None  # noqa: S101 - a message without an error has an offset
    return offset


def _before(messages: list[ck.Message], end: int) -> list[ck.Message]:
    """Those of `messages`, in order of offset, that stand before `end`."""
    if messages and _offset(messages[-1]) < end:
        return messages
    return [message for message in messages if _offset(message) < end]


class PartitionSource(FixedPartitionedSource[tuple[str, T], int], Generic[T]):
    """All partitions of `topic`, each poll of one as one item.

    Starts where the recovery store says; without one at `starts[partition]`, else at the first record that is held.
    Stops with OffsetGoneError where the offset to resume at was deleted. `until` (partition -> offset) makes it end, for
    repair runs and measurements; partitions it does not name are not read. `group` is where offsets are committed, for
    lag tools only. Latency: an idle reader wakes with the first message; the engine adds about a millisecond a hop.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        decode: Decode[T],
        *,
        group: str,
        partitions: Sequence[int] | None = None,
        starts: Mapping[int, int] | None = None,
        until: Mapping[int, int] | None = None,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._decode = decode
        self._group = group
        wanted = range(settings.partitions) if partitions is None else partitions
        self._partitions = [p for p in wanted if until is None or p in until]
        self._starts = starts or {}
        self._until = until
        self._readers: dict[int, Reader] = {}
        self._lock = threading.Lock()

    def list_parts(self) -> list[str]:
        """Shard names of the partitions."""
        return [shard_name(p) for p in self._partitions]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Partition[T]:
        """The partition behind this worker's one reader."""
        partition = shard_partition(for_part)
        resume = self._starts.get(partition) if resume_state is None else resume_state
        until = None if self._until is None else self._until[partition]
        reader = self._reader(partition)
        part = Partition(reader, self._topic, partition, self._decode, resume, until)
        part.closed = self._forget
        return part

    def _reader(self, partition: int) -> Reader:
        """The reader of this thread (a worker is a thread); a new one if the old one is of an earlier run."""
        worker = threading.get_ident()
        with self._lock:
            reader = self._readers.get(worker)
            if reader is None or reader.holds(partition):
                reader = self._readers[worker] = Reader(self._settings, self._topic, self._group)
            return reader

    def _forget(self, reader: Reader) -> None:
        with self._lock:
            self._readers = {worker: r for worker, r in self._readers.items() if r is not reader}
