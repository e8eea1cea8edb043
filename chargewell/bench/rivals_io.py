"""Sources and sinks of the rival flows: Kafka messages item by item in, records item by item out, rows by COPY."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import confluent_kafka as ck
import psycopg
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.kafka import KafkaSettings, consumer, producer_config

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS: Final = 20_000


Raw = tuple[str, int, bytes]
"""(station, receive time in microseconds, payload) of a message as the bridge wrote it."""


class _Part(StatefulSourcePartition[Raw, int]):
    def __init__(self, settings: KafkaSettings, topic: str, partition: int, until: int, resume: int | None) -> None:
        self._client = consumer(settings, "rival")
        self._next, self._until = resume or 0, until
        self._client.assign([ck.TopicPartition(topic, partition, self._next)])

    def next_batch(self) -> list[Raw]:
        if self._next >= self._until:
            raise StopIteration
        messages = self._client.consume(10_000, 0.05)
        if messages:
            self._next = (messages[-1].offset() or 0) + 1
        return [_read(m, key) for m in messages if (key := m.key())]  # heartbeats have no key

    def snapshot(self) -> int:
        return self._next

    def close(self) -> None:
        self._client.close()


def _read(message: ck.Message, key: bytes) -> Raw:
    headers: Any = message.headers()
    return (
        key.split(b"/", 2)[1].decode(),
        int(headers[0][1].split(b"|", 3)[2]),
        message.value() or b"",
    )  # what `decode_cw` takes, and no more


class KafkaItems(FixedPartitionedSource[Raw, int]):
    """The messages of a topic up to given offsets, one consumer a partition, large polls."""

    def __init__(self, settings: KafkaSettings, topic: str, until: dict[int, int]) -> None:
        self._settings, self._topic, self._until = settings, topic, until

    def list_parts(self) -> list[str]:
        """The partitions that have something."""
        return [str(p) for p in self._until]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> _Part:
        """A consumer of its own."""
        return _Part(self._settings, self._topic, int(for_part), self._until[int(for_part)], resume_state)


class _RecordPart(StatefulSinkPartition[tuple[bytes, bytes], None]):
    """One record an item, confirmed at each snapshot; failed deliveries are not its concern."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._producer = ck.Producer(producer_config(settings, "rival") | {"queue.buffering.max.messages": 1_000_000})
        self._topic = topic

    def write_batch(self, values: list[tuple[bytes, bytes]]) -> None:
        produce = self._producer.produce
        for key, value in values:
            produce(self._topic, value, key)
        self._producer.poll(0)

    def snapshot(self) -> None:
        self._producer.flush()


class RecordItems(FixedPartitionedSink[tuple[bytes, bytes], None]):
    """Items `("one", (key, value))` as records of `topic`."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings, self._topic = settings, topic

    def list_parts(self) -> list[str]:
        """One producer."""
        return ["one"]

    def part_fn(self, item_key: str) -> int:
        """All keys are that one."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _RecordPart:
        """The producer, made here."""
        return _RecordPart(self._settings, self._topic)


class CopyTable(NamedTuple):
    """Where rows go: the table, its columns with their types."""

    name: str
    columns: str
    types: Sequence[str]


class _CopyPart(StatefulSinkPartition[Any, None]):
    """Rows by COPY, gathered to batches of 20,000 and at each epoch; duplicates after a restart are not its concern."""

    def __init__(self, dsn: str, table: CopyTable, row: Callable[[dict[str, int], Any], Sequence[Any]]) -> None:
        self._conn = psycopg.connect(dsn, autocommit=True)
        self._table, self._row = table, row
        self._numbers: dict[str, int] = {}
        self._items: list[Any] = []

    def write_batch(self, values: list[Any]) -> None:
        self._items.extend(values)
        if len(self._items) >= _ROWS:
            self._flush()

    def snapshot(self) -> None:
        self._flush()

    def _flush(self) -> None:
        if not self._items:
            return
        into = f"COPY {self._table.name} ({self._table.columns}) FROM STDIN (FORMAT BINARY)"
        with self._conn.cursor().copy(into) as copy:
            copy.set_types(self._table.types)
            write, row, numbers = copy.write_row, self._row, self._numbers
            for item in self._items:
                write(row(numbers, item))
        self._items = []


class CopySink(FixedPartitionedSink[Any, None]):
    """Items `("one", x)` as rows `row(numbers, x)` of `table`; `numbers` keeps the number of each port met."""

    def __init__(self, dsn: str, table: CopyTable, row: Callable[[dict[str, int], Any], Sequence[Any]]) -> None:
        self._dsn, self._table, self._row = dsn, table, row

    def list_parts(self) -> list[str]:
        """One connection."""
        return ["one"]

    def part_fn(self, item_key: str) -> int:
        """All keys are that one."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _CopyPart:
        """The connection, made here."""
        return _CopyPart(self._dsn, self._table, self._row)
