"""What a port's feature is expected to be: a linear function learned block by block, never from the block it is judged in.

Normal equations per port, with slow forgetting and a ridge towards what ports of the same kind have in common, so that a
new port soon has a usable expectation, and a fault that creeps in over weeks is measured against a reference that moves
far more slowly. Robust: rows count less the farther they lie from the expectation.
"""

from itertools import pairwise
from typing import Final

import numpy as np

from models.anomaly.arrays import Bools, Float32, Lanes, PortArrays, Slots

KEEP: Final = 1.0 - 1.0 / 500.0
"""What a block (a spell in which the feature was seen) leaves of the past: a memory of 500 such spells."""
READY: Final = 4
"""Blocks in a context (idle, charging) after which a port is judged there by its own past."""
MATURE: Final = 8
"""Blocks with charging after which a port may speak for its kind."""
_RIDGE: Final = 2.0
_RIDGE_ALONE: Final = 0.05


class Expectation:
    """Linear expectation of one feature for many ports, with `size` regressors and priors for three kinds of port."""

    def __init__(self, arrays: PortArrays, name: str, size: int, bounded: bool) -> None:
        self._a, self._n, self._size, self._bounded = arrays, name, size, bounded
        arrays.add(f"{name}.theta", np.float32, (size,))
        arrays.add(f"{name}.gram", np.float64, (size, size))
        arrays.add(f"{name}.cross", np.float64, (size,))
        arrays.add(f"{name}.open_gram", np.float64, (size, size))
        arrays.add(f"{name}.open_cross", np.float64, (size,))
        arrays.add(f"{name}.blocks", np.int32, (2,))
        arrays.add(f"{name}.open", np.bool_, (2,))
        arrays.add(f"{name}.top", np.float32, fill=-np.inf)
        arrays.add(f"{name}.open_top", np.float32, fill=-np.inf)
        self.prior = np.zeros((3, size))
        self.prior_known = np.zeros(3, np.bool_)

    def predict(self, slot: Slots, phi: Float32, context: Slots) -> tuple[Float32, Float32, Bools]:
        """Expected values, their constant part, and whether the port has learned enough of `context` (0, 1) to be judged."""
        theta = self._a[f"{self._n}.theta"][slot]
        expected: Float32 = theta[:, 0] * phi[0]
        for j in range(1, self._size):
            expected = expected + theta[:, j] * phi[j]
        if self._bounded:
            top = self._a[f"{self._n}.top"][slot]
            expected = np.where(top > -np.inf, np.minimum(expected, top), expected)
        return expected, theta[:, 0], self._a[f"{self._n}.blocks"][slot, context] >= READY

    def strangeness(self, slot: Slots, phi: Float32) -> Float32:
        """How far rows lie outside what the port has learned: the root of their leverage, 0 inside, large outside."""
        gram = self._a[f"{self._n}.gram"][slot] + _RIDGE_ALONE * np.eye(self._size)
        x = phi.T.astype(np.float64)
        leverage = (x * np.linalg.solve(gram, x[:, :, None])[:, :, 0]).sum(axis=1)
        root: Float32 = np.sqrt(np.maximum(leverage, 0)).astype(np.float32)
        return root

    def collect(self, slot: Slots, context: Slots, phi: Float32, y: Float32, weight: Float32) -> None:
        """Add rows to the ports' open blocks, in order."""
        x = phi.T.astype(np.float64)
        lanes = Lanes(slot)
        for name, rows in (
            ("open_gram", (x * weight[:, None])[:, :, None] * x[:, None, :]),
            ("open_cross", x * (weight * y)[:, None]),
        ):
            state = self._a[f"{self._n}.{name}"][lanes.slots]
            steps = lanes.spread(rows)
            for begin, end in pairwise(lanes.cuts.tolist()):
                state[: end - begin] += steps[begin:end]
            self._a[f"{self._n}.{name}"][lanes.slots] = state
        np.maximum.at(self._a[f"{self._n}.open_top"], slot, y)
        self._a[f"{self._n}.open"][slot, context] = True

    def close(self, slot: Slots, learn: Bools, kind: np.ndarray) -> None:
        """End the open blocks of `slot` (each once): take them in where `learn` holds, drop them elsewhere."""
        a, n = self._a, self._n
        s, k = slot[learn], kind[learn]
        if len(s):
            gram = a[f"{n}.gram"][s] * KEEP + a[f"{n}.open_gram"][s]
            cross = a[f"{n}.cross"][s] * KEEP + a[f"{n}.open_cross"][s]
            a[f"{n}.gram"][s], a[f"{n}.cross"][s] = gram, cross
            ridge = np.where(self.prior_known[k], _RIDGE, _RIDGE_ALONE)
            left = gram + ridge[:, None, None] * np.eye(self._size)
            right = cross + ridge[:, None] * self.prior[k]
            a[f"{n}.theta"][s] = np.linalg.solve(left, right[:, :, None])[:, :, 0]
            a[f"{n}.blocks"][s] += a[f"{n}.open"][s]
            a[f"{n}.top"][s] = np.maximum(a[f"{n}.top"][s], a[f"{n}.open_top"][s])
        a[f"{n}.open_gram"][slot] = 0
        a[f"{n}.open_cross"][slot] = 0
        a[f"{n}.open"][slot] = False
        a[f"{n}.open_top"][slot] = -np.inf

    def forget(self, slot: Slots) -> None:
        """Know nothing of `slot` any more."""
        a, n = self._a, self._n
        for name in ("theta", "gram", "cross", "open_gram", "open_cross", "blocks", "open"):
            a[f"{n}.{name}"][slot] = 0
        a[f"{n}.top"][slot] = a[f"{n}.open_top"][slot] = -np.inf

    def pool(self, kind: np.ndarray) -> None:
        """Make the priors anew from the mature ports of each kind; at least three of them, else the old prior stays."""
        mature = self._a[f"{self._n}.blocks"][: len(kind), 1] >= MATURE
        for k in range(3):
            ports = np.flatnonzero(mature & (kind == k))
            if len(ports) >= 3:
                self.prior[k] = np.median(self._a[f"{self._n}.theta"][ports], axis=0)
                self.prior_known[k] = True
