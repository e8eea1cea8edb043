"""Normalise: polls of `ev.raw` become batches in order, in canonical units. It takes any bytes and never raises."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.adapters import canonical, canonical_columns, headers
from connectors.adapters.canonical_structs import ERRORS, ReadingDecoder, refused_for
from connectors.adapters.gather import Gather
from connectors.adapters.limits import Limits
from connectors.adapters.lines import Happened, Line, Refusal, Refused
from connectors.adapters.ocpp16 import ocpp16
from connectors.adapters.ocpp201 import ocpp201
from connectors.adapters.ocpp_calls import Calls
from connectors.adapters.ocpp_frames import Message
from connectors.adapters.raw import RawPoll
from connectors.adapters.routes import Route, Routes, TopicBinding
from connectors.adapters.served import Served
from connectors.adapters.tokens import token_hasher
from models.columns import Batch
from schemas.telemetry import RETAINED, BridgeBeat, RawRecord, Reject

_CANONICAL: Final[Mapping[str, Callable[[bytes], list[Line]]]] = {
    "event": canonical.event,
    "heartbeat": canonical.heartbeat,
    "connection": canonical.connection,
}
_OCPP: Final[Mapping[str, Callable[[Message, Calls], list[Line]]]] = {"ocpp16": ocpp16, "ocpp201": ocpp201}
_FAR: Final = 2**62
_beat: Final = msgspec.json.Decoder(BridgeBeat).decode


@dataclass(slots=True)
class Normalised:
    """A batch, and for `ev.rejects` each of its rejects with the payload of the raw record it is about."""

    batch: Batch
    rejected: list[tuple[Reject, bytes]]


class _Routed(NamedTuple):
    """A poll and where its records go: `routes[route[i]]` is the route of record i."""

    raw: RawPoll
    routes: list[Route]
    route: NDArray[np.intp]

    def of(self, i: int) -> Route:
        """The route of record i."""
        return self.routes[int(self.route[i])]


class Normaliser:
    """Reads raw records of any partitions. Its only state is the memory of open OCPP calls and sessions, and log time.

    `hash_key` is the key under which RFID and contract ids are hashed. `bindings` say how topics beyond our own are read.
    A poll of thousands of `reading` messages costs about 1 us a message, an event 8 us, an OCPP frame of five values 30 us;
    each poll 0.15 ms beside.
    """

    VERSION: Final = 1

    def __init__(self, hash_key: bytes, limits: Limits | None = None, bindings: Iterable[TopicBinding] = ()) -> None:
        self._limits = limits or Limits()
        self._ahead_us = round(self._limits.clock_ahead_s * 1e6)
        self._hashed = token_hasher(hash_key)
        self._routes = Routes(bindings)
        self._decoder = ReadingDecoder()
        self._calls = Calls()
        self._now: dict[int, int] = {}
        self._served = Served()

    def normalise(self, partition: int, records: Sequence[RawRecord]) -> Normalised:
        """The lines of `records` (at least one, in order of offset) in order of arrival."""
        return self.normalise_poll(RawPoll.of(partition, records))

    def normalise_poll(self, raw: RawPoll) -> Normalised:
        """The lines of a poll in order of arrival."""
        head = headers.read(raw.cws)
        poll = self._routed(raw)
        now = self._log_time(raw.partition, head)
        gather = Gather(
            _int64(raw.offsets),
            head.received_at,
            np.where(head.retain, RETAINED, 0).astype(np.uint8),
            self._ahead_us,
        )
        messages = head.type == headers.MESSAGE
        self._beats(gather, poll, np.flatnonzero(head.type == headers.HEARTBEAT))
        for i in np.flatnonzero(head.type == headers.BROKEN).tolist():
            self._reject(gather, poll, i, Refused("header", "not as a bridge writes it"))
        self._messages(gather, poll, messages)
        served = self._served.of(raw.cws, poll.routes, poll.route, np.flatnonzero(messages))
        batch = gather.batch(raw.partition, raw.offsets[0], raw.offsets[-1], now, served)
        places = gather.rejected_records()
        return Normalised(batch, [(r, raw.values[i]) for r, i in zip(batch.rejects, places, strict=True)])

    def snapshot(self) -> dict[str, Any]:
        """Plain data; a few hundred bytes for each station that speaks OCPP."""
        return {"v": self.VERSION, "calls": self._calls.snapshot(), "now": dict(self._now)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot; ValueError for a version that this one does not know."""
        if state.get("v") != self.VERSION:
            raise ValueError(f"state of normalise of version {state.get('v')}, this is {self.VERSION}")
        self._calls.restore(state["calls"])
        self._now = {int(partition): int(now) for partition, now in state["now"].items()}

    def _routed(self, raw: RawPoll) -> _Routed:
        return _Routed(raw, *self._routes.of(raw.topics))

    def _log_time(self, partition: int, head: headers.Headers) -> int:
        """The newest receive time so far. Records whose header cannot be read get that of the moment they stand at."""
        broken = head.type == headers.BROKEN
        heard = np.maximum(np.maximum.accumulate(np.where(broken, 0, head.received_at)), self._now.get(partition, 0))
        head.received_at[broken] = heard[broken]
        self._now[partition] = int(heard[-1])
        return int(heard[-1])

    def _beats(self, gather: Gather, poll: _Routed, places: NDArray[np.intp]) -> None:
        for i in places.tolist():
            try:
                beat = _beat(poll.raw.values[i])
            except ERRORS as error:
                self._reject(gather, poll, i, refused_for(error))
                continue
            if any(isinstance(n, int) and abs(n) > _FAR for n in msgspec.structs.astuple(beat)):
                self._reject(gather, poll, i, Refused("schema", "a number of the heartbeat is out of range"))
                continue
            gather.add_beat(i, beat)

    def _messages(self, gather: Gather, poll: _Routed, wanted: NDArray[np.bool_]) -> None:
        values, withheld, limit = poll.raw.values, poll.raw.withheld, self._limits.payload_bytes
        if withheld or max(map(len, values)) > limit:
            sizes = np.array([withheld.get(i, len(value)) for i, value in enumerate(values)], np.int64)
            large = sizes > limit
            large[list(withheld)] = True
            for i in np.flatnonzero(large & wanted).tolist():
                self._reject(gather, poll, i, Refused("too_large", f"{sizes[i]} bytes, the limit is {limit}"))
            wanted = wanted & ~large
        reading = np.array([r.adapter == "reading" for r in poll.routes])[poll.route] & wanted
        self._readings(gather, poll, np.flatnonzero(reading))
        for i in np.flatnonzero(wanted & ~reading).tolist():
            self._one(gather, poll, i)

    def _readings(self, gather: Gather, poll: _Routed, places: NDArray[np.intp]) -> None:
        """All `reading` messages at once; one by one where a defect of ours shows, so that it costs one message."""
        if len(places) == 0:
            return
        try:
            self._read_readings(gather, poll, places)
        except Exception:  # noqa: BLE001 - told below, by message
            for i in places.tolist():
                try:
                    self._read_readings(gather, poll, np.array([i], np.intp))
                except Exception as error:  # noqa: BLE001 - a defect is a reject and must not stop the others
                    self._reject(gather, poll, i, _defect(error))

    def _read_readings(self, gather: Gather, poll: _Routed, places: NDArray[np.intp]) -> None:
        values = poll.raw.values
        whole = len(places) == len(values)
        payloads = values if whole else _at(values, places)
        stations = [route.key for route in poll.routes]
        made, refused = canonical_columns.readings(
            gather, self._decoder, places, payloads, stations, poll.route if whole else poll.route[places]
        )
        for rows in made:
            gather.add_columns(rows)
        for i, answer in refused:
            self._reject(gather, poll, int(places[i]), answer)

    def _one(self, gather: Gather, poll: _Routed, i: int) -> None:
        route = poll.of(i)
        try:
            if route.adapter == "readings":
                for rows in canonical_columns.columns(gather, i, route.key, poll.raw.values[i]):
                    gather.add_columns(rows)
            else:
                gather.add(
                    i, route.key, route.topic, self._lines(route, poll.raw.values[i], int(gather.received_at[i]))
                )
        except Refusal as refusal:
            self._reject(gather, poll, i, refusal.refused)
        except Exception as error:  # noqa: BLE001 - a defect is a reject and must not stop the others
            self._reject(gather, poll, i, _defect(error))

    def _lines(self, route: Route, payload: bytes, received_at: int) -> list[Line]:
        if route.adapter in _OCPP:
            said = Message(route.key, route.said_by_station, payload, received_at, self._ahead_us, self._hashed)
            return _OCPP[route.adapter](said, self._calls)
        if route.adapter in _CANONICAL:
            return [self._without_token(line) for line in _CANONICAL[route.adapter](payload)]
        raise Refusal(route.reason, route.detail)

    def _without_token(self, line: Line) -> Line:
        if isinstance(line, Happened) and "token" in line.data:
            return line._replace(data=line.data | {"token": self._hashed(line.data["token"].strip())})
        return line

    def _reject(self, gather: Gather, poll: _Routed, i: int, refused: Refused) -> None:
        route = poll.of(i)
        gather.reject(i, route.key, route.topic, refused)


def _at(values: Sequence[bytes], places: NDArray[np.intp]) -> list[bytes]:
    chosen = np.zeros(len(values), np.bool_)
    chosen[places] = True
    return list(compress(values, chosen.tolist()))


def _int64(offsets: Sequence[int]) -> NDArray[np.int64]:
    if isinstance(offsets, range):
        return np.arange(offsets.start, offsets.stop, offsets.step, dtype=np.int64)
    return np.array(offsets, np.int64)


def _defect(error: Exception) -> Refused:
    return Refused("adapter", type(error).__name__)
