"""Marks at the beginning and the end of a play: messages that are awaited in `ev.raw`, so that neither is guessed by waiting."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import confluent_kafka as ck

from connectors.kafka import KafkaSettings, ends, read_span
from connectors.mqtt import MqttSettings, Publisher
from schemas.topics import partition_of

STATION: Final = "TORTURE-MARK"
"""Whom the marks are said to; it is no station of a recording."""
_TOPIC: Final = f"ev/{STATION}/to/command"
"""What is said to a station by command becomes no row: normalise accounts it as a reject, and nobody's silence begins with it."""
_AGAIN_S: Final = 2.0


@contextmanager
def marking(mqtt: MqttSettings, kafka: KafkaSettings) -> Iterator[Callable[[int], Callable[[], bool]]]:
    """Give a function: for a time (us) it returns a question, whether the log holds a mark of that time.

    The question says the mark, and says it again every two seconds while the log has none: before a bridge has subscribed
    for the first time, a broker drops what it is told. Once a mark is in the log, so is
    all that was acknowledged before it was said, where the broker keeps the order of what it is told.
    """
    with Publisher(mqtt, client_id=f"{mqtt.client_id}-marks") as publisher:
        publisher.wait_connected()

        def mark(at_us: int) -> Callable[[], bool]:
            payload = b'{"at":%d}' % (at_us // 1_000)
            said = 0.0

            def there() -> bool:
                nonlocal said
                if time.monotonic() - said >= _AGAIN_S:
                    said = time.monotonic()
                    publisher.publish(_TOPIC, payload, at_us=at_us)
                    publisher.flush(60.0)
                return any(message.value() == payload for message in _marks(kafka))

            return there

        yield mark


def _marks(kafka: KafkaSettings) -> Iterator[ck.Message]:
    """The marks in the log."""
    partition = partition_of(STATION.encode(), kafka.partitions)
    low, high = ends(kafka, kafka.topics.raw)[partition]
    for messages in read_span(kafka, kafka.topics.raw, partition, low, high):
        yield from (message for message in messages if message.key() == _TOPIC.encode())
