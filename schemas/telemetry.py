"""Telemetry contracts: what a raw record carries, what one packed record of `ev.telemetry` looks like, event kinds.

**Raw record** (`ev.raw`): the value is the MQTT payload as it came; the key is the station (or, where no topic map
matched, the topic). Headers: `topic` (UTF-8), and `cw` = ``v|type|received_us|retain|dup|direction|connection|bridge|n``
with v=1, type `m` (message) or `h` (heartbeat), direction `from`, `to` or `other`. `received_us` is the bridge's clock,
`n` the bridge's counter. A payload larger than Kafka takes is withheld: the value is null then (not empty), and a third
header `too_large` tells its size. One short header instead of nine: header lists cost more than the rest of a raw record's decoding.

**Heartbeat record**: type `h`, empty key, one to every partition once a second; the value is the JSON of `BridgeBeat`.

**Packed record** (`ev.telemetry`): JSON of `Packed`; partition p holds what came of raw partition p. It is what one poll
of one partition became: columns per channel, a dictionary of ports, null where a channel is missing. `seq` orders
readings, other values, events, rejects and heartbeats of a record among each other as they arrived. The origin of a line
is (raw partition, raw offset); all lines of one raw record stay in one packed record, so a consumer that keeps the last
origin of a partition and drops what is not newer counts nothing twice.
"""

from typing import Any, Final, NamedTuple

import msgspec

VERSION: Final = 1


class RawRecord(NamedTuple):
    """One record of `ev.raw` as it is handed to normalise: offset, key (the MQTT topic), value and the header `cw` (b"" where missing).

    `withheld` is the size of a payload that the bridge withheld (header `too_large`), else 0.
    """

    offset: int
    topic: bytes
    value: bytes
    cw: bytes
    withheld: int = 0


class Cw(NamedTuple):
    """The header `cw` of a raw record, decoded. `connection` is when the bridge's MQTT connection was made, in microseconds."""

    v: int
    type: str
    received_us: int
    retain: bool
    dup: bool
    direction: str
    connection: int
    bridge: str
    n: int


def encode_cw(
    type: str, received_us: int, retain: bool, dup: bool, direction: str, connection: int, bridge: str, n: int
) -> bytes:
    """The header `cw` of a raw record; `bridge` holds no ``|`` and is ASCII."""
    text = f"{VERSION}|{type}|{received_us}|{retain:d}|{dup:d}|{direction}|{connection}|{bridge}|{n}"
    return text.encode("ascii")


def decode_cw(header: bytes) -> Cw:
    """The fields of a header `cw`; ValueError where it is none, or of a version this code does not know. 1 microsecond."""
    try:
        v, type_, received_us, retain, dup, direction, connection, bridge, n = header.decode("ascii").split("|")
        cw = Cw(int(v), type_, int(received_us), retain == "1", dup == "1", direction, int(connection), bridge, int(n))
    except ValueError as error:
        raise ValueError(f"not a cw header: {header!r}") from error
    if cw.v != VERSION or cw.type not in ("m", "h"):
        raise ValueError(f"a cw header of version {cw.v}, type {cw.type!r}: this code knows version {VERSION}, m and h")
    return cw


# -- flags of a reading or event ------------------------------------------------------------------------------------
CLOCK_REPLACED: Final = 1
"""`at` was implausible (year before 2020, or ahead of the receive time beyond the limit); the receive time stands."""
RETAINED: Final = 2
"""Replayed by the broker on subscribe: a state, no new point in time."""
RANGE_DROPPED: Final = 4
"""At least one channel was outside its physical range and was set missing."""

# -- event kinds and the keys of their data --------------------------------------------------------------------------
STATUS: Final = "status"  # status, error?, vendor_code?, info?, connector?
SESSION_START: Final = "session_start"  # session?, token?, meter_wh?, connector?, trigger?, offline?
SESSION_UPDATE: Final = "session_update"  # session, charging_state?, trigger?, seq_no?, offline?
SESSION_END: Final = "session_end"  # session?, meter_wh?, reason, token?, offline?, seq_no?
SESSION_ID: Final = "session_id"  # session, meter_wh?, token?: OCPP 1.6 tells the id in the answer to StartTransaction
AUTHORIZE: Final = "authorize"  # token, result
BOOT: Final = "boot"  # reason?, vendor?, model?, firmware?, serial?
CONNECTION: Final = "connection"  # connected: the station's own link (last will, gateway)
FAULT: Final = "fault"  # code, active, info?
COMMAND_RESULT: Final = "command_result"  # command, result, info?
ALIVE: Final = "alive"  # a sign of life and nothing more (OCPP Heartbeat and its like)
EVENT_KINDS: Final = (
    STATUS, SESSION_START, SESSION_UPDATE, SESSION_END, SESSION_ID, AUTHORIZE, BOOT, CONNECTION, FAULT, COMMAND_RESULT, ALIVE,
)  # fmt: skip

