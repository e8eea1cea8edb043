"""The minutes of a port as an engineer would put them into a detector that knows no physics: simple figures of single readings.

One row a minute while a port charges and one in half an hour else, NaN where a figure does not apply; values outside the channels
stand until the next one. No filters, no regression: that is what the detectors of `models.anomaly` are for.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.anomaly.arrays import last_true, starts
from models.columns import Batch

F4 = NDArray[np.float32]
FIGURES: Final[tuple[tuple[str, str], ...]] = (
    ("contact", "contact_wear"), ("cabinet", "cooling"), ("fan", "cooling"), ("delivered", "power_module"),
    ("lines", "supply"), ("volts", "supply"), ("register", "meter"), ("idle_volts", "contactor"),
)  # fmt: skip
"""Figure of a reading -> the fault family it points at."""
VALUES: Final[tuple[tuple[str, str], ...]] = (
    ("isolation", "isolation"), ("pilot_voltage", "pilot"), ("contactor_delay", "contactor"), ("lock_retries", "lock"),
    ("residual_current", "ground_fault"), ("rssi", "communication"), ("free_memory", "controller"),
)  # fmt: skip
"""Value outside the channels -> the fault family it points at."""
COLUMNS: Final = (*FIGURES, *VALUES)
_LOGARITHMIC: Final = ("isolation", "free_memory")
_MINUTE_US: Final = 60_000_000
_IDLE_MINUTES: Final = 30


@dataclass(slots=True)
class Minutes:
    """Rows in order of arrival: port positions, times (us), figures and values [n, len(COLUMNS)]."""

    port: list[NDArray[np.intp]] = field(default_factory=list)
    at: list[NDArray[np.int64]] = field(default_factory=list)
    rows: list[F4] = field(default_factory=list)

    def columns(self) -> tuple[NDArray[np.intp], NDArray[np.int64], F4]:
        """All rows, by port and then time."""
        if not self.at:
            return np.empty(0, np.intp), np.empty(0, np.int64), np.empty((0, len(COLUMNS)), np.float32)
        port, at = np.concatenate(self.port), np.concatenate(self.at)
        order = np.lexsort((at, port))
        return port[order], at[order], np.concatenate(self.rows)[order]


class MinuteTaker:
    """Takes batches (times of a port may repeat or come late: those rows are left out) and gathers `minutes`."""

    def __init__(self, ports: list[str], dc: list[bool], amps: list[float]) -> None:
        self.minutes = Minutes()
        self._slot = {p: i for i, p in enumerate(ports)}
        self._dc, self._amps = np.array(dc), np.array(amps, np.float32)
        self._last = np.full(len(ports), np.iinfo(np.int64).min)
        self._register = np.full(len(ports), np.nan)
        self._values = np.full((len(ports), len(VALUES)), np.nan, np.float32)
        self._values_of = {name: i for i, (name, _) in enumerate(VALUES)}

    def take(self, batch: Batch) -> None:
        """Take a batch."""
        r = batch.readings
        if len(r):
            slots = np.array([self._slot[p] for p in batch.ports], np.intp)
            slot = slots[r.port]
            order = np.lexsort((r.at, slot))
            slot, at = slot[order], r.at[order]
            with np.errstate(invalid="ignore"):
                on = np.asarray(np.nan_to_num(r.channel("current")[order]), np.float32) > 1.0
            step = np.where(on, 1, _IDLE_MINUTES)
            minute = at // _MINUTE_US // step
            first = starts(slot)
            before = np.where(first, self._last[slot] // _MINUTE_US, np.concatenate((at[:1], at[:-1])) // _MINUTE_US)
            keep = np.flatnonzero((minute > before // step) & (at > self._last[slot]))
            self._rows(batch, order[keep], slot[keep], at[keep], on[keep])
            np.maximum.at(self._last, slot, at)

    def _rows(
        self, batch: Batch, rows: np.ndarray, slot: NDArray[np.intp], at: NDArray[np.int64], on: np.ndarray
    ) -> None:
        r, n = batch.readings, len(rows)

        def channel(name: str) -> F4:
            found = r.channels.get(name)
            return np.full(n, np.nan, np.float32) if found is None else found[rows].astype(np.float32)

        out = np.full((n, len(COLUMNS)), np.nan, np.float32)
        dc, share = self._dc[slot], channel("current") / self._amps[slot]
        ambient = np.where(dc, channel("temp_ambient"), channel("temp_internal"))
        strong = on & (share > 0.2)
        with np.errstate(divide="ignore", invalid="ignore"):
            out[:, 0] = np.where(strong, (channel("temp_connector") - ambient) / (share**2 + 0.1), np.nan)
            out[:, 1] = np.where(on, channel("temp_internal") - np.where(dc, channel("temp_ambient"), 0), np.nan)
            out[:, 2] = np.where(on, channel("fan_rpm") / 1_000, np.nan)
            limit = np.fmin(channel("current_requested"), channel("current_offered"))
            out[:, 3] = np.where(on & dc, channel("current") / np.maximum(limit, 1), np.nan)
            lines = np.stack([channel(f"voltage_l{i}") for i in (1, 2, 3)])
            out[:, 4] = lines.min(axis=0) / lines.max(axis=0)
        out[:, 5] = channel("voltage_l1")
        out[:, 6] = self._metered(slot, at, channel("power"), r.channel("energy")[rows].astype(np.float64), on)
        out[:, 7] = np.where(dc & ~on, channel("voltage"), np.nan)
        out[:, len(FIGURES) :] = self._stand(batch, slot, at)
        self.minutes.port.append(slot)
        self.minutes.at.append(at)
        self.minutes.rows.append(out)

    def _metered(
        self, slot: NDArray[np.intp], at: NDArray[np.int64], power: F4, energy: np.ndarray, on: np.ndarray
    ) -> F4:
        """What the register counted since the row before over what the power of this row makes in that time."""
        first = starts(slot)
        known = np.isfinite(energy)
        row = last_true(known, first)
        earlier = np.where(first, -1, np.concatenate((row[:1], row[:-1])))
        span = np.where(earlier >= 0, (at - at[earlier]) / 3.6e9, np.nan)
        drawn = np.where(earlier >= 0, energy - energy[earlier], np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = drawn / (power * span)
        return np.where(on & known & (span < 0.05) & (power > 1_000), ratio, np.nan).astype(np.float32)

    def _stand(self, batch: Batch, slot: NDArray[np.intp], at: NDArray[np.int64]) -> F4:
        """The values that stand at (slot, at), [n, len(VALUES)]; the newest of each port are kept for the next batch."""
        o = batch.other
        out = self._values[slot]
        if not len(o):
            return out
        base, wide = int(min(o.at.min(), at.min(initial=o.at.max()))), np.int64(1) << 42
        names = np.array(o.channel)
        mine = np.array([self._slot[p] for p in batch.ports], np.int64)[o.port]
        rows = slot.astype(np.int64) * wide + (at - base)
        for name, column in self._values_of.items():
            here = np.flatnonzero(names == name)
            here = here[np.lexsort((o.at[here], mine[here]))]
            if not len(here):
                continue
            value = np.log10(np.maximum(o.value[here], 0.1)) if name in _LOGARITHMIC else o.value[here]
            place = np.searchsorted(mine[here] * wide + (o.at[here] - base), rows, "right") - 1
            known = (place >= 0) & (mine[here[place]] == slot)
            out[known, column] = value[place[known]]
            self._values[mine[here], column] = value
        return out
