"""Reading from Kafka: the consumer's configuration, and a span of one partition for audits and repairs."""

from collections.abc import Iterator
from typing import Any, Final

import confluent_kafka as ck

from connectors.kafka.asking import answer
from connectors.kafka.errors import KafkaError, OffsetGoneError
from connectors.kafka.producer import log_error
from connectors.kafka.settings import KafkaSettings

BATCH: Final = 20_000
"""Messages a call: 50,000 is a quarter slower, 10,000 costs the flows a twentieth more (measured)."""

_OUT_OF_RANGE: Final = (ck.KafkaError._AUTO_OFFSET_RESET, ck.KafkaError.OFFSET_OUT_OF_RANGE)


def consumer_config(settings: KafkaSettings, name: str) -> dict[str, Any]:
    """Consumers of ours: a lost offset is an error, offsets are kept by the caller, catch-up does not pause.

    `fetch.queue.backoff.ms` is 1,000 by default: a client whose local queue was full once then waits a second, which
    costs a factor of eight in catch-up.
    """
    return settings.client(name) | {
        "group.id": settings.named(name),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "fetch.queue.backoff.ms": 5,
        "fetch.max.bytes": max(52_428_800, settings.message_max_bytes),
        "queued.max.messages.kbytes": 65_536,
        "error_cb": log_error,
    }


def consumer(settings: KafkaSettings, name: str) -> ck.Consumer:
    """A consumer in the group `name`; it is assigned partitions by its owner, never subscribed."""
    return ck.Consumer(consumer_config(settings, name))


def watermarks(client: ck.Consumer, settings: KafkaSettings, topic: str, partition: int) -> tuple[int, int]:
    """First offset held and the offset the next record will get; KafkaUnreachableError where nobody answers."""
    at = ck.TopicPartition(topic, partition)
    low, high = answer(settings, lambda: client.get_watermark_offsets(at, timeout=settings.timeout_s))
    return int(low), int(high)


def check_message(message: ck.Message, client: ck.Consumer, settings: KafkaSettings) -> bool:
    """Whether `message` is a record. Raises for an error that waiting will not mend; False for one that it will."""
    error = message.error()
    if error is None:
        return True
    if error.code() in _OUT_OF_RANGE:
        topic, partition = message.topic() or "", message.partition() or 0
        low, high = watermarks(client, settings, topic, partition)
        raise OffsetGoneError(topic, partition, None, low, high)
    if error.fatal() or not (error.retriable() or error.code() in _PASSING):
        raise KafkaError(f"reading {message.topic()} partition {message.partition()}: {error.str()}")
    log_error(error)
    return False


_PASSING: Final = (
    ck.KafkaError._TRANSPORT,
    ck.KafkaError._ALL_BROKERS_DOWN,
    ck.KafkaError._TIMED_OUT,
    ck.KafkaError._RESOLVE,
)


def read_span(
    settings: KafkaSettings, topic: str, partition: int, start: int, end: int, *, batch: int = BATCH
) -> Iterator[list[ck.Message]]:
    """The records of `topic`/`partition` with offsets from `start` up to before `end`, in lists of up to `batch`.

    Ends at the end of what the partition holds when it was opened, if that is before `end`. Raises OffsetGoneError when
    `start` was deleted, KafkaError when the brokers are silent for `settings.timeout_s`.
    """
    client = consumer(settings, "read-span")
    try:
        low, high = watermarks(client, settings, topic, partition)
        if start < low and end > start:
            raise OffsetGoneError(topic, partition, start, low, high)
        yield from _span(client, settings, ck.TopicPartition(topic, partition, start), min(end, high), batch)
    finally:
        client.close()


def _span(
    client: ck.Consumer, settings: KafkaSettings, at: ck.TopicPartition, end: int, batch: int
) -> Iterator[list[ck.Message]]:
    client.assign([at])
    while _position(client, at) < end:
        messages = _some(client, batch, settings.timeout_s)
        if not messages and _position(client, at) < end:
            raise KafkaError(
                f"{at.topic} partition {at.partition}: nothing came for {settings.timeout_s:g} s, "
                f"{end - _position(client, at)} records before the end"
            )
        wanted = [m for m in messages if check_message(m, client, settings) and (m.offset() or 0) < end]
        if wanted:
            yield wanted


def _some(client: ck.Consumer, batch: int, timeout_s: float) -> list[ck.Message]:
    """What is there, waiting for the first message only: `consume` by itself would wait for a full batch."""
    first = client.poll(timeout_s)
    return [] if first is None else [first, *client.consume(batch - 1, 0)]


def _position(client: ck.Consumer, at: ck.TopicPartition) -> int:
    """The offset of the next record, past those that the client skipped (aborted, compacted, control records)."""
    position = int(client.position([at])[0].offset)
    return at.offset if position < 0 else position
