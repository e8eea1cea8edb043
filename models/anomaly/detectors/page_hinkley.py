"""Page-Hinkley's test for drift (Page, 1954), two-sided, as river has it, one a channel."""

import numpy as np

from models.anomaly.arrays import Bools, Float32, Slots
from models.anomaly.charts import Chart
from models.anomaly.detector import register

LEAST, DELTA, THRESHOLD, ALPHA = 30, 0.005, 50.0, 1 - 0.0001
"""Of `river.drift.PageHinkley`, its defaults: values before it tests, deviation that is allowed, level, forgetting."""


@register("page_hinkley")
class PageHinkley(Chart):
    """Alarm where standardised deviations from the mean since the last drift have summed up to fifty, upward or downward.

    A drift begins the mean anew; the alarm stays on for the thirty values that it then takes. For lasting shifts of single
    channels: they are told once and then taken for normal. Channels with a rhythm raise it with every turn. 24 bytes a
    channel beside the chart's.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.arrays.add("values", np.int32, (channels,))
        for name in ("mean", "rise", "fall"):
            self.arrays.add(name, np.float32, (channels,))
        self.arrays.add("lowest", np.float32, (channels,), fill=np.inf)
        self.arrays.add("highest", np.float32, (channels,), fill=-1)

    def chart(self, slot: Slots, z: Float32, known: Bools, rows: np.ndarray) -> Float32:
        """See `Chart`: the statistic in units of its threshold, held while the mean is new."""
        a = self.arrays
        held, n = a["chart.size"][slot], a["values"][slot]
        old = {name: a[name][slot] for name in ("mean", "rise", "fall", "lowest", "highest")}
        take = known & (rows >= self.head)
        anew = take & (n >= LEAST) & (held > 1)
        value = z.astype(np.float64)
        count = np.where(anew, 1, np.minimum(n + 1, 10**9))
        mean = np.where(anew, 0, old["mean"])
        mean = mean + (value - mean) / count
        off = value - mean
        rise = ALPHA * np.where(anew, 0, old["rise"]) + off - DELTA
        fall = ALPHA * np.where(anew, 0, old["fall"]) + off + DELTA
        lowest = np.minimum(np.where(anew, np.inf, old["lowest"]), rise)
        highest = np.maximum(np.where(anew, -1, old["highest"]), fall)
        a["values"][slot] = np.where(take, count, n)
        for name, new in (("mean", mean), ("rise", rise), ("fall", fall), ("lowest", lowest), ("highest", highest)):
            a[name][slot] = np.where(take, new, old[name])
        size = np.maximum(rise - lowest, highest - fall) / THRESHOLD
        return np.where(take & (count >= LEAST), size, held).astype(np.float32)
