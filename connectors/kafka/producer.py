"""Writing to Kafka so that a record that was not written is never taken for one that was."""

import time
from collections.abc import Callable
from typing import Any, Final

import confluent_kafka as ck
import structlog

from connectors.kafka.errors import DeliveryError
from connectors.kafka.settings import KafkaSettings

LINGER_MS: Final = 5
_FULL_WAIT_S: Final = 0.05
_SLICE_S: Final = 0.2  # a flush is waited for in slices, so that signals are heard meanwhile

Headers = list[tuple[str, str | bytes | None]]
OnDelivery = Callable[[ck.KafkaError | None, ck.Message], None]

log = structlog.get_logger(__name__)


def producer_config(
    settings: KafkaSettings, name: str, *, patience_s: float = 300.0, linger_ms: float = LINGER_MS
) -> dict[str, Any]:
    """Producers of ours: acks=all, idempotent, 5 ms of linger, and Java's partitioner (librdkafka's default is another).

    `patience_s` is how long a record is tried before it counts as failed; 0: for ever. `linger_ms` is how long a record
    waits for company: 0 for those who send few, large records and want them there at once.
    """
    return settings.client(name) | {
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": linger_ms,
        "partitioner": "murmur2_random",
        "compression.type": settings.compression,
        "message.max.bytes": settings.message_max_bytes,
        "message.timeout.ms": round(patience_s * 1_000),
        "queue.buffering.max.kbytes": 262_144,
        "error_cb": log_error,
    }


_SAID_S: Final = 10.0
_said: Final[dict[str, float]] = {}


def log_error(error: ck.KafkaError) -> None:
    """Trouble that the client mends by itself (a broker went away): worth a line every ten seconds, not an exception."""
    now = time.monotonic()
    if now - _said.get(error.name(), -_SAID_S) >= _SAID_S:
        _said[error.name()] = now
        log.warning("kafka", error=error.str(), code=error.name(), fatal=error.fatal())


class Producer:
    """A producer that remembers failed deliveries and raises them at the next call.

    `send` only queues. `flush` returns once everything sent before was confirmed by all in-sync replicas; whatever a
    caller must be sure of, it flushes before it says so. Not thread-safe. After an error is raised, the caller must go
    back to its last flush: a flow lets itself be restarted.
    """

    def __init__(
        self, settings: KafkaSettings, name: str, *, patience_s: float = 300.0, linger_ms: float = LINGER_MS
    ) -> None:
        self._producer = ck.Producer(producer_config(settings, name, patience_s=patience_s, linger_ms=linger_ms))
        self._failed: str | None = None
        self._failures = 0

    def __len__(self) -> int:
        """Records that are not confirmed yet."""
        return len(self._producer)

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int = -1,
        headers: Headers | None = None,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        """Queue one record; waits (serving reports) while the queue is full, so memory is bounded.

        `on_delivery` replaces the memory of failures for this record: its caller then answers for them.
        """
        self._check()
        while True:
            try:
                self._producer.produce(
                    topic, value, key, partition, on_delivery=on_delivery or self._reported, headers=headers
                )
            except BufferError:
                self._producer.poll(_FULL_WAIT_S)
                self._check()
            except ck.KafkaException as error:
                raise DeliveryError(f"{topic}: a record of {len(value or b'')} bytes was refused: {error}") from error
            else:
                return

    def poll(self, timeout_s: float = 0.0) -> int:
        """Serve delivery reports, waiting up to `timeout_s` for the first; the number served."""
        served = self._producer.poll(timeout_s)
        self._check()
        return served

    def flush(self, timeout_s: float | None = None) -> None:
        """Return once all is confirmed; DeliveryError if something failed or is unconfirmed after `timeout_s` (None: wait on)."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while left := self._producer.flush(_SLICE_S):
            self._check()
            if end is not None and time.monotonic() >= end:
                raise DeliveryError(f"{left} records were not confirmed by Kafka within {timeout_s} s")
        self._check()

    def close(self) -> None:
        """Drop what is not confirmed, without waiting; to keep it, flush first."""
        self._producer.purge(in_queue=True, in_flight=True, blocking=False)
        self._producer.poll(0)

    def _reported(self, error: ck.KafkaError | None, message: ck.Message) -> None:
        if error is not None:
            self._failures += 1
            self._failed = self._failed or f"{message.topic()} partition {message.partition()}: {error.str()}"

    def _check(self) -> None:
        if self._failed is not None:
            raise DeliveryError(f"{self._failures} records were not written to Kafka; the first: {self._failed}")
