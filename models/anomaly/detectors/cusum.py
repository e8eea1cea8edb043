"""Two-sided cumulative sums (Page, 1954), one pair a channel."""

import numpy as np

from models.anomaly.arrays import Bools, Float32, Slots
from models.anomaly.charts import Chart
from models.anomaly.detector import register

_SLACK = np.float32(1.0)
_LIMIT = np.float32(15.0)
_MOST = np.float32(10.0)


@register("cusum")
class Cusum(Chart):
    """Alarm where deviations beyond one standard deviation have summed up to fifteen; sums are capped so that they come down again.

    Best for small lasting shifts of independent rows; drifting channels raise it for good.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.arrays.add("sums", np.float32, (2, channels))

    def chart(self, slot: Slots, z: Float32, known: Bools, rows: np.ndarray) -> Float32:
        """See `Chart`."""
        signed = np.stack((z, -z), axis=1)
        sums = np.clip(self.arrays["sums"][slot] + np.minimum(signed, _MOST) - _SLACK, 0, 4 * _LIMIT)
        sums = np.where((rows >= self.head)[:, None], sums, 0).astype(np.float32)
        self.arrays["sums"][slot] = sums
        size: Float32 = sums.max(axis=1) / _LIMIT
        return size
