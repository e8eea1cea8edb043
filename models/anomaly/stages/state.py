"""State: is a machine with several channels still where its first rows have it, by three references at once.

A frozen reference keeps what the head showed, so that nothing slow is learned away; two followers are gated, so that drift is
followed and a jump is not. What is judged are smoothed channels, in units of what their own smoothed values did in the head,
beyond the farthest they went there. A channel that moves slowly has shown few independent values in the head: its
deviations count less, and the less the longer the head is past.
"""

from typing import Final

import numpy as np

from models.anomaly.arrays import Bools, Float32, PortArrays, Slots

HEAD: Final = 400
"""Rows that make the reference; no score before."""
ON, OFF = np.float32(1.4), np.float32(0.7)
"""Score at which the alarm goes on and off."""
PATIENCE: Final = 2_000
"""Rows in a row with the alarm on after which that is how the machine is now: told long ago, it becomes the reference."""
RATES: Final = np.array([0.0, 0.01, 0.04], np.float32)
_REFS: Final = len(RATES)
_SETTLED: Final = 50
_EVERY: Final = 5
_KEPT: Final = (HEAD - _SETTLED) // _EVERY
_BLOCK: Final = 40
_LEVEL_PACE, _SHAPE_PACE = np.float32(0.12), np.float32(0.05)
_GATE: Final = np.float32(3.0)
_INSIDE: Final = np.float32(0.5)
_WIDEN: Final = np.float32(6.0)
_UNIT: Final = np.float32(2.0)
_RIDGE: Final = 0.3
_TYPICAL: Final = 1.6
"""The joint deviation that is rare in the head (its 99 % quantile), in root mean squares of it: 1.5 to 1.8 on real machines."""
_FLOOR: Final = np.float32(0.3)
_SQUARE: Final = np.float32(1e9)


