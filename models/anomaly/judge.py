"""Judges one feature on the ticks of many ports: expectation, residual, surprise; and learns at the end of each spell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.anomaly.arrays import NEVER, Bools, Float32, Int64, PortArrays, Slots, before, ends, last_true, starts
from models.anomaly.expectation import Expectation
from models.anomaly.feature import BELOW, BOTH, Feature, Sample
from models.anomaly.tail import Tail

GATE: Final = 3.0
"""Surprise (nats) of a spell from which it is not learned, if it goes towards what matters: so a fault that creeps is not learned away."""
_TOWARDS: Final = 0.3
RELEASE: Final = 100
"""So many spells in a row are left out, then one is learned: a port that has changed for good is followed, slowly."""
_ELEVATED: Final = 0.35
_FAR: Final = 1.5
STRANGE: Final = 4.0
"""Standard errors of the expectation by which its accuracy is widened: rows are alike over minutes, so few of them are new."""


@dataclass(slots=True)
class Verdict:
    """What `feature` says of the ticks `rows`: all arrays of that length. `residual` is sustained, in the feature's unit."""

    feature: str
    rows: np.ndarray
    surprise: Float32
    residual: Float32
    matters: Float32
    observed: Float32
    expected: Float32
    normal_at: Int64


class Judge:
    """One feature for all ports of a shard; values count as lasting if they lie within `together_us`, a
    spell from `least` of them on. `strange` as `STRANGE`, less where rows are independent; `gate` as `GATE`, less where what matters is
    far above the noise."""

    def __init__(
        self,
        arrays: PortArrays,
        feature: Feature,
        together_us: int = 600_000_000,
        least: int = 3,
        strange: float = STRANGE,
        gate: float = GATE,
    ) -> None:
        self._strange, self._gate = np.float32(strange), gate
        self.feature, self._a, self._n, self._together_us = feature, arrays, feature.name, together_us
        self.expectation = Expectation(arrays, feature.name, feature.size, feature.bounded)
        self.tail = Tail(arrays, feature.name, least)
        arrays.add(f"{self._n}.past_z", np.float32, (feature.lasting - 1,), fill=-np.inf)
        arrays.add(f"{self._n}.past_residual", np.float32, (feature.lasting - 1,))
        arrays.add(f"{self._n}.past_at", np.int64, (feature.lasting - 1,), fill=NEVER // 2)
        arrays.add(f"{self._n}.normal_at", np.int64, fill=NEVER)
        arrays.add(f"{self._n}.gated", np.bool_)
        arrays.add(f"{self._n}.left_out", np.int16)

    def judge(self, s: Sample, slot: Slots, at: Int64, kind: np.ndarray) -> Verdict | None:
        """Score ticks before anything is learned of them; arrays are those of the sample's rows."""
        context = s.active.astype(np.intp)
        expected, offset, ready = self.expectation.predict(slot, s.phi, context)
        keep = np.flatnonzero(s.judged & ready & np.isfinite(expected))
        if not len(keep):
            return None
        slot, at, y, expected = slot[keep], at[keep], s.y[keep], expected[keep]
        side = self.feature.side
        residual = np.abs(y - expected) if side == BOTH else (expected - y if side == BELOW else y - expected)
        z = residual / (s.accuracy[keep] + np.float32(0.1) * np.abs(expected - offset[keep]))
        if not self.feature.bounded:  # what never expects more than was seen does not reach beyond it either
            far = np.flatnonzero(z > _FAR)
            z[far] /= 1 + self._strange * self.expectation.strangeness(slot[far], s.phi[:, keep[far]])
        first = starts(slot)
        lasting, residual = self._sustained(slot, at, first, z, residual)
        context = context[keep]
        surprise = self.tail.surprise(slot, context, lasting, kind[keep])
        held = np.isfinite(lasting)
        self.tail.watch(slot[held], context[held], np.maximum(lasting[held], 0))
        matters = (s.matters[keep] + self.feature.share * np.abs(expected)).astype(np.float32)
        extreme = (surprise > self._gate) & (residual > _TOWARDS * matters)
        self._a[f"{self._n}.gated"][slot[extreme]] = True
        normal_at = self._normal(slot, at, first, residual < _ELEVATED * matters)
        return Verdict(self._n, s.rows[keep], surprise, residual, matters, y, expected, normal_at)

    def _sustained(self, slot: Slots, at: Int64, first: Bools, z: Float32, r: Float32) -> tuple[Float32, Float32]:
        """The least of the last values, if they lie together: what has lasted, not what flickered."""
        lag = self.feature.lasting - 1
        stored_at = self._a[f"{self._n}.past_at"]
        times = self._lags(at, first, stored_at[slot])
        together = at - times[-1] <= self._together_us
        tail = ends(first)
        s = slot[tail]
        for k in range(lag):
            stored_at[s, k] = times[k][tail]
        out = []
        for name, values, missing in (("past_z", z, -np.inf), ("past_residual", r, 0.0)):
            stored = self._a[f"{self._n}.{name}"]
            earlier = self._lags(values, first, stored[slot])
            out.append(np.where(together, np.minimum.reduce(earlier), np.float32(missing)))
            for k in range(lag):
                stored[s, k] = earlier[k][tail]
        return out[0], out[1]

    def _lags(self, values: np.ndarray, first: Bools, stored: np.ndarray) -> list[np.ndarray]:
        """`values` and those 1, 2, ... rows before within the port, the newest first; `stored` [n, lasting - 1] goes before."""
        found = [values]
        for k in range(self.feature.lasting - 1):
            found.append(before(found[-1], first, stored[:, k]))
        return found

    def _normal(self, slot: Slots, at: Int64, first: Bools, normal: Bools) -> Int64:
        """When the residual was last of no importance, up to each tick; the tick itself where that was never."""
        stored = self._a[f"{self._n}.normal_at"]
        row = last_true(normal, first)
        when = np.where(row >= 0, at[row], stored[slot])
        tail = ends(first)
        stored[slot[tail]] = when[tail]
        return np.where(when == NEVER, at, when)

    def collect(self, s: Sample, slot: Slots, chosen: Bools) -> None:
        """Put the chosen rows into the open spell, those far from the expectation with less weight."""
        if not chosen.any():
            return
        slot, phi, y = slot[chosen], np.ascontiguousarray(s.phi[:, chosen]), s.y[chosen]
        context = s.active[chosen].astype(np.intp)
        expected, offset, ready = self.expectation.predict(slot, phi, context)
        z = np.abs(y - expected) / (s.accuracy[chosen] + np.float32(0.1) * np.abs(expected - offset))
        weight = np.where(ready, 1 / np.maximum(1, z / 3), 1).astype(np.float32)
        self.expectation.collect(slot, context, phi, y, weight)

    def restore(self, priors: Mapping[str, Any]) -> None:
        """Take up what ports have in common from a snapshot (`priors`)."""
        self.expectation.prior = np.array(priors["expectation"], np.float64)
        self.expectation.prior_known = np.array(priors["known"], np.bool_)
        self.tail.prior = np.array(priors["tail"], np.float64)

    def priors(self) -> dict[str, np.ndarray]:
        """What ports have in common, as copies."""
        return {
            "expectation": self.expectation.prior.copy(),
            "known": self.expectation.prior_known.copy(),
            "tail": self.tail.prior.copy(),
        }

    def forget(self, slot: Slots) -> None:
        """Learn `slot` anew."""
        self.expectation.forget(slot)
        self.tail.forget(slot)
        self._a[f"{self._n}.gated"][slot] = False
        self._a[f"{self._n}.left_out"][slot] = 0

    def close(self, slot: Slots, kind: np.ndarray) -> None:
        """End the spell of `slot` (each once)."""
        a, n = self._a, self._n
        seen = np.asarray(a[f"{n}.open"][slot].any(axis=1))
        there = np.flatnonzero(seen | np.asarray(a[f"{n}.open_rows"][slot].any(axis=1)))
        slot, kind, seen = slot[there], kind[there], seen[there]
        gated = a[f"{n}.gated"][slot] & (a[f"{n}.left_out"][slot] < RELEASE)
        a[f"{n}.left_out"][slot] = np.where(gated, a[f"{n}.left_out"][slot] + 1, 0)
        self.expectation.close(slot, seen & ~gated, kind)
        self.tail.close(slot, ~gated)
        a[f"{n}.gated"][slot] = False
