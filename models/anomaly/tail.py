"""How rare a residual is: a tail probability per port and spell of four hours, calibrated on the maxima of the spells of the port's own past.

The maxima of blocks of readings follow a generalised extreme value law whatever the readings' own law is. Location and spread
are running estimates per port, context and feature, drawn towards what ports of the same kind have; the shape is fixed
slightly negative, as the maxima of light-tailed noise have it at finite block lengths (the penultimate approximation of
Fisher and Tippett, 1928). Few blocks widen the spread: a young port is quiet.
"""

from typing import Final

import numpy as np

from models.anomaly.arrays import Bools, Float32, PortArrays, Slots

SHAPE: Final = -0.1
_MEAN: Final = 0.4864
"""Mean of the standard law of shape -0.1: (1 - Gamma(1.1)) / 0.1."""
_DEVIATION: Final = 0.9039
"""Mean absolute deviation of that law, by quadrature."""
_FLOOR: Final = 0.25
_PRIOR_BLOCKS: Final = 10.0
_WIDE: Final = (1.0, 1.0)
_GAIN: Final = 1.0 / 150.0
"""Least weight of a new spell. Before that weights are 2 / (n + 2): the first spells, judged by a young expectation, fade."""


class Tail:
    """Calibrates one feature for many ports in two contexts (0 idle, 1 charging); a spell counts from `least` rows on."""

    def __init__(self, arrays: PortArrays, name: str, least: int) -> None:
        self._a, self._n, self._least = arrays, name, least
        arrays.add(f"{name}.peak_mean", np.float32, (2,))
        arrays.add(f"{name}.peak_spread", np.float32, (2,))
        arrays.add(f"{name}.peak_blocks", np.int32, (2,))
        arrays.add(f"{name}.open_peak", np.float32, (2,), fill=-np.inf)
        arrays.add(f"{name}.open_rows", np.int32, (2,))
        self.prior = np.tile(np.array(_WIDE), (3, 2, 1))

    def surprise(self, slot: Slots, context: np.ndarray, z: Float32, kind: np.ndarray) -> Float32:
        """-ln of the probability that a spell of this port's usual life goes as high as `z`; 0 to 30."""
        a, n = self._a, self._n
        blocks = a[f"{n}.peak_blocks"][slot, context].astype(np.float32)
        own = blocks / (blocks + _PRIOR_BLOCKS)
        prior = self.prior[kind, context].astype(np.float32)
        mean = own * a[f"{n}.peak_mean"][slot, context] + (1 - own) * prior[:, 0]
        spread = own * a[f"{n}.peak_spread"][slot, context] + (1 - own) * prior[:, 1]
        young = (1 + 2 / np.sqrt(blocks + _PRIOR_BLOCKS)) * (1 + 6 / (blocks + 2))
        spread = np.maximum(spread, _FLOOR * _DEVIATION) / _DEVIATION * young
        step = (z - mean) / spread + np.float32(_MEAN)
        # -ln(1 - exp(-u)) with u = (1 + shape * step)^(-1/shape); for small u this is -ln u
        base = np.clip(1 + np.float32(SHAPE) * step, np.float32(0.05), np.float32(3.0))
        square = base * base
        fourth = square * square
        u = np.minimum(fourth * fourth * square, np.float32(50.0))  # to the power -1 / shape = 10
        nats: Float32 = np.clip(-np.log(-np.expm1(-u)), 0, 30).astype(np.float32)
        return nats

    def watch(self, slot: Slots, context: np.ndarray, z: Float32) -> None:
        """Take sustained residuals into the open block."""
        cell = 2 * slot + context
        np.maximum.at(self._a[f"{self._n}.open_peak"].reshape(-1), cell, z)
        np.add.at(self._a[f"{self._n}.open_rows"].reshape(-1), cell, np.int32(1))

    def close(self, slot: Slots, learn: Bools) -> None:
        """End the open blocks of `slot` (each once) and learn their maxima where `learn` holds."""
        a, n = self._a, self._n
        for c in (0, 1):
            s = slot[learn & (a[f"{n}.open_rows"][slot, c] >= self._least)]
            peak, blocks = a[f"{n}.open_peak"][s, c], a[f"{n}.peak_blocks"][s, c]
            gain = np.maximum(2 / (blocks + 2), np.float32(_GAIN)).astype(np.float32)
            mean = a[f"{n}.peak_mean"][s, c]
            mean = mean + gain * (peak - mean)
            spread = a[f"{n}.peak_spread"][s, c]
            spread_gain = np.maximum(2 / (blocks + 1), np.float32(_GAIN)).astype(np.float32)
            spread = np.where(blocks > 0, spread + spread_gain * (np.abs(peak - mean) - spread), 0)
            a[f"{n}.peak_mean"][s, c], a[f"{n}.peak_spread"][s, c] = mean, spread
            a[f"{n}.peak_blocks"][s, c] = blocks + 1
        a[f"{n}.open_peak"][slot] = -np.inf
        a[f"{n}.open_rows"][slot] = 0

    def forget(self, slot: Slots) -> None:
        """Know nothing of `slot` any more."""
        a, n = self._a, self._n
        for name in ("peak_mean", "peak_spread", "peak_blocks", "open_rows"):
            a[f"{n}.{name}"][slot] = 0
        a[f"{n}.open_peak"][slot] = -np.inf

    def pool(self, kind: np.ndarray) -> None:
        """Make the priors anew from ports with at least ten blocks; at least three of them, else the old prior stays."""
        a, n = self._a, self._n
        for k in range(3):
            for c in (0, 1):
                ports = np.flatnonzero((kind == k) & (a[f"{n}.peak_blocks"][: len(kind), c] >= _PRIOR_BLOCKS))
                if len(ports) >= 3:
                    self.prior[k, c, 0] = np.median(a[f"{n}.peak_mean"][ports, c])
                    self.prior[k, c, 1] = np.quantile(a[f"{n}.peak_spread"][ports, c], 0.75)