STATUSES: Final = (
    "available", "preparing", "charging", "suspended_ev", "suspended_evse", "finishing", "occupied", "reserved",
    "unavailable", "faulted",
)  # fmt: skip
"""Canonical port states: OCPP 1.6 names in snake case, plus `occupied` of 2.0.1 where no charging state refines it."""

REJECT_REASONS: Final[dict[str, str]] = {
    "topic": "no adapter is bound to this topic",
    "station": "the station id in the topic is not a valid id",
    "header": "the record does not carry the header that bridges write",
    "json": "the payload is not JSON",
    "schema": "the JSON does not fit the schema of this topic",
    "too_large": "the payload is larger than the limit",
    "unsupported": "a valid message of a kind that Chargewell does not read",
    "unmatched": "a call result without the call it answers",
    "call_error": "the receiver answered with an OCPP CALLERROR",
    "empty": "the message carries nothing to store",
    "port": "the port or connector number is not valid",
    "value": "a value cannot be read as a number of its unit",
    "adapter": "the adapter failed on this message: a defect of ours, kept for a repair run",
}


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that happened at a port (or at the station: port 0) at an instant; low rate, so an object and not a column."""

    port: str
    kind: str
    at: int
    received_at: int
    origin: int
    seq: int = 0
    flags: int = 0
    data: dict[str, Any] = {}


class Reject(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A raw record (or one line of it) that was not understood; `ev.rejects` holds the payload, this the accounting."""

    key: str
    topic: str
    reason: str
    received_at: int
    origin: int
    seq: int = 0
    detail: str = ""


class BridgeBeat(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One heartbeat of a bridge: is it connected to the MQTT broker, since when, and its counters.

    `at` is the bridge's clock. `since` is the instant from which it has been connected without a break (or, when not
    connected, from which it has not been), so the span `since`..`at` is known even where earlier heartbeats are missing.
    A bridge that had to stop reading for seconds, because Kafka did not confirm, says that it was not connected: what
    stations said meanwhile is still with the broker. In a replay under the publishers' time `at` is the newest time told,
    and since log time then runs only while messages come, the bridge is always connected, `since` 0.
    `received`, `confirmed` and `unconfirmed` count MQTT messages since its start, `too_large` those whose payload was
    withheld; `filters` are its topic filters.
    """

    bridge: str
    at: int
    connected: bool
    since: int
    received: int = 0
    confirmed: int = 0
    unconfirmed: int = 0
    too_large: int = 0
    filters: list[str] = []
    origin: int = 0
    seq: int = 0


class PackedReadings(msgspec.Struct, kw_only=True):
    """Columns of the readings of a packed record; `port` indexes `Packed.ports`; times are microseconds."""

    origin: list[int] = []
    seq: list[int] = []
    port: list[int] = []
    at: list[int] = []
    received_at: list[int] = []
    flags: list[int] = []
    channels: dict[str, list[float | None]] = {}


class PackedOther(msgspec.Struct, kw_only=True):
    """Values outside the canonical channels, one row a value."""

    origin: list[int] = []
    seq: list[int] = []
    port: list[int] = []
    at: list[int] = []
    received_at: list[int] = []
    channel: list[str] = []
    value: list[float] = []


class Packed(msgspec.Struct, kw_only=True):
    """One record of `ev.telemetry`; covers the raw offsets `first`..`last` of `partition` without a gap."""

    v: int = VERSION
    partition: int
    first: int
    last: int
    now: int
    adapter: str
    ports: list[str] = []
    readings: PackedReadings = msgspec.field(default_factory=PackedReadings)
    other: PackedOther = msgspec.field(default_factory=PackedOther)
    events: list[Event] = []
    rejects: list[Reject] = []
    beats: list[BridgeBeat] = []
    served: dict[str, str] = {}
    """Station -> bridge that brought its newest message of this record."""
