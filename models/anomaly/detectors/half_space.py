"""Half-space trees (Tan, Ting, Liu, 2011) with river's trees, their masses as arrays over ports."""

import random
from typing import Any

import numpy as np
from river.tree import padded

from models.anomaly.arrays import Float32, Int64, Slots
from models.anomaly.detector import Detector, Scores, Share, register

TREES, HEIGHT, WINDOW, SEED = 10, 6, 250, 1
_NODES = 2 ** (HEIGHT + 1) - 1
_INNER = 2**HEIGHT - 1
_SLOW = np.float32(1 / 1_000)
_ON, _OFF = np.float32(4.0), np.float32(2.0)
_SCALED = 50


@register("half_space")
class HalfSpace(Detector):
    """Density by random half-spaces over windows of 250 rows; the score is in deviations of its own usual scores.

    The same trees (river's `make_padded_tree`, a fixed seed) serve all ports, so a port is nothing but masses. Good for
    scattered outliers; a fault that lasts longer than a window becomes normal, since the window learns it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        rng = random.Random(SEED)  # noqa: S311 - a detector's structure, no secret
        limits = dict.fromkeys(range(channels), (0.0, 1.0))
        make: Any = padded.make_padded_tree
        trees = [make(limits=limits, height=HEIGHT, padding=0.15, rng=rng, r_mass=0, l_mass=0) for _ in range(TREES)]
        self.feature = np.zeros((TREES, _INNER), np.intp)
        self.threshold = np.zeros((TREES, _INNER), np.float32)
        for t, tree in enumerate(trees):
            self._flatten(t, tree)
        for name in ("low", "high", "seen"):
            self.arrays.add(name, np.float32, (channels,), fill=np.nan)
        self.arrays.add("recent", np.uint8, (TREES, _NODES))
        self.arrays.add("reference", np.uint8, (TREES, _NODES))
        self.arrays.add("rows", np.int32)
        self.arrays.add("usual", np.float32)
        self.arrays.add("spread", np.float32)
        self.arrays.add("on", np.bool_)

    def _flatten(self, tree: int, root: Any) -> None:
        """Put a river tree into arrays in heap order: the children of node i are 2i + 1 and 2i + 2."""
        waiting = [(0, root)]
        while waiting:
            i, node = waiting.pop()
            if i < _INNER:
                self.feature[tree, i], self.threshold[tree, i] = node.feature, node.threshold
                waiting += [(2 * i + 1, node.children[0]), (2 * i + 2, node.children[1])]

    def step(self, slot: Slots, at: Int64, x: Float32) -> Scores:
        """See `Detector`."""
        a = self.arrays
        rows = a["rows"][slot]
        low, high = a["low"][slot], a["high"][slot]
        a["low"][slot], a["high"][slot], a["seen"][slot] = np.fmin(low, x), np.fmax(high, x), x
        known = np.isfinite(low)
        low, high = np.where(known, low, x), np.where(known, high, x)
        scaled = np.clip((x - low) / np.maximum(high - low, np.float32(1e-9)), np.float32(-1), np.float32(2))
        path = self._walk(slot, scaled)
        raw = self._mass_score(slot, path)
        ready = rows >= WINDOW
        usual, spread = a["usual"][slot], a["spread"][slot]
        score = np.where(rows >= WINDOW + _SCALED, (raw - usual) / np.maximum(1.2533 * spread, 1e-4), 0)
        score = np.maximum(score, 0).astype(np.float32)
        pace = np.maximum(_SLOW, 1 / np.maximum(rows - WINDOW + 1, 1).astype(np.float32))
        a["usual"][slot] = np.where(ready, usual + pace * (raw - usual), 0)
        a["spread"][slot] = np.where(ready, spread + pace * (np.abs(raw - usual) - spread), 0)
        self._learn(slot, path, rows)
        was = a["on"][slot]
        on = np.where(was, score > _OFF, score > _ON)
        a["on"][slot] = on
        return Scores(score, on, np.where(on & ~was, score, np.float32(-np.inf)))

    def _walk(self, slot: Slots, x: Float32) -> np.ndarray:
        """The nodes from root to leaf, [rows, trees, height + 1]; where a value is missing, to the heavier child."""
        n, trees = len(slot), np.arange(TREES)
        path = np.zeros((n, TREES, HEIGHT + 1), np.intp)
        recent = self.arrays["recent"]
        for depth in range(HEIGHT):
            node = path[:, :, depth]
            value = x[np.arange(n)[:, None], self.feature[trees, node]]
            left, right = (recent[slot[:, None], trees, 2 * node + k] for k in (1, 2))
            second = np.where(np.isnan(value), left < right, value >= self.threshold[trees, node])
            path[:, :, depth + 1] = 2 * node + 1 + second
        return path

    def _mass_score(self, slot: Slots, path: np.ndarray) -> Float32:
        """river's score: 1 minus the reference mass along the path, doubled at each level, up to where it runs out."""
        mass = self.arrays["reference"][slot[:, None, None], np.arange(TREES)[:, None], path].astype(np.float32)
        small = mass < 0.1 * WINDOW
        reached = np.cumsum(small, axis=2) - small == 0
        total = (mass * reached * 2.0 ** np.arange(HEIGHT + 1)).sum(axis=(1, 2))
        score: Float32 = 1 - total / (TREES * WINDOW * _NODES)
        return score.astype(np.float32)

    def _learn(self, slot: Slots, path: np.ndarray, rows: np.ndarray) -> None:
        a = self.arrays
        a["recent"][slot[:, None, None], np.arange(TREES)[:, None], path] += 1
        full = slot[(rows + 1) % WINDOW == 0]
        a["reference"][full] = a["recent"][full]
        a["recent"][full] = 0
        a["rows"][slot] = np.where(rows > 10**9, rows - 10**9 // WINDOW * WINDOW, rows + 1)

    def explain(self, slot: int) -> list[Share]:
        """See `Detector`: trees do not tell channels apart, so each has a share by how far it is from the middle of its range."""
        seen, low, high = (self.arrays[name][slot] for name in ("seen", "low", "high"))
        middle = (low + high) / 2
        off = np.nan_to_num(np.abs(seen - middle) / np.maximum(high - low, 1e-9))
        total = float(off.sum()) or 1.0
        order = np.argsort(-off, kind="stable")
        return [Share(int(j), float(off[j]) / total, float(seen[j]), float(middle[j])) for j in order]
