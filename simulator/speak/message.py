"""What a speaker makes: messages of one kind each, and what every speaker must be able to say."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from simulator.fleet import Station

Row = dict[str, float]
"""Channels of one reading by canonical name, missing ones left out."""


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message on `ev/<station>/from/<kind>`.

    `keep`: it belongs to a transaction, so the station queues it while it is offline. `describes` are the (port id, at in
    us) of the readings in it, `lines` how many readings and events it tells. `answer` is what the back end replies, on
    `ev/<station>/to/<kind>`.
    """

    kind: str
    payload: bytes
    keep: bool = False
    describes: tuple[tuple[str, int], ...] = ()
    lines: int = 1
    answer: bytes | None = None


@dataclass(slots=True)
class Session:
    """A running charging session as the station knows it; `seq_no` numbers its OCPP 2.0.1 events."""

    name: str
    number: int
    port: int
    token: str
    start_us: int
    meter_start: int
    seq_no: int = 0

    def next_seq(self) -> int:
        """The number of its next event."""
        self.seq_no += 1
        return self.seq_no - 1


class Speaker(Protocol):
    """Puts what happens at one station into messages. `port` is the port's number, `at_us` when it happened.

    `offline`: told after the fact. Text values are canonical (snake case); the speaker translates them.
    """

    def __init__(self, station: Station) -> None: ...

    def boot(self, at_us: int, reason: str) -> list[Message]:
        """The station started."""
        ...

    def alive(self, at_us: int) -> list[Message]:
        """A sign of life."""
        ...

    def status(self, at_us: int, port: int, status: str, error: str = "", code: str = "") -> list[Message]:
        """A port's state; `error` and `code` say what is wrong."""
        ...

    def authorize(self, at_us: int, port: int, token: str, accepted: bool) -> list[Message]:
        """Somebody held a card to the reader."""
        ...

    def session_start(self, at_us: int, session: Session, offline: bool) -> list[Message]:
        """A session began."""
        ...

    def session_state(self, at_us: int, session: Session, state: str, offline: bool) -> list[Message]:
        """The charging state of a session changed: charging or suspended_ev."""
        ...

    def session_end(self, at_us: int, session: Session, meter: int, reason: str, offline: bool) -> list[Message]:
        """A session is over."""
        ...

    def reading(
        self, at_us: int, port: int, row: Row, other: Row, session: Session | None, offline: bool
    ) -> list[Message]:
        """What the sensors of a port show."""
        ...


def dumps(value: Any) -> bytes:
    """Compact JSON."""
    return orjson.dumps(value)


def rfc3339(at_us: int) -> str:
    """An instant as OCPP writes it, to the millisecond."""
    return datetime.fromtimestamp(at_us // 1000 / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def command_result(at_us: int, port: int, command: str, result: str, info: str = "") -> Message:
    """The answer to a command, in canonical form whatever the station speaks otherwise."""
    data = {"command": command, "result": result} | ({"info": info} if info else {})
    return event(at_us, port, "command_result", data)


def event(at_us: int, port: int, kind: str, data: dict[str, Any], keep: bool = False) -> Message:
    """A canonical event message."""
    return Message("event", dumps({"port": port, "at": at_us // 1000, "kind": kind, "data": data}), keep)


def connection(up: bool) -> Message:
    """The state of the station's own link; `False` is what the broker says in its name (last will)."""
    return Message("connection", dumps({"connected": up}))
