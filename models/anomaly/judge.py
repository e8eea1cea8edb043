"""Judges one feature on the ticks of many ports: expectation, residual, surprise; and learns at the end of each hour."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.anomaly.arrays import NEVER, Bools, Float32, Int64, PortArrays, Slots, before, ends, last_true, starts
from models.anomaly.expectation import Expectation
from models.anomaly.features import BELOW, BOTH, Feature, Sample
from models.anomaly.tail import Tail

GATE: Final = 9.2
"""Surprise (nats) of an hour from which it is not learned, if it mattered: p < 1e-4."""
RELEASE: Final = 100
"""So many hours in a row left out mean that the port has changed for good: then they are learned."""
_TOGETHER_US: Final = 600_000_000
_ELEVATED: Final = 0.35


@dataclass(slots=True)
class Verdict:
    """What a feature says of the ticks `rows`: all arrays of that length. `residual` is sustained, in the feature's unit."""

    rows: np.ndarray
    surprise: Float32
    residual: Float32
    matters: Float32
    observed: Float32
    expected: Float32
    normal_at: Int64


class Judge:
    """One feature for all ports of a shard."""

    def __init__(self, arrays: PortArrays, feature: Feature) -> None:
        self.feature, self._a, self._n = feature, arrays, feature.name
        self.expectation = Expectation(arrays, feature.name, feature.size, feature.bounded)
        self.tail = Tail(arrays, feature.name)
        arrays.add(f"{self._n}.past_z", np.float32, (2,), fill=-np.inf)
        arrays.add(f"{self._n}.past_residual", np.float32, (2,))
        arrays.add(f"{self._n}.past_at", np.int64, (2,), fill=NEVER // 2)
        arrays.add(f"{self._n}.normal_at", np.int64, fill=NEVER)
        arrays.add(f"{self._n}.gated", np.bool_)
        arrays.add(f"{self._n}.left_out", np.int16)

    def judge(self, s: Sample, slot: Slots, at: Int64, charging: Bools, kind: np.ndarray) -> Verdict | None:
        """Score ticks before anything is learned of them; arrays are those of the sample's rows."""
        context = charging.astype(np.intp)
        expected, ready = self.expectation.predict(slot, s.phi, kind, context)
        keep = np.flatnonzero(s.judged & ready & np.isfinite(expected))
        if not len(keep):
            return None
        slot, at, y, expected = slot[keep], at[keep], s.y[keep], expected[keep]
        side = self.feature.side
        residual = np.abs(y - expected) if side == BOTH else (expected - y if side == BELOW else y - expected)
        level = np.abs(expected - self.expectation.offset(slot, kind[keep]))
        z = residual / (s.accuracy[keep] + np.float32(0.1) * level)
        first = starts(slot)
        lasting, residual = self._sustained(slot, at, first, z, residual)
        context = context[keep]
        surprise = self.tail.surprise(slot, context, lasting, kind[keep])
        held = np.isfinite(lasting)
        self.tail.watch(slot[held], context[held], lasting[held])
        matters = s.matters[keep]
        extreme = (surprise > GATE) & (residual > 0.5 * matters)
        self._a[f"{self._n}.gated"][slot[extreme]] = True
        normal_at = self._normal(slot, at, first, residual < _ELEVATED * matters)
        return Verdict(s.rows[keep], surprise, residual, matters, y, expected, normal_at)

    def _sustained(self, slot: Slots, at: Int64, first: Bools, z: Float32, r: Float32) -> tuple[Float32, Float32]:
        """The least of the last three values within ten minutes: what has lasted, not what flickered."""
        out = []
        times = self._a[f"{self._n}.past_at"]
        t1 = before(at, first, times[slot, 0])
        t2 = before(t1, first, times[slot, 1])
        together = at - t2 <= _TOGETHER_US
        for name, values, missing in (("past_z", z, -np.inf), ("past_residual", r, 0.0)):
            stored = self._a[f"{self._n}.{name}"]
            v1 = before(values, first, stored[slot, 0])
            v2 = before(v1, first, stored[slot, 1])
            out.append(np.where(together, np.minimum(np.minimum(values, v1), v2), np.float32(missing)))
            tail = ends(first)
            stored[slot[tail], 0], stored[slot[tail], 1] = values[tail], v1[tail]
        tail = ends(first)
        times[slot[tail], 0], times[slot[tail], 1] = at[tail], t1[tail]
        return out[0], out[1]

    def _normal(self, slot: Slots, at: Int64, first: Bools, normal: Bools) -> Int64:
        """When the residual was last of no importance, up to each tick; the tick itself where that was never."""
        stored = self._a[f"{self._n}.normal_at"]
        row = last_true(normal, first)
        when = np.where(row >= 0, at[row], stored[slot])
        tail = ends(first)
        stored[slot[tail]] = when[tail]
        return np.where(when == NEVER, at, when)

    def collect(self, s: Sample, slot: Slots, charging: Bools, kind: np.ndarray, chosen: Bools) -> None:
        """Put the chosen rows into the open hour, those far from the expectation with less weight."""
        if not chosen.any():
            return
        slot, phi, y = slot[chosen], np.ascontiguousarray(s.phi[:, chosen]), s.y[chosen]
        context = charging[chosen].astype(np.intp)
        expected, ready = self.expectation.predict(slot, phi, kind[chosen], context)
        level = np.abs(expected - self.expectation.offset(slot, kind[chosen]))
        z = np.abs(y - expected) / (s.accuracy[chosen] + np.float32(0.1) * level)
        weight = np.where(ready, 1 / np.maximum(1, z / 3), 1).astype(np.float32)
        self.expectation.collect(slot, context, phi, y, weight)

    def close(self, slot: Slots, kind: np.ndarray) -> None:
        """End the hour of `slot` (each once)."""
        a, n = self._a, self._n
        seen = a[f"{n}.open"][slot].any(axis=1)
        watched = (a[f"{n}.open_rows"][slot] > 0).any(axis=1)
        slot, kind, seen = slot[seen | watched], kind[seen | watched], seen[seen | watched]
        gated = a[f"{n}.gated"][slot] & (a[f"{n}.left_out"][slot] < RELEASE)
        a[f"{n}.left_out"][slot] = np.where(gated, a[f"{n}.left_out"][slot] + 1, 0)
        self.expectation.close(slot, seen & ~gated, kind)
        self.tail.close(slot, ~gated)
        a[f"{n}.gated"][slot] = False
