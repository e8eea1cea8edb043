"""Exponentially weighted moving average chart (Roberts, 1959), one a channel."""

import numpy as np

from models.anomaly.arrays import Bools, Float32, Slots
from models.anomaly.charts import Chart
from models.anomaly.detector import register

_PACE = np.float32(0.1)
_LIMIT = np.float32(6.0) * np.sqrt(_PACE / (2 - _PACE))


@register("ewma")
class Ewma(Chart):
    """Alarm where a smoothed channel is six of its standard errors off the head's mean.

    Quick for lasting shifts of single channels that are independent from row to row; channels that wander raise it all the time.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.arrays.add("average", np.float32, (channels,))

    def chart(self, slot: Slots, z: Float32, known: Bools, rows: np.ndarray) -> Float32:
        """See `Chart`."""
        old = self.arrays["average"][slot]
        average = np.where(rows >= self.head, old + _PACE * (z - old), 0).astype(np.float32)
        self.arrays["average"][slot] = average
        return np.asarray(np.abs(average) / _LIMIT, np.float32)
