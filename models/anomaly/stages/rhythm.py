"""What a stream is expected to be now: its slow mean, its hour of day or its hour of week, whichever was best lately.

Two views of a value are kept, linear and logarithmic, so that a doubling of a small value counts as much as one of a large.
A finished hour is one step of learning, so the sampling rate does not matter.
"""

from typing import Final

import numpy as np

from models.anomaly.arrays import Float32, Int64, PortArrays, Slots

SLOWEST: Final = np.float32(1 / 6_000)
HOUR_US: Final = 3_600_000_000
_TINY: Final = np.float32(1e-7)
_TRUSTED: Final = 20
_MONDAY: Final = 72
"""Hours from Monday midnight to 1970-01-01 00:00, a Thursday."""


class Rhythm:
    """Expectation of many streams ("lanes": a port slot and a channel each). 1.7 KB a lane with the week, 0.5 KB without."""

    def __init__(self, arrays: PortArrays, channels: int, week: bool) -> None:
        self._a, self._week = arrays, week
        arrays.add("rhythm.rows", np.int32, (channels,))
        for name, shape in (
            ("median", ()), ("scale", ()), ("mean", (2,)), ("day", (2, 24)), ("unrest", (2, 24)), ("error", (2, 3)),
            ("spread", (2,)), ("sum", (2,)),
        ):  # fmt: skip
            arrays.add(f"rhythm.{name}", np.float32, (channels, *shape))
        arrays.add("rhythm.day_seen", np.uint8, (channels, 24))
        arrays.add("rhythm.judged", np.uint16, (channels, 3))
        arrays.add("rhythm.count", np.int32, (channels,))
        arrays.add("rhythm.hour", np.int64, (channels,), fill=-1)
        if week:
            arrays.add("rhythm.week", np.float32, (channels, 2, 168))
            arrays.add("rhythm.week_seen", np.uint8, (channels, 168))

    def step(self, p: Slots, c: Slots, at: Int64, x: Float32) -> tuple[Float32, Float32]:
        """Errors [n, 2] of values `x` of lanes (p, c), weighed by how restless their hour is, and the expected linear value."""
        rows = self._get("rows", p, c)
        gain = np.float32(1) / (rows + 1).astype(np.float32)
        u = self._views(p, c, x, rows, gain)
        hour = at // HOUR_US
        self._finish(p, c, hour)
        day, week = (hour % 24).astype(np.intp), ((hour + _MONDAY) % 168).astype(np.intp)
        self._a["rhythm.sum"][p, c] += u
        self._a["rhythm.count"][p, c] += 1
        errors, usable = self._errors(p, c, u, day, week, rows)
        mean = self._get("mean", p, c)
        best = self._weigh(p, c, errors, usable, mean)
        expected = u[:, 0] - best[:, 0]
        spread = self._get("spread", p, c)
        spread = spread + np.maximum(np.float32(0.002), gain)[:, None] * (np.abs(best) - spread)
        self._a["rhythm.spread"][p, c] = spread
        unrest = self._a["rhythm.unrest"][p, c, :, day]
        calm = (self._a["rhythm.day_seen"][p, c, day] >= 4) & usable[:, 1]
        tiny = _TINY * (np.abs(mean) + _TINY)
        weight = (spread + tiny) / (0.5 * spread + 0.5 * np.maximum(unrest, 0.2 * spread) + tiny)
        self._a["rhythm.mean"][p, c] = np.where(
            (rows == 0)[:, None], u, mean + np.maximum(gain, SLOWEST)[:, None] * (u - mean)
        )
        self._a["rhythm.rows"][p, c] = rows + 1
        return np.where(calm[:, None], best * weight, best), expected

    def _get(self, name: str, p: Slots, c: Slots) -> np.ndarray:
        found: np.ndarray = self._a[f"rhythm.{name}"][p, c]
        return found

    def _views(self, p: Slots, c: Slots, x: Float32, rows: np.ndarray, gain: Float32) -> Float32:
        """The linear and the logarithmic view, and a step of the running median and scale."""
        median = np.where(rows == 0, x, self._get("median", p, c))
        view = np.stack([x, np.log(np.abs(x) + np.float32(0.1) * np.abs(median) + np.float32(1e-9))], axis=1)
        scale = self._get("scale", p, c)
        scale = scale + np.maximum(gain, SLOWEST) * (np.abs(x - median) - scale)
        pace = np.maximum(gain ** np.float32(0.7), SLOWEST) * 3 * (scale + np.float32(1e-12))
        self._a["rhythm.scale"][p, c] = scale
        self._a["rhythm.median"][p, c] = median + pace * (np.float32(0.5) - (x < median))
        return view

    def _finish(self, p: Slots, c: Slots, hour: Int64) -> None:
        """Learn the hours that have ended: one step of the profiles."""
        a = self._a
        last, count = a["rhythm.hour"][p, c], a["rhythm.count"][p, c]
        a["rhythm.hour"][p, c] = hour
        over = np.flatnonzero((last != hour) & (count > 0))
        if not len(over):
            return
        p, c, last = p[over], c[over], last[over]
        mean = a["rhythm.sum"][p, c] / count[over, None]
        a["rhythm.sum"][p, c], a["rhythm.count"][p, c] = 0, 0
        day = (last % 24).astype(np.intp)
        seen = a["rhythm.day_seen"][p, c, day].astype(np.float32)
        old = a["rhythm.day"][p, c, :, day]
        unrest = a["rhythm.unrest"][p, c, :, day]
        pace = np.maximum(np.float32(0.2), 1 / np.maximum(seen, 1))[:, None]
        a["rhythm.unrest"][p, c, :, day] = np.where(
            (seen >= 1)[:, None], unrest + pace * (np.abs(mean - old) - unrest), unrest
        )
        a["rhythm.day"][p, c, :, day] = old + np.maximum(np.float32(0.2), 1 / (seen + 1))[:, None] * (mean - old)
        a["rhythm.day_seen"][p, c, day] = np.minimum(seen + 1, 255)
        if self._week:
            week = ((last + _MONDAY) % 168).astype(np.intp)
            seen = a["rhythm.week_seen"][p, c, week].astype(np.float32)
            old = a["rhythm.week"][p, c, :, week]
            a["rhythm.week"][p, c, :, week] = old + np.maximum(np.float32(0.2), 1 / (seen + 1))[:, None] * (mean - old)
            a["rhythm.week_seen"][p, c, week] = np.minimum(seen + 1, 255)

    def _errors(
        self, p: Slots, c: Slots, u: Float32, day: Slots, week: Slots, rows: np.ndarray
    ) -> tuple[Float32, np.ndarray]:
        """Errors [n, 2, 3] against mean, hour of day and hour of week, and which of them may be used [n, 3]."""
        a = self._a
        mean = np.where((rows == 0)[:, None], u, self._get("mean", p, c))
        by_day = a["rhythm.day_seen"][p, c, day] >= 2
        if self._week:
            by_week = a["rhythm.week_seen"][p, c, week] >= 2
            weekly = u - a["rhythm.week"][p, c, :, week]
        else:
            by_week, weekly = np.zeros(len(p), np.bool_), np.zeros_like(u)
        errors = np.stack([u - mean, u - a["rhythm.day"][p, c, :, day], weekly], axis=2)
        return errors, np.stack([by_day, by_day, by_week], axis=1)

    def _weigh(self, p: Slots, c: Slots, errors: Float32, usable: np.ndarray, mean: Float32) -> Float32:
        """The mean of the errors, each weighed by how small it was lately; then learn how large they are."""
        a = self._a
        usual, judged = self._get("error", p, c), a["rhythm.judged"][p, c]
        tiny = _TINY * (np.abs(mean) + _TINY)
        weight = (usual + tiny[:, :, None]) ** np.float32(-2)
        young = judged <= _TRUSTED
        weight[:, :, 1] = np.where(young[:, 1:2], weight[:, :, 0], weight[:, :, 1]) * usable[:, 1:2]
        weight[:, :, 2] = np.where(young[:, 2:3], 0, weight[:, :, 2]) * (usable[:, 2:3] & usable[:, 1:2])
        weight = weight / weight.max(axis=2, keepdims=True)
        best: Float32 = (weight * errors).sum(axis=2) / weight.sum(axis=2)
        best = np.where(usable[:, 1:2], best, errors[:, :, 0])
        judged = np.minimum(judged + usable, 60_000)
        pace = np.maximum(np.float32(0.002), 1 / np.maximum(judged, 1).astype(np.float32))[:, None, :]
        a["rhythm.error"][p, c] = np.where(usable[:, None, :], usual + pace * (np.abs(errors) - usual), usual)
        a["rhythm.judged"][p, c] = judged
        return best
