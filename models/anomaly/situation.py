"""What a port was doing in each tick: current, limit, context, how settled it is, and how warm its past makes it.

Charging ports and idle ports are different worlds, and the first seconds after a start or a new set-point belong to
neither. Heat is memory: the filtered squares of the current (and the filtered power) with several time constants are the
inputs from which the thermal expectations are built, so that warm-up is judged as well as steady state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from models.anomaly.arrays import NEVER, Bools, Float32, Held, PortArrays, Slots, before, ends, last_true
from models.anomaly.ticks import Ticks
from models.columns import rounds

IDLE, CHARGING, TAPERING, TRANSIENT = range(4)
CONTEXTS: Final = ("idle", "charging", "tapering", "transient")
HEAT_S: Final = (90.0, 240.0, 600.0, 1_500.0)
"""Time constants of the filtered squared current: contacts and cables settle within minutes."""
LOAD_S: Final = (300.0, 900.0, 2_400.0)
"""Time constants of the filtered power: cabinets settle within an hour."""
UNKNOWN_S: Final = 600.0
METER_S: Final = 600.0
TAPER_S: Final = 600.0
GAP_S: Final = 900.0
_HELD_US: Final = 120_000_000
_AMBIENT_US: Final = 1_800_000_000
_AMBIENT_PROXY_US: Final = 6 * 3_600_000_000
_METER_GAP_US: Final = 300_000_000
_COOL_S: Final = 2_400.0
_COLUMNS: Final = len(HEAT_S) + len(LOAD_S) + 4
_TAUS: Final = np.array([*HEAT_S, *LOAD_S, UNKNOWN_S, TAPER_S, METER_S, METER_S], np.float32)


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


@dataclass(slots=True)
class Situation:
    """Derived columns of ticks, all of length n (banks: a first axis of time constants); NaN where not known.

    `current` is A per conductor, `limit` the least of requested, offered and rated current in A, `heat` the filtered
    (current / reference)^2 and `load` the filtered power / rated power, `unknown` the share of thermal memory that is not
    known (1 after a gap), `since_*` are seconds. `register` and `integrated` are Wh of the last ten minutes by the meter's
    register and by the power. `proxy` marks ticks whose ambient temperature is the idle connector's.
    """

    ticks: Ticks
    kind: np.ndarray
    rated: Float32
    current: Float32
    power: Float32
    ambient: Float32
    proxy: Bools
    limit: Float32
    requested: Bools
    charging: Bools
    context: np.ndarray
    since_start: Float32
    since_stop: Float32
    since_step: Float32
    heat: Float32
    load: Float32
    unknown: Float32
    register: Float32
    integrated: Float32


class Situations:
    """Derives `Situation` from ticks; keeps what that needs of the past."""

    def __init__(self, arrays: PortArrays) -> None:
        self._a = arrays
        self._held = Held(
            arrays,
            (
                "current",
                "power",
                "temp_ambient",
                "current_requested",
                "current_offered",
                "power_offered",
                "cool",
                "voltage",
            ),
        )
        arrays.add("port.kind", np.int8)
        arrays.add("port.rated_a", np.float32, fill=100.0)
        arrays.add("port.rated_w", np.float32, fill=50_000.0)
        arrays.add("port.limited", np.bool_)
        for name in ("start", "stop", "step", "metered"):
            arrays.add(f"past.{name}", np.int64, fill=NEVER // 2)
        arrays.add("past.charging", np.bool_)
        for name in ("square", "power", "limit"):
            arrays.add(f"past.{name}", np.float32, fill=np.nan)
        arrays.add("past.energy", np.float64, fill=np.nan)
        arrays.add("past.integral", np.int64)
        arrays.add("memory", np.float32, (_COLUMNS,))

    def describe(self, slots: Sequence[int], ports: Sequence[str], facts: Mapping[str, Facts]) -> None:
        """Set kind and rating of `slots` from the registry; what it does not tell keeps wide defaults.

        The scale of the thermal inputs hangs on the rating, so it is set once, when a port is first seen.
        """
        for slot, port in zip(slots, ports, strict=True):
            fact = facts.get(port)
            kind = KINDS.index(fact.kind) if fact is not None and fact.kind in KINDS else 0
            watts = float(fact.rated_w) if fact is not None and fact.rated_w else (22_000.0 if kind == 1 else 50_000.0)
            phases = int(fact.phases) if fact is not None and fact.phases else 3
            self._a["port.kind"][slot] = kind
            self._a["port.rated_w"][slot] = watts
            self._a["port.rated_a"][slot] = watts / (230.0 * phases) if kind == 1 else watts / 400.0
            self._a["port.limited"][slot] = fact is not None and bool(fact.rated_w)

    def derive(self, t: Ticks) -> Situation:
        """The situation of each tick."""
        a, slot, first = self._a, t.slot, t.first
        kind, rated = a["port.kind"][slot], a["port.rated_a"][slot]
        current, power = self._electric(t, kind)
        known = np.nan_to_num(current)
        charging = known > np.where(kind == 2, 2.0, 1.0)
        was = before(charging, first, a["past.charging"][slot])
        tail = ends(first)
        a["past.charging"][slot[tail]] = charging[tail]
        since_start = self._since("start", charging & ~was, t)
        since_stop = self._since("stop", was & ~charging, t)
        limit, requested = self._limit(t, kind, power)
        past_limit = before(limit, first, a["past.limit"][slot])
        a["past.limit"][slot[tail]] = limit[tail]
        moved = np.abs(limit - past_limit) > 0.03 * np.maximum(past_limit, 1.0)
        since_step = self._since("step", moved | (charging & ~was), t)
        ambient, proxy = self._ambient(t, charging, since_stop)
        memory, integrated = self._remember(t, known / rated, np.nan_to_num(power), charging | was)
        h, w = len(HEAT_S), len(LOAD_S)
        tapering = charging & (since_start > TAPER_S) & (known < 0.9 * memory[h + w + 1] * rated)
        context = np.where(charging, np.where(tapering, TAPERING, CHARGING), IDLE)
        context = np.where(charging & (since_step < 20.0), TRANSIENT, context).astype(np.int8)
        return Situation(
            ticks=t, kind=kind, rated=rated, current=current, power=power, ambient=ambient, proxy=proxy, limit=limit,
            requested=requested, charging=charging, context=context, since_start=since_start, since_stop=since_stop,
            since_step=since_step, heat=memory[:h], load=memory[h : h + w], unknown=memory[h + w],
            register=memory[h + w + 2], integrated=integrated,
        )  # fmt: skip

    def _electric(self, t: Ticks, kind: np.ndarray) -> tuple[Float32, Float32]:
        """Current per conductor and total power, from what the port tells."""
        current = self._hold(t, "current", _HELD_US)
        lines = [t.mean[f"current_l{i}"] for i in (1, 2, 3) if f"current_l{i}" in t.mean]
        if lines:
            highest = np.fmax.reduce(lines)
            current = np.where(np.isfinite(current), current, highest)
        power = self._hold(t, "power", _HELD_US)
        voltage = self._hold(t, "voltage", _HELD_US)
        guess = voltage * current * np.where(kind == 1, np.float32(3.0), np.float32(1.0))
        power = np.where(np.isfinite(power), power, guess)
        current = np.where(np.isfinite(current), current, power / np.where(kind == 1, 690.0, 400.0))
        return current.astype(np.float32), power.astype(np.float32)

    def _hold(self, t: Ticks, name: str, age_us: int) -> Float32:
        return self._held.fill(name, t.slot, t.at, t.first, t.channel(name), age_us)

    def _limit(self, t: Ticks, kind: np.ndarray, power: Float32) -> tuple[Float32, Bools]:
        """The least of requested, offered and rated current, and where a request is known."""
        requested = self._hold(t, "current_requested", _HELD_US)
        offered = self._hold(t, "current_offered", _HELD_US)
        volts = t.channel("voltage")
        across = np.where(kind == 1, 3.0 * volts, volts)
        offered_w = self._hold(t, "power_offered", _HELD_US)
        rated_w = np.where(self._a["port.limited"][t.slot], self._a["port.rated_w"][t.slot], np.float32(np.nan))
        with np.errstate(divide="ignore", invalid="ignore"):
            by_power = np.where(across > 50.0, np.fmin(offered_w, rated_w) / across, np.nan)
        # an AC vehicle may draw on fewer phases than the rating counts, so only a DC port is bound by its power
        by_power = np.where(kind == 2, by_power, np.nan)
        return np.fmin(np.fmin(requested, offered), by_power).astype(np.float32), np.isfinite(requested)

    def _ambient(self, t: Ticks, charging: Bools, since_stop: Float32) -> tuple[Float32, Bools]:
        """Ambient temperature, or where the port tells none, that of its connector when it last had cooled down."""
        ambient = self._hold(t, "temp_ambient", _AMBIENT_US)
        cool = np.where(~charging & (since_stop > _COOL_S), t.channel("temp_connector"), np.float32(np.nan))
        held = self._held.fill("cool", t.slot, t.at, t.first, cool, _AMBIENT_PROXY_US)
        proxy = ~np.isfinite(ambient)
        return np.where(proxy, held, ambient), proxy

    def _since(self, name: str, event: Bools, t: Ticks) -> Float32:
        """Seconds since `event` was last true at the port."""
        stored = self._a[f"past.{name}"]
        row = last_true(event, t.first)
        when = np.where(row >= 0, t.at[row], stored[t.slot])
        tail = ends(t.first)
        stored[t.slot[tail]] = when[tail]
        return ((t.at - when) / 1e6).astype(np.float32)

    def _remember(self, t: Ticks, share: Float32, power: Float32, active: Bools) -> tuple[Float32, Float32]:
        """Run the first-order memories; gives the bank [columns, n] and the integrated energy of its window."""
        a, slot, first = self._a, t.slot, t.first
        square = share * share
        was_square, was_power = (
            before(v, first, a[f"past.{n}"][slot]) for n, v in (("square", square), ("power", power))
        )
        known_dt = np.where(np.isfinite(t.dt), t.dt, 0.0)
        heat_in = np.where(np.isfinite(was_square), (square + was_square) / 2, square)
        mean_power = np.where(np.isfinite(was_power), (power + was_power) / 2, power)
        register_in, integral_in, metered_dt = self._metered(t, (mean_power * known_dt / 3.6).astype(np.float64))
        tail = ends(first)
        a["past.square"][slot[tail]], a["past.power"][slot[tail]] = square[tail], power[tail]

        h, w = len(HEAT_S), len(LOAD_S)
        span = np.empty((len(_TAUS), len(t)), np.float32)
        span[:] = t.dt
        span[-2:] = metered_dt
        keep = np.exp(-span / _TAUS[:, None])
        put = np.empty_like(keep)
        put[:h] = (1 - keep[:h]) * heat_in
        put[h : h + w] = (1 - keep[h : h + w]) * mean_power / a["port.rated_w"][slot]
        lost = (t.dt > GAP_S) & (active | ~np.isfinite(t.dt))
        keep[h + w] = np.where(lost, 0, keep[h + w])
        put[h + w] = lost
        put[h + w + 1] = (1 - keep[h + w + 1]) * share
        put[h + w + 2], put[h + w + 3] = register_in, integral_in
        bank = self._scan(slot, np.ascontiguousarray(keep.T), np.ascontiguousarray(put.T))
        return bank, bank[h + w + 3]

    def _scan(self, slot: Slots, keep: Float32, put: Float32) -> Float32:
        """memory = memory * keep + put, tick by tick of each port; gives every state as [columns, n]."""
        out = np.empty_like(put)
        memory = self._a["memory"]
        for rows in rounds(slot):
            at = slot[rows]
            state = memory[at] * keep[rows] + put[rows]
            memory[at] = state
            out[rows] = state
        return np.ascontiguousarray(out.T)

    def _metered(self, t: Ticks, milliwatthours: np.ndarray) -> tuple[Float32, Float32, Float32]:
        """Wh by register and by integrated power between successive registers, on the ticks that have one."""
        a, slot, first = self._a, t.slot, t.first
        running = np.cumsum(np.rint(milliwatthours).astype(np.int64))
        group = np.where(first, np.arange(len(t)), 0)
        begin = np.maximum.accumulate(group)
        running = running - np.where(begin > 0, running[begin - 1], 0) + a["past.integral"][slot]
        have = np.isfinite(t.energy)
        row = last_true(have, first)
        earlier = before(row, first, np.full(len(t), -1))
        from_row = earlier >= 0
        last_energy = np.where(from_row, t.energy[earlier], a["past.energy"][slot])
        last_running = np.where(from_row, running[earlier], 0)
        last_at = np.where(from_row, t.at[earlier], a["past.metered"][slot])
        near = have & (t.at - last_at <= _METER_GAP_US)
        step = np.where(near & np.isfinite(last_energy), t.energy - last_energy, np.nan)
        use = np.isfinite(step)
        tail = ends(first)
        done = row[tail]
        found = done >= 0
        s = slot[tail]
        a["past.integral"][s] = running[tail] - np.where(found, running[done], 0)
        a["past.energy"][s[found]], a["past.metered"][s[found]] = t.energy[done[found]], t.at[done[found]]
        dt = np.where(use, (t.at - last_at) / 1e6, np.where(have, np.inf, 0.0))
        return (
            np.where(use, step, 0.0).astype(np.float32),
            np.where(use, (running - last_running) / 1e3, 0.0).astype(np.float32),
            dt.astype(np.float32),
        )
