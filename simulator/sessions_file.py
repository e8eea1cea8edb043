"""Real charging sessions (files of the Caltech ACN kind) as canonical messages: a recording, or live play.

A file is a JSON array (gzip is understood) of objects with `connectionTime`, `disconnectTime`, `doneChargingTime` (HTTP
dates; the last two may be null), `kWhDelivered`, `stationID`, `sessionID`. Every session becomes a transaction with readings
whose power starts and ends at zero and is constant between, on an even grid, so that the register's difference and the
integral of power both equal the recorded energy, whichever way the power is integrated.
"""

import gzip
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from schemas.topics import is_station
from simulator.recording import Line
from simulator.speak.message import dumps, event

US: Final = 1_000_000
CADENCE_S: Final = 60.0
_ROWS: Final = 500
_LEAST_STEPS: Final = 20
_PLAUSIBLE_W: Final = 100_000.0
_ASSUMED_W: Final = 6_600.0
_START_WH: Final = 1_000_000.0


class SessionsFileError(ValueError):
    """A file that does not hold charging sessions; the message names file, entry and reason."""


def _instant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parsedate_to_datetime(value)
    except ValueError:
        return datetime.fromisoformat(value)


def _aware(value: Any) -> Any:
    found = _instant(value)
    return found.replace(tzinfo=UTC) if isinstance(found, datetime) and found.tzinfo is None else found


Instant = Annotated[datetime, BeforeValidator(_aware)]


class RealSession(BaseModel):
    """One recorded session; fields that are not needed are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    connected: Annotated[Instant, Field(alias="connectionTime")]
    disconnected: Annotated[Instant | None, Field(alias="disconnectTime")] = None
    done: Annotated[Instant | None, Field(alias="doneChargingTime")] = None
    kwh: Annotated[float, Field(alias="kWhDelivered", ge=0, le=1_000)]
    station_id: Annotated[str, Field(alias="stationID", min_length=1)]
    session_id: Annotated[str, Field(alias="sessionID", min_length=1, max_length=100)]

    @property
    def station(self) -> str:
        """The station id as topics can hold it."""
        name = re.sub(r"[^A-Za-z0-9._:@-]", "-", self.station_id)[:64]
        return name if is_station(name) else f"S{name}"[:64]

    @property
    def implausible(self) -> bool:
        """Whether the energy is more than its times allow: above 100 kW on average."""
        last = self.disconnected if self.done is None else self.done
        return last is not None and _us(last) < self._least

    @property
    def charged_until(self) -> int:
        """When charging ended (us): the recorded time where it is plausible, else the end, else a guess at 6.6 kW."""
        last = None if self.disconnected is None else max(_us(self.disconnected), _us(self.connected) + US)
        if self.done is not None and _us(self.done) >= self._least:
            return _us(self.done) if last is None else min(_us(self.done), last)
        return (
            max(_us(self.connected) + int(self.kwh * 1000 / _ASSUMED_W * 3600 * US), self._least)
            if last is None
            else last
        )

    @property
    def _least(self) -> int:
        return _us(self.connected) + max(US, math.ceil(self.kwh * 1000 / _PLAUSIBLE_W * 3600) * US)


@dataclass(frozen=True)
class RealSessions:
    """The sessions of a file in order of connection, and the ids of those with something to be told about.

    `open` have no disconnect time: they are played without an end. `odd` have times that their energy contradicts (more
    than 100 kW on average): where that is the time of done charging, they charge until they are disconnected.
    """

    sessions: list[RealSession]

    @property
    def open(self) -> list[str]:
        """Ids of sessions without a disconnect time."""
        return [s.session_id for s in self.sessions if s.disconnected is None]

    @property
    def odd(self) -> list[str]:
        """Ids of sessions whose times their energy contradicts."""
        return [s.session_id for s in self.sessions if s.implausible]

    @property
    def energy_wh(self) -> float:
        """What all of them delivered."""
        return 1000.0 * sum(s.kwh for s in self.sessions)


def read_sessions(path: Path) -> RealSessions:
    """The sessions of a file. SessionsFileError for what is none, with the entry's number."""
    raw = path.read_bytes()
    try:
        entries = orjson.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    except (OSError, EOFError, ValueError) as error:
        raise SessionsFileError(
            f"{path}: not JSON ({error}); give a file of charging sessions of the ACN kind"
        ) from error
    if isinstance(entries, dict):
        entries = entries.get("_items")
    if not isinstance(entries, list):
        raise SessionsFileError(f"{path}: not a list of charging sessions; give a file of the ACN kind")
    found: dict[str, RealSession] = {}
    for number, entry in enumerate(entries, 1):
        try:
            session = RealSession.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise SessionsFileError(f"{path}, entry {number}: {place}: {first['msg']}; correct or remove it") from error
        if session.session_id in found:
            raise SessionsFileError(f"{path}, entry {number}: {session.session_id!r} stands in it twice; remove one")
        found[session.session_id] = session
    return RealSessions(sorted(found.values(), key=lambda s: (s.connected, s.session_id)))


