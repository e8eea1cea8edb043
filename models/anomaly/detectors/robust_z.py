"""Robust z-score: distance from a running median in running mean absolute deviations."""

import numpy as np

from models.anomaly.arrays import Float32, Int64, Slots
from models.anomaly.detector import Detector, Scores, Share, register

_WARM = 100
_ON, _OFF = 6.0, 3.0
_LEAST = np.float32(1 / 2_000)


@register("robust_z")
class RobustZ(Detector):
    """Alarm where any channel is more than six deviations off its slow median, until all are within three.

    Works for level shifts and spikes of channels without rhythm; blind to changes of shape and of the relation between
    channels, and restless where a channel has a daily cycle. A channel is judged from its hundredth value on, counted from where
    it first moves. 20 bytes a channel.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        for name, fill in (("median", np.nan), ("scale", 0.0), ("z", 0.0), ("value", np.nan)):
            self.arrays.add(name, np.float32, (channels,), fill=fill)
        self.arrays.add("rows", np.int32, (channels,))
        self.arrays.add("on", np.bool_)

    def step(self, slot: Slots, at: Int64, x: Float32) -> Scores:
        """See `Detector`."""
        a = self.arrays
        median, scale, rows = a["median"][slot], a["scale"][slot], a["rows"][slot]
        known, warm = ~np.isnan(x), rows >= _WARM
        median = np.where(np.isnan(median), x, median)
        off = np.abs(x - median)
        z = np.where(known & warm, off / np.maximum(scale, np.float32(1e-6) * (1 + np.abs(median))), 0)
        z = np.minimum(z, np.float32(1e3)).astype(np.float32)
        score = z.max(axis=1)
        was = a["on"][slot]
        on = np.where(was, score > _OFF, score > _ON)
        gain = np.maximum(np.float32(1) / (rows + 1), _LEAST)
        # a quantile step of three scales, as large as the scale allows, keeps the median where half of the values lie
        toward = np.where(known, np.sign(x - median) * np.minimum(off, 3 * scale + 1e-12), 0)
        a["median"][slot] = np.where(rows == 0, x, median + gain ** np.float32(0.7) * toward)
        scale = np.where(known, scale + gain * (np.where(warm, np.minimum(off, 20 * scale), off) - scale), scale)
        a["scale"][slot] = scale
        a["rows"][slot] = np.where(known, np.where(scale == 0, 1, np.minimum(rows + 1, 10**9)), rows)
        a["on"][slot], a["z"][slot], a["value"][slot] = on, z, x
        return Scores(score, on, np.where(on & ~was, score, np.float32(-np.inf)))

    def explain(self, slot: int) -> list[Share]:
        """See `Detector`."""
        z, x, median = (self.arrays[name][slot] for name in ("z", "value", "median"))
        total = float(z.sum()) or 1.0
        order = np.argsort(-z, kind="stable")
        return [Share(int(j), float(z[j]) / total, float(x[j]), float(median[j])) for j in order]
