"""What control charts have in common: mean and spread of a channel's first values, then a chart with hysteresis."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from models.anomaly.arrays import Bools, Float32, Int64, Slots
from models.anomaly.detector import Detector, Scores, Share


class Chart(Detector):
    """A chart over standardised values. A channel's first `head` values give its mean and deviation, which then stand.

    They are counted from where the channel first moves: what has stood at one value so far has no deviation to be judged by.
    """

    head: ClassVar[int] = 400
    on: ClassVar[float] = 1.0
    off: ClassVar[float] = 0.5

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        for name in ("first", "total", "square", "seen", "size"):
            self.arrays.add(f"chart.{name}", np.float32, (channels,), fill=np.nan if name in ("first", "seen") else 0.0)
        self.arrays.add("chart.rows", np.int32, (channels,))
        self.arrays.add("chart.on", np.bool_)

    def step(self, slot: Slots, at: Int64, x: Float32) -> Scores:
        """See `Detector`."""
        a = self.arrays
        mean, spread = self._known(slot)
        known, rows = ~np.isnan(x), a["chart.rows"][slot]
        ready = rows >= self.head
        with np.errstate(over="ignore"):
            z = np.where(known & (rows >= self.head // 2), np.clip((x - mean) / spread, -1e6, 1e6), 0)
        size = self.chart(slot, z.astype(np.float32), known, rows)
        self._learn(slot, x, known & ~ready)
        a["chart.size"][slot], a["chart.seen"][slot] = size, x
        score = np.where(ready.any(axis=1), self.total(slot, size), 0).astype(np.float32)
        was = a["chart.on"][slot]
        alarm = np.where(was, score > self.off, score > self.on)
        a["chart.on"][slot] = alarm
        return Scores(score, alarm, np.where(alarm & ~was, score, np.float32(-np.inf)))

    @abstractmethod
    def chart(self, slot: Slots, z: Float32, known: Bools, rows: np.ndarray) -> Float32:
        """Take standardised values in (0 where not `known` or not half a head is), with how many were learned of each before;
        the chart's value of each channel in units of its limit, 0 until its head is whole."""

    def total(self, slot: Slots, size: Float32) -> Float32:
        """The score of rows, by default that of the worst channel."""
        return np.asarray(size.max(axis=1), np.float32)

    def _known(self, slot: Slots) -> tuple[Float32, Float32]:
        a = self.arrays
        n = np.maximum(a["chart.rows"][slot], 1).astype(np.float32)
        off = a["chart.total"][slot] / n
        mean = np.nan_to_num(a["chart.first"][slot]) + off
        variance = np.maximum(a["chart.square"][slot] / n - off * off, 0)
        return mean, np.sqrt(variance) + np.float32(1e-6) * np.abs(mean) + np.float32(1e-9)

    def _learn(self, slot: Slots, x: Float32, young: Bools) -> None:
        a = self.arrays
        first = np.where(np.isnan(a["chart.first"][slot]), x, a["chart.first"][slot])
        off = np.where(young, x - first, 0)
        a["chart.first"][slot] = first
        a["chart.total"][slot] += off
        a["chart.square"][slot] += off * off
        still = a["chart.square"][slot] == 0
        a["chart.rows"][slot] = np.where(young, np.where(still, 1, a["chart.rows"][slot] + 1), a["chart.rows"][slot])

    def explain(self, slot: int) -> list[Share]:
        """See `Detector`."""
        size = self.arrays["chart.size"][slot]
        total = float(size.sum()) or 1.0
        mean, _ = self._known(np.array([slot]))
        seen = self.arrays["chart.seen"][slot]
        order = np.argsort(-size, kind="stable")
        return [Share(int(j), float(size[j]) / total, float(seen[j]), float(mean[0, j])) for j in order]
