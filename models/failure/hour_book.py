"""From rows of tables to hours of ports: the same sums for stored history, a backfill and simulated fleets.

Whoever has rows of `reading_1m`, `anomaly_score`, `reading_other`, `event` or `charging_session` as columns gives them to an
`HourBook`, in any order and portions, and takes hours out.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.columns import PortIndex
from models.failure.hour_columns import LEAST, MOST, RESIDUALS, SUMS, columns_of
from models.failure.hour_sums import Floats, Keys, Reduced, Slots, all_keys, key_of, slot_and_hour
from models.failure.hours import HOUR_US, OTHERS, Hours
from models.operator import Append, Outputs, Upsert
from schemas.assets import PortFacts
from schemas.faults import error_code, family_of

_MINUTE_US: Final = 60_000_000
IDLE_EVERY: Final = 10
"""Of minutes without charging one in so many is looked at: temperatures and voltages hardly change meanwhile."""

MINUTES: Final = (
    "current_mean", "current_requested_mean", "current_offered_mean", "power_mean", "voltage_mean", "voltage_l1_mean",
    "voltage_l2_mean", "voltage_l3_mean", "temp_connector_mean", "temp_internal_mean", "temp_ambient_mean", "fan_rpm_mean",
)  # fmt: skip
"""The columns of `reading_1m` that are looked at, beside port and `at`."""

_LOGARITHMIC: Final = frozenset({"isolation", "free_memory"})
_RESIDUAL_OF: Final = dict(zip(("temp_connector", "temp_internal", "current"), RESIDUALS, strict=True))
"""Channel of a contribution to a score -> the column that its residual goes to."""


class HourBook:
    """Takes rows, gives hours. `facts` tell ratings; a port without is taken for 22 kW AC.

    Sums do not depend on portions or order. A closed charging session counts in the hour in which it ended, once, whatever
    number of revisions of it come. Cost: about 0.3 microseconds a minute of charging; memory: a few hundred bytes a port-hour.
    """

    def __init__(self, facts: Mapping[str, PortFacts]) -> None:
        self._facts = facts
        self._index = PortIndex()
        self._rated_w = np.zeros(0)
        self._rated_a = np.zeros(0)
        self._sums = Reduced(np.add, 0.0)
        self._most = Reduced(np.maximum, -np.inf)
        self._least = Reduced(np.minimum, np.inf)
        self._errors: dict[tuple[int, int], dict[str, int]] = {}
        self._sessions: dict[tuple[int, str], tuple[int, bool]] = {}

    def take(self, table: str, ports: list[str], port: NDArray[Any], columns: Mapping[str, Any]) -> None:
        """Take rows of `table`; tables that say nothing about hours are passed over."""
        if table == "reading_1m":
            self._minutes(self._slots(ports)[port], columns)
        elif table == "anomaly_score":
            self._scores(self._slots(ports)[port], columns)
        elif table == "reading_other":
            self._others(self._slots(ports)[port], columns)
        elif table == "event":
            self._events(self._slots(ports)[port], columns)
        elif table == "charging_session":
            self._closed(self._slots(ports)[port], columns)

    def _slots(self, ports: list[str]) -> Slots:
        known = len(self._index)
        slots = self._index.slots(ports)
        if len(self._index) > known:
            ratings = [rating(self._facts.get(p)) for p in self._index.ports[known:]]
            self._rated_w = np.append(self._rated_w, [w for w, _ in ratings])
            self._rated_a = np.append(self._rated_a, [a for _, a in ratings])
        return slots

    def _minutes(self, slot: Slots, columns: Mapping[str, Any]) -> None:
        at = np.asarray(columns["at"])
        current, power = _column(columns, "current_mean", at), _column(columns, "power_mean", at)
        on = (current > 0.5) | (power > 50.0)
        rows = np.flatnonzero(on | (at // _MINUTE_US % IDLE_EVERY == 0))
        if not len(rows):
            return
        slot, at, on = slot[rows], at[rows], on[rows]
        c = {
            name: _column(columns, name, None)[rows] if name in columns else np.full(len(rows), np.nan)
            for name in MINUTES
        }
        key = key_of(slot, at)
        self._sums_of_minutes(slot, on, c, key)
        self._peaks_of_minutes(on, c, key)

    def _sums_of_minutes(self, slot: Slots, on: NDArray[np.bool_], c: dict[str, Floats], key: Keys) -> None:
        q = np.where(on, np.abs(c["current_mean"]) / self._rated_a[slot], 0.0) ** 2
        share = np.where(on, c["power_mean"] / self._rated_w[slot], 0.0)
        base = np.where(np.isnan(c["temp_ambient_mean"]), c["temp_internal_mean"], c["temp_ambient_mean"])
        warm = c["temp_connector_mean"] - base
        above = c["temp_internal_mean"] - c["temp_ambient_mean"]
        wanted = np.fmin(c["current_requested_mean"], c["current_offered_mean"])
        asked = on & (wanted > 1.0) & np.isfinite(c["current_mean"])
        self._sums.add(key, {
            "charging": on.astype(np.float64),
            "load": np.nan_to_num(share),
            "hot": np.nan_to_num(warm * q), "hot2": np.where(np.isnan(warm * q), 0.0, q * q),
            "cool": np.nan_to_num(above * share), "cool2": np.where(np.isnan(above * share), 0.0, share**2),
            "above": np.nan_to_num(above), "above_n": np.isfinite(above).astype(np.float64),
            "ambient": np.nan_to_num(c["temp_ambient_mean"]),
            "ambient_n": np.isfinite(c["temp_ambient_mean"]).astype(np.float64),
            "fan": np.nan_to_num(c["fan_rpm_mean"]) / 1_000.0,
            "fan_n": np.isfinite(c["fan_rpm_mean"]).astype(np.float64),
            "given": np.where(asked, c["current_mean"], 0.0), "asked": np.where(asked, wanted, 0.0),
        })  # fmt: skip

    def _peaks_of_minutes(self, on: NDArray[np.bool_], c: dict[str, Floats], key: Keys) -> None:
        base = np.where(np.isnan(c["temp_ambient_mean"]), c["temp_internal_mean"], c["temp_ambient_mean"])
        lines = np.stack([c[f"voltage_l{k}_mean"] for k in (1, 2, 3)])
        least, most = np.fmin.reduce(lines), np.fmax.reduce(lines)
        self._least.add(key, {"voltage": _or(least / 230.0, np.inf)})
        self._most.add(key, {
            "contact_peak": _or(np.where(on, c["temp_connector_mean"] - base, np.nan), -np.inf),
            "imbalance": _or((most - least) / 230.0, -np.inf),
        })  # fmt: skip

    def _scores(self, slot: Slots, columns: Mapping[str, Any]) -> None:
        key = key_of(slot, np.asarray(columns["at"]))
        score = np.asarray(columns["score"], np.float64)
        peaks = {name: np.zeros(len(key)) for name in RESIDUALS}
        for i, parts in enumerate(columns["contributions"]):
            for channel, said in (parts or {}).items():
                column = _RESIDUAL_OF.get(channel)
                if column is not None and said.get("observed") is not None and said.get("expected") is not None:
                    peaks[column][i] = abs(said["observed"] - said["expected"])
        self._most.add(key, {"score": score, **peaks})

    def _others(self, slot: Slots, columns: Mapping[str, Any]) -> None:
        channel, value = np.asarray(columns["channel"], object), np.asarray(columns["value"], np.float64)
        key = key_of(slot, np.asarray(columns["at"]))
        for name in OTHERS:
            rows = np.flatnonzero((channel == name) & np.isfinite(value))
            if len(rows):
                told = np.log10(np.maximum(value[rows], 1.0)) if name in _LOGARITHMIC else value[rows]
                self._sums.add(key[rows], {name: told, f"{name}_n": np.ones(len(rows))})

    def _events(self, slot: Slots, columns: Mapping[str, Any]) -> None:
        at = np.asarray(columns["at"])
        for i, (kind, data) in enumerate(zip(columns["kind"], columns["data"], strict=True)):
            if kind == "status" or (kind == "fault" and data.get("active", True)):
                code = error_code(data) if kind == "status" else data.get("code")
                if code is not None:
                    self.mark(int(slot[i]), int(at[i]), "faults", family_of(code))
            elif kind == "boot":
                self.mark(int(slot[i]), int(at[i]), "boots")
            elif kind == "connection" and data.get("connected") is False:
                self.mark(int(slot[i]), int(at[i]), "lost")

    def slot(self, port: str) -> int:
        """The slot of a port, for `mark`."""
        return int(self._slots([port])[0])

    def marks(self, ports: list[str], at: NDArray[np.int64], count: str) -> None:
        """Count happenings (`count` of COUNTS) at ports, one a row, times in microseconds."""
        if ports:
            self._sums.add(key_of(self._slots(ports), at), {count: np.ones(len(ports))})

    def mark(self, slot: int, at_us: int, count: str, family: str | None = None) -> None:
        """Count one happening at a port's slot, with the fault family it names."""
        self._sums.add(key_of(np.array([slot], np.intp), np.array([at_us], np.int64)), {count: np.ones(1)})
        if family is not None:
            of = self._errors.setdefault((slot, at_us // HOUR_US), {})
            of[family] = of.get(family, 0) + 1

    def _closed(self, slot: Slots, columns: Mapping[str, Any]) -> None:
        ended = np.asarray(columns["ended_at"])
        rows = zip(
            slot.tolist(), columns["session_key"], columns["state"], columns["outcome"], ended.tolist(), strict=True
        )
        for one, key, state, outcome, at in rows:
            if state == "closed" and at > 0:
                self._sessions[one, key] = (at // HOUR_US, outcome in ("failed", "cut"))

    def hours(self) -> Hours:
        """The hours of everything that was taken, in order of (port, hour)."""
        for (one, _), (ended, failed) in self._sessions.items():
            self.mark(one, ended * HOUR_US, "sessions")
            if failed:
                self.mark(one, ended * HOUR_US, "failed")
        self._sessions.clear()
        key = all_keys(self._sums, self._most, self._least)
        made = columns_of(self._sums.at(key, SUMS), self._most.at(key, MOST), self._least.at(key, LEAST))
        columns = {name: column.astype(np.float32) for name, column in made.items()}
        slot, hour = slot_and_hour(key)
        errors = [self._errors.get((int(s), int(h))) for s, h in zip(slot, hour, strict=True)]
        return Hours(list(self._index.ports), slot, hour * HOUR_US, columns, errors)


def _column(columns: Mapping[str, Any], name: str, like: NDArray[Any] | None) -> Floats:
    found = columns.get(name)
    if found is None:
        return np.full(0 if like is None else len(like), np.nan)
    return np.asarray(found, np.float64)


def _or(values: Floats, fill: float) -> Floats:
    return np.where(np.isnan(values), fill, values)


def rating(facts: PortFacts | None) -> tuple[float, float]:
    """Rated power in W and current per conductor in A of a port; what a 22 kW AC port has where nothing is known."""
    watts = 22_000.0 if facts is None or not facts.rated_w else float(facts.rated_w)
    if facts is not None and facts.kind == "dc":
        return watts, watts / 400.0
    phases = facts.phases if facts is not None and facts.phases else (3 if watts > 8_000 else 1)
    return watts, watts / (230.0 * phases)


def take_writes(book: HourBook, outputs: Outputs) -> None:
    """Give a book what operators put out for the tables that hours are made of. Minutes that are recomputed later are not seen."""
    for write in outputs.writes:
        if isinstance(write, Append | Upsert):
            book.take(write.table, write.ports, write.port, write.columns)
