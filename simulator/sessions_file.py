"""Real charging sessions (files of the Caltech ACN kind) as canonical messages: a recording, or live play.

A file is a JSON array (gzip is understood) of objects with `connectionTime`, `disconnectTime`, `doneChargingTime` (HTTP
dates; the last two may be null), `kWhDelivered`, `stationID`, `sessionID`. Every session becomes a transaction with readings
whose power starts and ends at zero and is constant between, on an even grid, so that the register's difference and the
integral of power both equal the recorded energy, whichever way the power is integrated.
"""

import gzip
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
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


@dataclass
class Played:
    """What was made of a file: the sessions that were played, and the ids of those with something to be told about.

    `open` have no disconnect time: they are played without an end. `odd` have times that their energy contradicts (more
    than 100 kW on average): where that is the time of done charging, they charge until they are disconnected.
    """

    sessions: int = 0
    readings: int = 0
    energy_wh: float = 0.0
    open: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)


def load(path: Path) -> list[RealSession]:
    """The sessions of a file in order of connection. SessionsFileError for what is none, with the entry's number."""
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
    found, seen = [], set()
    for number, entry in enumerate(entries, 1):
        try:
            session = RealSession.model_validate(entry)
        except (ValidationError, TypeError, ValueError) as error:
            why = (
                f"{e['loc'][0]}: {e['msg']}"
                if isinstance(error, ValidationError) and (e := error.errors()[0])["loc"]
                else error
            )
            raise SessionsFileError(f"{path}, entry {number}: not a charging session ({why})") from error
        if session.session_id in seen:
            raise SessionsFileError(
                f"{path}, entry {number}: session {session.session_id!r} stands in it twice; remove one"
            )
        seen.add(session.session_id)
        found.append(session)
    return sorted(found, key=lambda s: (s.connected, s.session_id))


def lines(
    sessions: Sequence[RealSession], cadence_s: float = CADENCE_S, report: Played | None = None
) -> Iterator[Line]:
    """The messages of `sessions` as a recording, in order of time; `report` is filled meanwhile.

    Each station's register goes on from one session to the next. Readings come in blocks of up to 500 (`readings`), each
    told at the time of its last row. ValueError for a cadence that is not above zero.
    """
    if cadence_s <= 0:
        raise ValueError(f"a cadence of {cadence_s:g} s: it must be above zero")
    report = report if report is not None else Played()
    registers: dict[str, float] = {}
    made: list[Line] = []
    for session in sessions:
        if session.station not in registers:
            registers[session.station] = _START_WH
            made.append(
                _line(
                    session.station, "event", _us(session.connected) - US, _status(session.connected, -1, "available")
                )
            )
        made += _messages(session, registers, cadence_s, report)
    made.sort(key=lambda line: line.at)
    yield from made


def _messages(session: RealSession, registers: dict[str, float], cadence_s: float, report: Played) -> list[Line]:
    start, end, finish = _us(session.connected), _end(session, report), session.disconnected
    begin_wh = registers[session.station]
    energy = session.kwh * 1000
    registers[session.station] = begin_wh + energy
    report.sessions, report.energy_wh = report.sessions + 1, report.energy_wh + energy
    said: list[Line] = []

    def tell(at: int, payload: bytes, kind: str = "event") -> None:
        said.append(_line(session.station, kind, at, payload))

    tell(start, _status(session.connected, 0, "preparing"))
    tell(start, event(start, 1, "session_start", {"session": session.session_id, "meter_wh": begin_wh}).payload)
    tell(start, _status(session.connected, 0, "charging"))
    for at, payload, rows in _readings(start, end, begin_wh, energy, cadence_s):
        tell(at, payload, "readings")
        report.readings += rows
    if finish is None:
        report.open.append(session.session_id)
        return said
    over = max(_us(finish), end)
    if over > end:
        tell(end, event(end, 1, "status", {"status": "suspended_ev"}).payload)
    data = {"session": session.session_id, "meter_wh": begin_wh + energy, "reason": "ev_disconnected"}
    tell(over, event(over, 1, "session_end", data).payload)
    tell(over, event(over, 1, "status", {"status": "available"}).payload)
    return said


def _end(session: RealSession, report: Played) -> int:
    """When charging ended: the recorded time if the energy allows it, else when it was disconnected, else a guess."""
    start, energy = _us(session.connected), session.kwh * 1000
    least = start + max(US, math.ceil(energy / _PLAUSIBLE_W * 3600) * US)
    last = None if session.disconnected is None else max(_us(session.disconnected), start + US)
    done = None if session.done is None else _us(session.done)
    if done is not None and done >= least:
        return done if last is None else min(done, last)
    if done is not None or (last is not None and last < least):
        report.odd.append(session.session_id)
    return max(start + int(energy / _ASSUMED_W * 3600 * US), least) if last is None else last


def _readings(
    start: int, end: int, begin_wh: float, energy: float, cadence_s: float
) -> Iterator[tuple[int, bytes, int]]:
    """Blocks of readings from `start` to `end`: power 0, then constant, then 0, on an even grid; register beside it."""
    steps = max(_LEAST_STEPS, math.ceil((end - start) / US / cadence_s))
    at = [start + round((end - start) * i / steps / 1000) * 1000 for i in range(steps + 1)]
    power = energy * 3600 * US / ((end - start) * (steps - 1) / steps)
    powers = [0.0, *[power] * (steps - 1), 0.0]
    grid_h = (end - start) / steps / US / 3600
    register = [begin_wh]
    for one, two in pairwise(powers):
        register.append(register[-1] + 0.5 * (one + two) * grid_h)
    register[-1] = begin_wh + energy
    for i in range(0, steps + 1, _ROWS):
        rows = slice(i, min(i + _ROWS, steps + 1))
        channels = {"power": [round(p, 4) for p in powers[rows]], "energy": [round(r, 4) for r in register[rows]]}
        body = {"port": 1, "at": [a // 1000 for a in at[rows]], "channels": channels}
        yield at[rows][-1], dumps(body), len(at[rows])


def _status(when: datetime, seconds: int, status: str) -> bytes:
    return event(_us(when) + seconds * US, 1, "status", {"status": status}).payload


def _line(station: str, kind: str, at: int, payload: bytes) -> Line:
    return Line(f"ev/{station}/from/{kind}", payload, at)


def _us(when: datetime) -> int:
    return round(when.timestamp() * 1000) * 1000
