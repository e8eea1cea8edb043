"""What a port was doing in each tick: current, limit, context, how settled it is, and how warm its past makes it.

Charging ports and idle ports are different worlds, and the first seconds after a start or a new set-point belong to
neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from models.anomaly.arrays import NEVER, Bools, Float32, Held, PortArrays, Slots, before, ends, last_true
from models.anomaly.memory import HEAT, INTEGRATED, LOAD, REGISTER, TAPER, TAPER_S, UNKNOWN, UNSURE, Memory
from models.anomaly.ticks import Ticks

IDLE, CHARGING, TAPERING, TRANSIENT = range(4)
CONTEXTS: Final = ("idle", "charging", "tapering", "transient")
_LATER: Final = np.iinfo(np.int64).max
_HELD_US: Final = 120_000_000
_ASKED_US: Final = 15_000_000
"""A request is forgotten soon: a port that stops telling one is not asked for anything any more."""
_AMBIENT_US: Final = 1_800_000_000
_COOL_US: Final = 4 * 3_600_000_000
_COOL_S: Final = 2_400.0
_HELD: Final = (
    "current", "power", "voltage", "temp_ambient", "current_requested", "current_offered", "power_offered", "cool",
)  # fmt: skip


class Facts(Protocol):
    """What the registry tells of a port and a detector wants to know; None where it does not say."""

    @property
    def rated_w(self) -> float | None:
        """Rated output power in W."""
        ...

    @property
    def phases(self) -> int | None:
        """Number of AC phases."""
        ...

    @property
    def kind(self) -> str | None:
        """'ac' or 'dc'."""
        ...


KINDS: Final = ("", "ac", "dc")
AC, DC = 1, 2


@dataclass(slots=True)
class Situation:
    """Derived columns of ticks, all of length n (banks: a first axis of time constants); NaN where not known.

    `current` is A per conductor, `limit` the least of requested, offered and rated current in A, `requested` whether a
    request is known, `offered` whether the port offers or is asked for current, `renewed` whether its firmware has changed and
    nothing was learned of the new one yet, `station_load` the power of all ports of the station as a share of the port's rating, `heat` the
    filtered (current / rated)^2 and `load` the filtered station load, `unknown` the share of thermal memory that is not
    known (1 after a gap), `since_*` are seconds. `register` and `integrated` are Wh of the last ten minutes by the meter's
    register and by the power, `unsure` what of the latter hangs on when exactly the power changed. `ambient` is the surrounding temperature where the port tells it; `cool` what its connector
    had when it last had cooled down.
    """

    ticks: Ticks
    kind: np.ndarray
    rated: Float32
    current: Float32
    power: Float32
    ambient: Float32
    cool: Float32
    limit: Float32
    requested: Bools
    offered: Bools
    renewed: Bools
    charging: Bools
    context: np.ndarray
    since_start: Float32
    since_stop: Float32
    since_step: Float32
    station_load: Float32
    heat: Float32
    load: Float32
    unknown: Float32
    unsure: Float32
    register: Float32
    integrated: Float32


class Situations:
    """Derives `Situation` from ticks; keeps what that needs of the past."""

    def __init__(self, arrays: PortArrays) -> None:
        self._a = arrays
        self._held = Held(arrays, _HELD)
        self._memory = Memory(arrays)
        arrays.add("port.kind", np.int8)
        arrays.add("port.rated_a", np.float32, fill=100.0)
        arrays.add("port.rated_w", np.float32, fill=50_000.0)
        arrays.add("port.limited", np.bool_)
        for name in ("start", "stop", "step"):
            arrays.add(f"past.{name}", np.int64, fill=NEVER // 2)
        arrays.add("past.renewed", np.int64, fill=_LATER)
        arrays.add("past.charging", np.bool_)
        arrays.add("past.limit", np.float32, fill=np.nan)

    def describe(self, slots: Sequence[int], ports: Sequence[str], facts: Mapping[str, Facts]) -> None:
        """Set kind and rating of `slots` from the registry; what it does not tell keeps wide defaults.

        The scale of the thermal inputs hangs on the rating, so it is set once, when a port is first seen.
        """
        for slot, port in zip(slots, ports, strict=True):
            fact = facts.get(port)
            kind = KINDS.index(fact.kind) if fact is not None and fact.kind in KINDS else 0
            watts = float(fact.rated_w) if fact is not None and fact.rated_w else (22_000.0 if kind == AC else 50_000.0)
            phases = int(fact.phases) if fact is not None and fact.phases else 3
            self._a["port.kind"][slot] = kind
            self._a["port.rated_w"][slot] = watts
            self._a["port.rated_a"][slot] = watts / (230.0 * phases) if kind == AC else watts / 400.0
            self._a["port.limited"][slot] = fact is not None and bool(fact.rated_w)

    def derive(self, t: Ticks, leader: Slots) -> Situation:
        """The situation of each tick; `leader` is the slot of the first port of each slot's station."""
        a, slot, first = self._a, t.slot, t.first
        kind, rated = a["port.kind"][slot], a["port.rated_a"][slot]
        current, power = self._electric(t, kind)
        limit, wanted, offered = self._limit(t, kind)
        known, least = np.nan_to_num(current), np.where(kind == DC, 2.0, 1.0)
        charging = (known > least) | (wanted > least)
        tail = ends(first)
        was = before(charging, first, a["past.charging"][slot])
        past_limit = before(limit, first, a["past.limit"][slot])
        a["past.charging"][slot[tail]], a["past.limit"][slot[tail]] = charging[tail], limit[tail]
        begins = charging & ~was
        since_start, since_stop = self._since("start", begins, t), self._since("stop", was & ~charging, t)
        since_step = self._since("step", begins | (np.abs(limit - past_limit) > 0.03 * np.maximum(past_limit, 1)), t)
        bank, station_load = self._memory.run(t, known / rated, np.nan_to_num(power), charging | was, leader)
        tapering = charging & (since_start > TAPER_S) & (known < 0.9 * bank[TAPER] * rated)
        context = np.where(charging, np.where(tapering, TAPERING, CHARGING), IDLE)
        context = np.where(charging & (since_step < 20.0), TRANSIENT, context).astype(np.int8)
        resting = np.where(~charging & (since_stop > _COOL_S), t.channel("temp_connector"), np.float32(np.nan))
        return Situation(
            ticks=t, kind=kind, rated=rated, current=current, power=power,
            ambient=self._hold(t, "temp_ambient", _AMBIENT_US),
            cool=self._held.fill("cool", slot, t.at, first, resting, _COOL_US),
            limit=limit, requested=np.isfinite(wanted), offered=offered,
            renewed=t.at > a["past.renewed"][slot], charging=charging, context=context, since_start=since_start,
            since_stop=since_stop, since_step=since_step, station_load=station_load, heat=bank[HEAT], load=bank[LOAD],
            unknown=bank[UNKNOWN], unsure=bank[UNSURE], register=bank[REGISTER],
            integrated=bank[INTEGRATED],
        )  # fmt: skip

    def _hold(self, t: Ticks, name: str, age_us: int) -> Float32:
        return self._held.fill(name, t.slot, t.at, t.first, t.channel(name), age_us)

    def _electric(self, t: Ticks, kind: np.ndarray) -> tuple[Float32, Float32]:
        """Current per conductor and total power, from what the port tells."""
        current = self._hold(t, "current", _HELD_US)
        lines = [t.mean[f"current_l{i}"] for i in (1, 2, 3) if f"current_l{i}" in t.mean]
        if lines:
            current = np.where(np.isfinite(current), current, np.fmax.reduce(lines))
        power = self._hold(t, "power", _HELD_US)
        voltage = self._hold(t, "voltage", _HELD_US)
        guess = voltage * current * np.where(kind == AC, np.float32(3.0), np.float32(1.0))
        power = np.where(np.isfinite(power), power, guess)
        current = np.where(np.isfinite(current), current, power / np.where(kind == AC, 690.0, 400.0))
        return current.astype(np.float32), power.astype(np.float32)

    def _limit(self, t: Ticks, kind: np.ndarray) -> tuple[Float32, Float32, Bools]:
        """The least of requested, offered and rated current, the requested, and whether any is offered or asked for."""
        requested = self._hold(t, "current_requested", _ASKED_US)
        offered = self._hold(t, "current_offered", _ASKED_US)
        offered_w = self._hold(t, "power_offered", _ASKED_US)
        volts = t.channel("voltage")
        rated_w = np.where(self._a["port.limited"][t.slot], self._a["port.rated_w"][t.slot], np.float32(np.nan))
        # an AC vehicle may draw on fewer phases than the rating counts, so only a DC port is bound by its power
        bound = (kind == DC) & (volts > 50.0)
        by_power = np.where(bound, np.fmin(offered_w, rated_w) / np.where(bound, volts, 1.0), np.nan)
        there = (requested > 0) | (offered > 0) | (offered_w > 0)
        return np.fmin(np.fmin(requested, offered), by_power).astype(np.float32), requested, there

    def _since(self, name: str, event: Bools, t: Ticks) -> Float32:
        """Seconds since `event` was last true at the port."""
        stored = self._a[f"past.{name}"]
        row = last_true(event, t.first)
        when = np.where(row >= 0, t.at[row], stored[t.slot])
        tail = ends(t.first)
        stored[t.slot[tail]] = when[tail]
        return ((t.at - when) / 1e6).astype(np.float32)
