"""What the log holds: messages of `ev.raw`, and the lines that `ev.telemetry` says they became."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import confluent_kafka as ck

from chargewell.audit.findings import Finding
from connectors.adapters.packed import unpack
from connectors.kafka import KafkaSettings, read_span
from models.columns import Batch
from schemas.telemetry import decode_cw

Digest = tuple[str, bytes]
"""(MQTT topic, 16-byte hash of the payload): what names a message on both sides of the broker."""


def digest(topic: str, payload: bytes) -> Digest:
    """The name of a message; the simulator's ledger uses the same."""
    return topic, hashlib.blake2b(payload, digest_size=16).digest()


@dataclass
class RawSide:
    """The messages of `ev.raw` within the span, by name, and the raw offsets read per partition."""

    messages: Counter[Digest] = field(default_factory=Counter)
    spans: dict[int, tuple[int, int]] = field(default_factory=dict)


def read_raw(kafka: KafkaSettings, spans: dict[int, tuple[int, int]]) -> RawSide:
    """Read `ev.raw` over `spans` (partition -> first offset, end offset)."""
    side = RawSide(spans=dict(spans))
    for partition, (start, end) in spans.items():
        for messages in read_span(kafka, kafka.topics.raw, partition, start, end):
            for message in messages:
                if not is_beat(message):
                    topic = (message.key() or b"").decode("utf-8", "replace")
                    side.messages[digest(topic, message.value() or b"")] += 1
    return side


def is_beat(message: ck.Message) -> bool:
    """Whether a record of `ev.raw` is a bridge's heartbeat."""
    value = dict(message.headers() or []).get("cw")
    return decode_cw(value.encode() if isinstance(value, str) else value or b"").type == "h"


def read_telemetry(kafka: KafkaSettings, spans: dict[int, tuple[int, int]], raw: RawSide) -> Iterator[Batch | Finding]:
    """Batches of `ev.telemetry`, each raw record's lines once, and a finding for every gap in the raw offsets covered."""
    for partition, (start, end) in spans.items():
        first_raw, end_raw = raw.spans.get(partition, (0, 0))
        done = first_raw - 1
        for messages in read_span(kafka, kafka.topics.telemetry, partition, start, end):
            for message in messages:
                batch = unpack(message.value() or b"")
                if batch.last <= done:
                    continue
                if batch.first > done + 1 and batch.first > first_raw:
                    yield _gap(kafka, partition, done + 1, batch.first - 1)
                fresh = batch.after(done)
                done = batch.last
                yield fresh
        if done < end_raw - 1:
            yield Finding(
                "gap", kafka.topics.telemetry, f"partition {partition}", None,
                f"raw offsets {done + 1}..{end_raw - 1} are not normalised yet or were dropped",
            )  # fmt: skip


def _gap(kafka: KafkaSettings, partition: int, first: int, last: int) -> Finding:
    what = f"raw offset {first}" if first == last else f"raw offsets {first}..{last}"
    return Finding("gap", kafka.topics.telemetry, f"partition {partition}", None, f"{what} were dropped")