def messages_of(real: RealSessions, cadence_s: float = CADENCE_S) -> list[Line]:
    """The messages of `real` as a recording, in order of time, a reading every `cadence_s` or oftener.

    Each station's register goes on from one session to the next. Readings come in blocks of up to 500 (`readings`), each
    told at the time of its last row. ValueError for a cadence that is not above zero.
    """
    if cadence_s <= 0:
        raise ValueError(f"a cadence of {cadence_s:g} s: it must be above zero")
    registers: dict[str, float] = {}
    made: list[Line] = []
    for session in real.sessions:
        if session.station not in registers:
            registers[session.station] = _START_WH
            made.append(_status(session, _us(session.connected) - US, "available"))
        made += _messages(session, registers[session.station], cadence_s)
        registers[session.station] += session.kwh * 1000
    return sorted(made, key=lambda line: line.at)


def _messages(session: RealSession, begin_wh: float, cadence_s: float) -> list[Line]:
    start, end, energy = _us(session.connected), session.charged_until, session.kwh * 1000
    begin = {"session": session.session_id, "meter_wh": round(begin_wh, 4)}
    said = [
        _status(session, start, "preparing"),
        _event(session, start, "session_start", begin),
        _status(session, start, "charging"),
    ]
    said += [_line(session, "readings", at, block) for at, block in _readings(start, end, begin_wh, energy, cadence_s)]
    if session.disconnected is None:
        return said
    over = max(_us(session.disconnected), end)
    if over > end:
        said.append(_status(session, end, "suspended_ev"))
    close = {"session": session.session_id, "meter_wh": round(begin_wh + energy, 4), "reason": "ev_disconnected"}
    return [*said, _event(session, over, "session_end", close), _status(session, over, "available")]


def _readings(start: int, end: int, begin_wh: float, energy: float, cadence_s: float) -> Iterator[tuple[int, bytes]]:
    """Blocks of readings from `start` to `end`: power 0, then constant, then 0, on an even grid; register beside it."""
    steps = max(_LEAST_STEPS, math.ceil((end - start) / US / cadence_s))
    at = [(start + (end - start) * i // steps) // 1000 for i in range(steps + 1)]
    power = energy * 3600 * US / ((end - start) * (steps - 1) / steps)
    grid_h = (end - start) / steps / US / 3600
    powers = [0.0, *[power] * (steps - 1), 0.0]
    risen = accumulate((0.5 * (one + two) * grid_h for one, two in pairwise(powers)), initial=begin_wh)
    register = [*list(risen)[:-1], begin_wh + energy]
    for i in range(0, steps + 1, _ROWS):
        rows = slice(i, i + _ROWS)
        channels = {"power": [round(p, 4) for p in powers[rows]], "energy": [round(r, 4) for r in register[rows]]}
        yield at[rows][-1] * 1000, dumps({"port": 1, "at": at[rows], "channels": channels})


def _status(session: RealSession, at: int, status: str) -> Line:
    return _event(session, at, "status", {"status": status})


def _event(session: RealSession, at: int, kind: str, data: dict[str, Any]) -> Line:
    return _line(session, "event", at, event(at, 1, kind, data).payload)


def _line(session: RealSession, kind: str, at: int, payload: bytes) -> Line:
    return Line(f"ev/{session.station}/from/{kind}", payload, at)


def _us(when: datetime) -> int:
    return round(when.timestamp() * 1000) * 1000
