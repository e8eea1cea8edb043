"""The flow normalise: `ev.raw` -> `ev.telemetry` and `ev.rejects`. `normalised` is the part that the fused flow shares."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bytewax.operators as op
import confluent_kafka as ck
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream, StatefulBatchLogic

from connectors.adapters.limits import Limits
from connectors.adapters.normalise import Normalised, Normaliser
from connectors.adapters.packed import RECORD_BYTES, pack_cut
from connectors.adapters.raw import RawPoll
from connectors.adapters.routes import TopicBinding
from connectors.bytewax_io import PartitionSource, Record, RejectSink, TelemetrySink
from connectors.flow_metrics import rejected
from connectors.kafka import Headers, KafkaSettings
from models.columns import Batch
from pipelines import SnapshotError
from schemas.telemetry import Reject


@dataclass(frozen=True)
class Normalising:
    """What normalise is told: the key under which ids are hashed, bounds, and topics beyond our own."""

    token_key: bytes
    limits: Limits = field(default_factory=Limits)
    bindings: tuple[TopicBinding, ...] = ()

    def normaliser(self) -> Normaliser:
        """A new one, without memory."""
        return Normaliser(self.token_key, self.limits, self.bindings)


def normalised(
    flow: Dataflow,
    settings: KafkaSettings,
    normalising: Normalising,
    *,
    group: str,
    starts: Mapping[int, int] | None = None,
    until: Mapping[int, int] | None = None,
) -> tuple[KeyedStream[Batch], KeyedStream[Record]]:
    """Read `ev.raw`; batches in order and the records for `ev.rejects`, both keyed by shard.

    A batch is what one poll of one partition became. Records at or below the last offset of a shard are dropped.
    """
    source = PartitionSource(settings, settings.topics.raw, raw_poll, group=group, starts=starts, until=until)
    polls = op.input("raw", flow, source)
    done = op.stateful_batch("normalise", polls, lambda state: _Logic(normalising, state))
    batches = op.map_value("normalised", done, lambda item: item.batch)
    rejects = op.flat_map_value("rejected", done, reject_records)
    return batches, rejects


def publish(
    batches: KeyedStream[Batch],
    rejects: KeyedStream[Record],
    settings: KafkaSettings,
    *,
    record_bytes: int = RECORD_BYTES,
) -> None:
    """Write batches to `ev.telemetry`, packed, and rejects to `ev.rejects`."""
    packed = op.flat_map_value("packed", batches, lambda batch: pack_cut(batch, record_bytes))
    op.output("telemetry", packed, TelemetrySink(settings))
    op.output("rejects", rejects, RejectSink(settings))


def raw_poll(partition: int, messages: list[ck.Message]) -> RawPoll:
    """Kafka messages as a poll; a missing key, header or value is empty. Takes 0.2 us a message beside what the client takes."""
    cws: list[bytes] = []
    withheld: dict[int, int] = {}
    found: Any
    for found in map(ck.Message.headers, messages):
        try:
            ((name, cw),) = found
            usual = name == "cw" and cw  # as bridges write it
        except (TypeError, ValueError):  # another number of headers, or none
            usual = False
        cws.append(cw if usual else _told(len(cws), dict(found or ()), withheld))
    return RawPoll(
        partition,
        _offsets(messages),
        _bytes(map(ck.Message.key, messages)),
        _bytes(map(ck.Message.value, messages)),
        cws,
        withheld,
    )


def _bytes(found: Iterable[Any]) -> list[bytes]:
    said = list(found)
    return said if all(said) else [one or b"" for one in said]


def _told(place: int, named: dict[str, bytes | None], withheld: dict[int, int]) -> bytes:
    """The `cw` of a record with any headers; notes in `withheld` the size of a payload that was too large."""
    if "too_large" in named:
        withheld[place] = _size(named["too_large"])
    return named.get("cw") or b""


def _offsets(messages: list[ck.Message]) -> Sequence[int]:
    first, last = messages[0].offset() or 0, messages[-1].offset() or 0
    if last - first == len(messages) - 1:
        return range(first, last + 1)
    return [message.offset() or 0 for message in messages]


def _size(header: bytes | None) -> int:
    return int(header) if header is not None and header.isdigit() else 0


def reject_records(done: Normalised) -> list[Record]:
    """The records of `ev.rejects` that tell of what was refused, keyed by station: the payload as it came, and why."""
    return [
        Record(payload, reject.key.encode("utf-8", "replace"), headers=_reason(reject))
        for reject, payload in done.rejected
    ]


def _reason(reject: Reject) -> Headers:
    words = {
        "reason": reject.reason,
        "detail": reject.detail,
        "topic": reject.topic,
        "origin": str(reject.origin),
        "seq": str(reject.seq),
    }
    return [(name, text.encode("utf-8", "replace")) for name, text in words.items()]


class _Logic(StatefulBatchLogic[RawPoll, Normalised, Mapping[str, Any]]):
    """The normaliser of one shard behind its origin mark."""

    def __init__(self, normalising: Normalising, state: Mapping[str, Any] | None) -> None:
        self._normaliser = normalising.normaliser()
        self._origin = -1
        if state is not None:
            try:
                self._origin = int(state["origin"])
                self._normaliser.restore(state["normaliser"])
            except (ValueError, KeyError, TypeError) as error:
                raise SnapshotError(
                    f"normalise: the stored state cannot be taken up ({error}). It holds open OCPP calls and offsets only: "
                    f"run chargewell flow normalise --rebuild"
                ) from error

    def on_batch(self, values: list[RawPoll]) -> tuple[list[Normalised], bool]:
        """Normalise what is new; never discards the memory."""
        out = []
        for poll in values:
            fresh = poll.after(self._origin)
            if fresh is not None:
                self._origin = fresh.offsets[-1]
                done = self._normaliser.normalise_poll(fresh)
                rejected(reject.reason for reject, _ in done.rejected)
                out.append(done)
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> Mapping[str, Any]:
        """The last offset, and the memory of the normaliser, as plain data."""
        return {"origin": self._origin, "normaliser": self._normaliser.snapshot()}
