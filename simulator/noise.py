"""Randomness without state: a value is a hash of what it belongs to, so it is the same however and whenever it is asked for.

Weather, grid voltage and the small habits of devices are functions of (seed, place, time). They need no memory, so a
history cut at any point goes on live without a step, and the step length never shows.
"""

import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX2: Final = np.uint64(0x94D049BB133111EB)
_SHIFTS: Final = (np.uint64(30), np.uint64(27), np.uint64(31))
_LOW16: Final = np.uint64(0xFFFF)

Keys = NDArray[np.uint64]


def mix(x: Keys) -> Keys:
    """The splitmix64 finaliser (Steele, Lea, Flood 2014): a bijection whose output bits look independent of the input's."""
    x = (x ^ (x >> _SHIFTS[0])) * _MIX1
    x = (x ^ (x >> _SHIFTS[1])) * _MIX2
    return x ^ (x >> _SHIFTS[2])


def keys(seed: int, subject: str, names: list[str]) -> Keys:
    """One stream key for each name; other seeds, subjects and names give unrelated streams. Names decide, not positions."""
    base = np.uint64(zlib.crc32(subject.encode()) | (seed & 0xFFFFFFFF) << 32)
    own = np.array([zlib.crc32(n.encode()) | zlib.adler32(n.encode()) << 32 for n in names], np.uint64)
    return mix(mix(own) ^ mix(np.full(len(names), base)) + _GOLDEN)


def uniform(key: Keys, index: NDArray[np.int64] | int = 0) -> NDArray[np.float64]:
    """A number in [0, 1) for each (key, index)."""
    mixed = mix(key + np.asarray(index).astype(np.uint64) * _GOLDEN)
    return np.ldexp((mixed >> np.uint64(11)).astype(np.float64), -53)


def normal(key: Keys, index: NDArray[np.int64] | int = 0) -> NDArray[np.float64]:
    """A number of mean 0 and variance 1 for each (key, index): four uniforms added, so within +-3.47 and nearly normal."""
    mixed = mix(key + np.asarray(index).astype(np.uint64) * _GOLDEN)
    total = (mixed & _LOW16).astype(np.float64)
    for shift in (16, 32, 48):
        total += (mixed >> np.uint64(shift)) & _LOW16
    return np.asarray((total * (1.0 / 65536.0) - (2.0 - 2.0 / 65536.0)) * np.sqrt(3.0), np.float64)


def smooth(key: Keys, t_s: NDArray[np.float64], period_s: float) -> NDArray[np.float64]:
    """Smooth noise of mean 0 and variance about 0.74, with a new independent value every `period_s`.

    Value noise: normal values at whole multiples of the period, joined by the cubic 3f^2 - 2f^3. `key` and `t_s` broadcast.
    """
    x = t_s / period_s
    knot = np.floor(x)
    f = x - knot
    k = knot.astype(np.int64)
    a = normal(key, k)
    return a + (normal(key, k + 1) - a) * (f * f * (3.0 - 2.0 * f))
