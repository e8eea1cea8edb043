"""One Kafka consumer over all partitions that one worker reads."""

from itertools import groupby
from typing import Final

import confluent_kafka as ck
import structlog

from connectors.kafka import BATCH, KafkaSettings, OffsetGoneError, check_message, consumer, watermarks

log = structlog.get_logger(__name__)

POLL_BYTES: Final = 4_194_304
"""About this much is taken a poll, so that an item stays a few ten thousand readings however large the records are."""

WAIT_S: Final = 0.02
"""How long an idle reader waits in the client; it wakes as soon as a message is there."""

_FIRST: Final = 16
"""Messages of the first poll, which shows how large they are."""

_SAMPLED: Final = 256
"""Messages of a poll whose lengths say how large they are."""

_QUIET: Final = 5
"""Empty polls before a reader waits: by then whatever came before has gone all the way through the flow."""


class Reader:
    """Reads for all partitions of a worker and hands each partition its own.

    One consumer over many partitions is faster than one each. Only one partition, the leader, polls; it polls when
    everything read before was taken, so at most one poll is held and back-pressure reaches Kafka. It waits inside the
    client only after a quiet while: waiting holds up the whole worker.
    """

    def __init__(self, settings: KafkaSettings, topic: str, group: str) -> None:
        self._settings = settings
        self._topic = topic
        self._client = consumer(settings, group)
        self._starts: dict[int, int] = {}
        self._open: set[int] = set()
        self._ended: set[int] = set()
        self._waiting: dict[int, list[ck.Message]] = {}
        self._to_commit: dict[int, int] = {}
        self._empty = 0
        self._count = _FIRST

    def open(self, partition: int, wanted: int | None) -> int:
        """Take `partition` from the offset `wanted` (None: from the first that is held); the offset it starts at."""
        low, high = watermarks(self._client, self._settings, self._topic, partition)
        start = low if wanted is None else wanted
        if not low <= start <= high:
            raise OffsetGoneError(self._topic, partition, start, low, high)
        self._starts[partition] = start
        self._open.add(partition)
        return start

    def holds(self, partition: int) -> bool:
        """Whether `partition` is open here."""
        return partition in self._open

    def all_ended(self, partition: int) -> bool:
        """Whether all open partitions have been ended here, now that `partition` is; what comes for it is no longer wanted."""
        self._ended.add(partition)
        self._waiting.pop(partition, None)
        return self._ended >= self._open

    def take(self, partition: int) -> list[ck.Message]:
        """The messages of `partition` that came since the last call; empty if none."""
        if not self._waiting and partition == min(self._open - self._ended):
            self._fill()
        return self._waiting.pop(partition, [])

    def behind(self, partition: int, offset: int) -> int | None:
        """Records of `partition` from `offset` on, as the client last heard; None before it heard. Asks nobody."""
        _, high = self._client.get_watermark_offsets(ck.TopicPartition(self._topic, partition), cached=True)
        return high - offset if high >= 0 else None

    def commit(self, partition: int, offset: int) -> None:
        """Tell the group where `partition` stands, for lag tools; sent with the next poll, failures do not matter."""
        self._to_commit[partition] = offset

    def close(self, partition: int) -> bool:
        """Give `partition` back; True once none is left and the consumer is closed."""
        self._open.discard(partition)
        self._waiting.pop(partition, None)
        if self._open:
            return False
        self._send_commits(wait=True)
        self._client.close()
        return True

    def _fill(self) -> None:
        if self._starts:
            self._client.incremental_assign([ck.TopicPartition(self._topic, p, at) for p, at in self._starts.items()])
            self._starts = {}
        self._send_commits(wait=False)
        first = self._client.poll(WAIT_S if self._empty >= _QUIET else 0)
        if first is None:
            self._empty += 1
            return
        self._empty = 0
        self._sort([first, *self._client.consume(self._count - 1, 0)] if self._count > 1 else [first])

    def _sort(self, messages: list[ck.Message]) -> None:
        if any(map(ck.Message.error, messages)):
            messages = [m for m in messages if check_message(m, self._client, self._settings)]
        for partition, run in groupby(messages, ck.Message.partition):
            if partition in self._open and partition not in self._ended:
                self._waiting.setdefault(partition, []).extend(run)
        some = messages[:: len(messages) // _SAMPLED + 1]
        mean = sum(map(len, some)) // max(1, len(some)) + 1
        self._count = min(BATCH, max(1, POLL_BYTES // mean))

    def _send_commits(self, *, wait: bool) -> None:
        if not self._to_commit:
            return
        offsets = [ck.TopicPartition(self._topic, p, at) for p, at in self._to_commit.items()]
        self._to_commit = {}
        try:
            if wait:
                self._client.commit(offsets=offsets, asynchronous=False)
            else:
                self._client.commit(offsets=offsets, asynchronous=True)
        except ck.KafkaException as error:
            log.info("offsets for lag tools were not committed", topic=self._topic, error=str(error))