class State:
    """References and deviations of many ports. 4 KB a port with eight channels, half of it what the head must keep."""

    def __init__(self, arrays: PortArrays, channels: int) -> None:
        self._a, self._c = arrays, channels
        arrays.add("state.rows", np.int32)
        arrays.add("state.late", np.int32, (channels,))
        arrays.add("state.head", np.float32, (_KEPT, channels), fill=np.nan)
        arrays.add("state.sums", np.float32, (6, channels))
        arrays.add("state.weigh", np.float32, (_REFS, channels, channels))
        arrays.add("state.refs", np.float32, (_REFS, channels), fill=np.nan)
        for name in ("level", "shape", "first", "slow"):
            arrays.add(f"state.{name}", np.float32, (channels,), fill=np.nan)
        for name in ("high", "low", "z"):
            arrays.add(f"state.{name}", np.float32, (channels,))
        arrays.add("state.scale", np.float32, (channels,), fill=np.inf)
        arrays.add("state.on", np.bool_)
        arrays.add("state.long", np.int16)

    def step(self, slot: Slots, x: Float32) -> tuple[Float32, np.ndarray]:
        """Scores (0 while the head lasts; 1 is about the farthest that the head went) and alarms of rows, each slot once."""
        a = self._a
        rows = a["state.rows"][slot]
        self._follow(slot, x)
        score = np.zeros(len(slot), np.float32)
        young, old = np.flatnonzero(rows < HEAD), np.flatnonzero(rows >= HEAD)
        if len(old):
            score[old] = self._score(slot[old], x[old], rows[old])
            self._forget(slot[old][self._grown_up(slot[old], x[old]) | (a["state.long"][slot[old]] >= PATIENCE)])
        if len(young):
            self._gather(slot[young], x[young], rows[young])
            done = slot[young][rows[young] == HEAD - 1]
            if len(done):
                self._settle(done)
        a["state.rows"][slot] = np.where(a["state.rows"][slot] < rows, 0, np.minimum(rows + 1, 10**9))
        on = np.where(a["state.on"][slot], score > OFF, score > ON)
        a["state.on"][slot] = on
        a["state.long"][slot] = np.where(on, np.minimum(a["state.long"][slot] + 1, PATIENCE), 0)
        return score, on

    def _follow(self, slot: Slots, x: Float32) -> None:
        """Smooth the channels twice; a missing value leaves them where they are."""
        for name, pace in (("state.level", _LEVEL_PACE), ("state.shape", _SHAPE_PACE)):
            old = self._a[name][slot]
            moved = np.where(np.isnan(old), x, old + pace * (x - old))
            self._a[name][slot] = np.where(np.isnan(x), old, moved)

    def _gather(self, slot: Slots, x: Float32, rows: np.ndarray) -> None:
        """What the head must keep: smoothed values, sums over blocks of forty rows, products of deviations."""
        a = self._a
        self._sum(slot, x, rows)
        refs = a["state.refs"][slot]
        refs = np.where(np.isnan(refs), x[:, None], refs)
        late = rows >= _SETTLED
        if late.any():
            s = slot[late]
            off = np.nan_to_num(a["state.shape"][s][:, None] - refs[late])
            a["state.weigh"][s] += off[:, :, :, None] * off[:, :, None, :] / np.float32(HEAD - _SETTLED)
            keep = s[rows[late] % _EVERY == _EVERY - 1]
            a["state.head"][keep, (rows[late][rows[late] % _EVERY == _EVERY - 1] - _SETTLED) // _EVERY] = a[
                "state.level"
            ][keep]
        pace = np.maximum(RATES, 1 / (rows[:, None] + 1).astype(np.float32))[:, :, None]
        a["state.refs"][slot] = np.where(np.isnan(x)[:, None], refs, refs + pace * (x[:, None] - refs))

    def _sum(self, slot: Slots, x: Float32, rows: np.ndarray) -> None:
        """Counts, sums and squares of rows and of their blocks, from which the slowness of a channel is told."""
        a = self._a
        first = a["state.first"][slot]
        first = np.where(np.isnan(first), x, first)
        a["state.first"][slot] = first
        known = ~np.isnan(x)
        off = np.where(known, x - first, 0)
        sums = a["state.sums"][slot]
        sums[:, 0] += known
        sums[:, 1] += off
        sums[:, 2] += off * off
        block = sums[:, 3] + off / _BLOCK
        over = ((rows + 1) % _BLOCK == 0)[:, None]
        sums[:, 4] += np.where(over, block, 0)
        sums[:, 5] += np.where(over, block * block, 0)
        sums[:, 3] = np.where(over, 0, block)
        a["state.sums"][slot] = sums

    def _settle(self, slot: Slots) -> None:
        """End of the head: middle, scale, extremes and slowness of each channel, and how the channels go together."""
        a = self._a
        sums = a["state.sums"][slot].astype(np.float64)
        n, blocks = np.maximum(sums[:, 0], 1), HEAD / _BLOCK
        variance = np.maximum(sums[:, 2] / n - (sums[:, 1] / n) ** 2, 0)
        between = np.maximum(sums[:, 5] / blocks - (sums[:, 4] / blocks) ** 2, 0)
        a["state.slow"][slot] = np.minimum(between / np.maximum(variance, 1e-30), 1)
        head = a["state.head"][slot]
        enough = sums[:, 0] >= HEAD / 2
        head = np.where(enough[:, None] & np.isfinite(head), head, np.float32(np.nan))
        head = np.where(np.isnan(head).all(axis=1)[:, None], 0, head)
        middle = np.nanmedian(head, axis=1)
        spread = 1.4826 * np.nanmedian(np.abs(head - middle[:, None]), axis=1)
        scale = np.maximum(spread, 0.2 * np.nanstd(head, axis=1)) + 1e-6 * np.abs(middle) + 1e-9
        scale = np.where(enough, scale, np.inf)
        a["state.scale"][slot] = scale
        a["state.high"][slot] = (np.nanmax(head, axis=1) - middle) / scale
        a["state.low"][slot] = (middle - np.nanmin(head, axis=1)) / scale
        a["state.refs"][slot, 0] = middle
        gram = a["state.weigh"][slot].astype(np.float64) / (scale[:, None, :, None] * scale[:, None, None, :])
        weigh = np.linalg.inv(gram + _RIDGE * np.eye(self._c))
        usual = np.maximum(_TYPICAL**2 * np.einsum("nrij,nrij->nr", weigh, gram), 1e-6)
        a["state.weigh"][slot] = weigh / usual[:, :, None, None]
        a["state.late"][slot] = 0

    def _score(self, slot: Slots, x: Float32, rows: np.ndarray) -> Float32:
        """The geometric mean of the farthest channel and of all together, by each reference."""
        a = self._a
        refs, scale = a["state.refs"][slot], a["state.scale"][slot][:, None]
        past = np.sqrt((rows - HEAD).astype(np.float32) / HEAD)
        wide = (1 + _WIDEN * np.nan_to_num(a["state.slow"][slot]) * past[:, None])[:, None]
        there = (~np.isnan(x) & np.isfinite(scale[:, 0]))[:, None]
        z = np.where(there, (a["state.level"][slot][:, None] - refs) / scale, 0)
        y = np.where(there, (a["state.shape"][slot][:, None] - refs) / scale / wide, 0)
        gate = 1 + np.minimum((z / _GATE) ** 2, _SQUARE) ** 2
        a["state.refs"][slot] = np.where(there, refs + RATES[:, None] * (np.nan_to_num(x)[:, None] - refs) / gate, refs)
        z = z / wide
        inside = np.where(z > 0, a["state.high"][slot][:, None], a["state.low"][slot][:, None])
        size = np.maximum(np.abs(z) - np.maximum(inside, 0), 0) + _INSIDE * np.abs(z)
        a["state.z"][slot] = size[:, 0]
        joint = np.sqrt(np.maximum(np.einsum("nri,nrij,nrj->nr", y, a["state.weigh"][slot], y), 0))
        parts = np.concatenate((size.max(axis=2) / _UNIT, joint), axis=1)
        score: Float32 = np.exp(np.log(np.minimum(parts, np.float32(1e6)) + _FLOOR).mean(axis=1)) - _FLOOR
        return np.maximum(score, 0).astype(np.float32)

    def _grown_up(self, slot: Slots, x: Float32) -> Bools:
        """Where a channel that the head did not know has been there for as long as a head."""
        a = self._a
        unknown = np.isinf(a["state.scale"][slot]) & ~np.isnan(x)
        late = np.where(unknown, a["state.late"][slot] + 1, 0)
        a["state.late"][slot] = late
        grown: Bools = np.asarray((late >= HEAD).any(axis=1))
        return grown

    def _forget(self, slot: Slots) -> None:
        """Begin the head anew."""
        a = self._a
        a["state.rows"][slot] = -1
        for name, value in (
            ("head", np.nan),
            ("first", np.nan),
            ("refs", np.nan),
            ("sums", 0),
            ("weigh", 0),
            ("late", 0),
            ("long", 0),
        ):
            a[f"state.{name}"][slot] = value

    def shares(self, slot: int) -> Float32:
        """How far each channel stands off the frozen reference, as shares."""
        size = np.nan_to_num(self._a["state.z"][slot])
        total = float(size.sum())
        shares: Float32 = size / np.float32(total) if total > 0 else size
        return shares
