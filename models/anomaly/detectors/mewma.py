"""Multivariate exponentially weighted moving average (Lowry and others, 1992): channels judged together."""

import numpy as np

from models.anomaly.arrays import Bools, Float32, Slots
from models.anomaly.charts import Chart
from models.anomaly.detector import register

_PACE = np.float32(0.1)
_RIDGE = 0.05
_LIMIT = np.float32(5.0)


@register("mewma")
class Mewma(Chart):
    """Hotelling's distance of the smoothed channels by the covariance that smoothed rows of the head had.

    Sees channels leave their relation; a head that does not show the usual wandering makes it restless.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.arrays.add("average", np.float32, (channels,))
        self.arrays.add("products", np.float32, (channels, channels))

    def chart(self, slot: Slots, z: Float32, known: Bools, rows: np.ndarray) -> Float32:
        """See `Chart`: shares of the squared distance. In the second half of their heads, products of smoothed channels are
        gathered; channels whose heads do not overlap count as independent."""
        a = self.arrays
        old = a["average"][slot]
        average = (old + _PACE * (np.clip(z, -50, 50) - old)).astype(np.float32)
        a["average"][slot] = average
        ready = rows >= self.head
        half = known & ~ready & (rows >= self.head // 2)
        gather = np.flatnonzero(half.any(axis=1))
        if len(gather):
            part = np.where(half[gather], average[gather], 0)
            a["products"][slot[gather]] += part[:, :, None] * part[:, None, :]
        size = np.zeros_like(average)
        judge = np.flatnonzero(ready.any(axis=1))
        if len(judge):
            both = ready[judge][:, :, None] & ready[judge][:, None, :]
            gram = np.where(both, a["products"][slot[judge]].astype(np.float64), 0) / (self.head - self.head // 2)
            part = np.where(ready[judge], average[judge], 0).astype(np.float64)
            solved = np.linalg.solve(gram + _RIDGE * np.eye(self.channels), part[:, :, None])[:, :, 0]
            size[judge] = np.abs(part * solved)
        return np.asarray(size, np.float32)

    def total(self, slot: Slots, size: Float32) -> Float32:
        """The distance in units of its limit."""
        return np.asarray(np.sqrt(size.sum(axis=1) / self.channels) / _LIMIT, np.float32)
