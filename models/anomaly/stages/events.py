"""Events: something begins that a stream has not shown before.

Each statistic is judged against a slowly forgotten record of its own, not against mean and variance, so heavy tails, counts and
flat sensors need no distribution model. Several cheap statistics vote softly. What the stream usually reaches, and what
this hour of the day usually brings, is taken off. An event is told once: again only after calm, or if it grows.
"""

from typing import Final

import numpy as np

from models.anomaly.arrays import Float32, Int64, PortArrays, Slots
from models.anomaly.stages.rhythm import HOUR_US

HORIZONS: Final = ((0, 1), (0, 4), (0, 16), (1, 4), (1, 16))
"""(view, rows) of the running means of the errors: powers of four, linear and logarithmic."""
LEVEL: Final = -0.25
"""A report is due from here on. The scale is fixed by the records: 0 is the stream's own record, beyond what it usually reaches."""
_COUNT: Final = len(HORIZONS)
_VIEW: Final = np.array([view for view, _ in HORIZONS])
_PACE: Final = np.array([1 / k for _, k in HORIZONS], np.float32)
_SILENT: Final = 100
_BLOCK: Final = 150
_SHARP: Final = np.float32(3.0)
_USUAL: Final = np.float32(-0.6)
_HOURLY: Final = np.float32(-0.8)
_HOURLY_SHARE: Final = np.float32(0.75)
_HOURLY_SEEN: Final = 2
_CALM: Final = np.float32(-1.2)
_CALM_ROWS: Final = 10
_GROWTH: Final = np.float32(0.3)


class Events:
    """Records of many streams ("lanes"). 0.3 KB a lane."""

    def __init__(self, arrays: PortArrays, channels: int) -> None:
        self._a = arrays
        for name in ("mean", "record", "usual"):
            arrays.add(f"events.{name}", np.float32, (channels, _COUNT))
        arrays.add("events.rows", np.int32, (channels,))
        arrays.add("events.level", np.float32, (channels,), fill=float(_USUAL))
        arrays.add("events.blocks", np.int32, (channels,))
        arrays.add("events.block_peak", np.float32, (channels,), fill=-np.inf)
        arrays.add("events.day", np.float32, (channels, 24))
        arrays.add("events.day_seen", np.uint8, (channels, 24))
        arrays.add("events.hour", np.int64, (channels,), fill=-1)
        arrays.add("events.hour_peak", np.float32, (channels,), fill=-np.inf)
        arrays.add("events.since", np.int32, (channels,), fill=10**6)
        arrays.add("events.calm", np.int32, (channels,), fill=10**6)
        arrays.add("events.told", np.float32, (channels,), fill=-np.inf)

    def step(self, p: Slots, c: Slots, at: Int64, errors: Float32) -> Float32:
        """The scores of the errors [n, 2] of lanes (p, c) where an event is to be told, -inf elsewhere."""
        rows = self._a["events.rows"][p, c]
        self._a["events.rows"][p, c] = rows + 1
        vote = self._vote(self._ratios(p, c, errors, rows))
        known = rows >= _SILENT
        score = (
            vote - np.float32(0.5) * (self._a["events.level"][p, c] - _USUAL) - self._usual_now(p, c, at, vote, known)
        )
        self._normalise(p, c, vote, rows, known)
        score = np.where(known, score, np.float32(-9))
        return np.where(self._told(p, c, score), score, np.float32(-np.inf))

    def _ratios(self, p: Slots, c: Slots, errors: Float32, rows: np.ndarray) -> Float32:
        """Logarithm of each statistic over its record, [n, statistics]; then the record is renewed."""
        a = self._a
        gain = (1 / (rows + 1).astype(np.float32))[:, None]
        mean = a["events.mean"][p, c]
        mean = mean + np.maximum(_PACE, gain) * (errors[:, _VIEW] - mean)
        a["events.mean"][p, c] = mean
        size = np.abs(mean)
        record, usual = a["events.record"][p, c], a["events.usual"][p, c]
        least = np.float32(1e-3) * usual + np.float32(1e-12)
        real = size > np.float32(1e-3) * record + np.float32(1e-9) * usual + np.float32(1e-12)
        ratio = np.where(real, np.log((size + least) / (record + least)), np.float32(-5))
        a["events.record"][p, c] = np.maximum(record * (1 - np.minimum(0.5 * gain, np.float32(0.01))), size)
        a["events.usual"][p, c] = usual + np.maximum(gain, np.float32(1e-3)) * (size - usual)
        return ratio

    def _vote(self, ratio: Float32) -> Float32:
        """A lone record is not enough, all of them are not required."""
        vote: Float32 = np.log(np.exp(_SHARP * np.clip(ratio, -4, 4)).mean(axis=1)) / _SHARP
        return vote

    def _usual_now(self, p: Slots, c: Slots, at: Int64, vote: Float32, known: np.ndarray) -> Float32:
        """What is taken off for what this hour of the day usually reaches; an hour is learned when it is over."""
        a = self._a
        hour = at // HOUR_US
        last, peak = a["events.hour"][p, c], a["events.hour_peak"][p, c]
        over = np.flatnonzero((last != hour) & (peak > -8))
        if len(over):
            q, d, day = p[over], c[over], (last[over] % 24).astype(np.intp)
            seen = a["events.day_seen"][q, d, day].astype(np.float32)
            old = a["events.day"][q, d, day]
            pace = np.maximum(np.float32(0.25), 1 / (seen + 1))
            a["events.day"][q, d, day] = old + pace * (np.clip(peak[over], -2, 0.5) - old)
            a["events.day_seen"][q, d, day] = np.minimum(seen + 1, 255)
        peak = np.where(last == hour, peak, np.float32(-np.inf))
        a["events.hour"][p, c], a["events.hour_peak"][p, c] = hour, np.where(known, np.maximum(peak, vote), peak)
        day = (hour % 24).astype(np.intp)
        usual = np.where(a["events.day_seen"][p, c, day] >= _HOURLY_SEEN, a["events.day"][p, c, day], _HOURLY)
        return _HOURLY_SHARE * np.maximum(usual - _HOURLY, 0)

    def _normalise(self, p: Slots, c: Slots, vote: Float32, rows: np.ndarray, known: np.ndarray) -> None:
        """Learn what the maxima of blocks usually are: streams with light tails keep scratching their record."""
        a = self._a
        peak = np.where(known, np.maximum(a["events.block_peak"][p, c], vote), a["events.block_peak"][p, c])
        over = known & ((rows + 1) % _BLOCK == 0)
        blocks, level = a["events.blocks"][p, c] + over, a["events.level"][p, c]
        pace = np.maximum(np.float32(0.05), 1 / (blocks + 2).astype(np.float32))
        a["events.level"][p, c] = np.where(over, level + pace * (np.clip(peak, -2, 0.3) - level), level)
        a["events.blocks"][p, c] = blocks
        a["events.block_peak"][p, c] = np.where(over, np.float32(-np.inf), peak)

    def _told(self, p: Slots, c: Slots, score: Float32) -> np.ndarray:
        """Where an event is to be told."""
        a = self._a
        since, calm, told = a["events.since"][p, c], a["events.calm"][p, c], a["events.told"][p, c]
        again = (since >= _BLOCK) & (calm >= _CALM_ROWS)
        tell = (score >= LEVEL) & (again | (score > told + _GROWTH))
        a["events.since"][p, c] = np.where(tell, 0, np.minimum(since + 1, 10**6))
        a["events.calm"][p, c] = np.where(tell, 0, np.minimum(calm + (score < _CALM), 10**6))
        a["events.told"][p, c] = np.where(tell, score, told)
        return tell
