"""Multivariate exponentially weighted moving average (Lowry and others, 1992): channels judged together."""

import numpy as np

from models.anomaly.arrays import Float32, Slots
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

    def chart(self, slot: Slots, z: Float32, ready: np.ndarray) -> Float32:
        """See `Chart`: shares of the squared distance; while the head lasts, products of smoothed rows are gathered."""
        a = self.arrays
        old = a["average"][slot]
        average = (old + _PACE * (np.clip(z, -50, 50) - old)).astype(np.float32)
        a["average"][slot] = average
        rows = a["chart.rows"][slot]
        gather = np.flatnonzero((rows >= self.head // 2) & ~ready)
        if len(gather):
            part = average[gather]
            a["products"][slot[gather]] += part[:, :, None] * part[:, None, :]
        size = np.zeros_like(average)
        judge = np.flatnonzero(ready)
        if len(judge):
            gram = a["products"][slot[judge]].astype(np.float64) / (self.head - self.head // 2) + _RIDGE * np.eye(
                self.channels
            )
            part = average[judge].astype(np.float64)
            size[judge] = np.abs(part * np.linalg.solve(gram, part[:, :, None])[:, :, 0])
        return np.asarray(size, np.float32)

    def total(self, slot: Slots, size: Float32) -> Float32:
        """The distance in units of its limit."""
        return np.asarray(np.sqrt(size.sum(axis=1) / self.channels) / _LIMIT, np.float32)
