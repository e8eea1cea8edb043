"""Sums and extremes by port and hour, reduced as rows come, so that memory holds hours and not rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.failure.hours import HOUR_US

Floats = NDArray[np.float64]
Slots = NDArray[np.intp]
Keys = NDArray[np.int64]

_BITS: Final[int] = 24
_MASK: Final[int] = (1 << _BITS) - 1
_NONE: Final = np.empty(0, np.int64)


def key_of(slot: Slots, at: NDArray[np.int64]) -> Keys:
    """The key of rows of ports at `slot` and times `at` in microseconds; rows of one port and hour have one key."""
    return (slot.astype(np.int64) << _BITS) | (at // HOUR_US)


def slot_and_hour(key: Keys) -> tuple[Keys, Keys]:
    """Of which slot and hour (since the epoch) a key is; keys in order are ordered by slot, then hour."""
    return key >> _BITS, key & _MASK


@dataclass
class Reduced:
    """Columns of rows, reduced by `how` over all rows of a key, in whatever portions they come; `empty` where none came."""

    how: np.ufunc
    empty: float
    keys: list[Keys] = field(default_factory=list)
    _values: list[dict[str, Floats]] = field(default_factory=list)

    def add(self, key: Keys, columns: dict[str, Floats]) -> None:
        """Take rows: `columns`, each as long as `key`."""
        if not len(key):
            return
        order = np.argsort(key, kind="stable")
        key = key[order]
        begin = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
        self.keys.append(key[begin])
        self._values.append({name: self.how.reduceat(column[order], begin) for name, column in columns.items()})

    def at(self, key: Keys, names: Sequence[str]) -> dict[str, Floats]:
        """The columns `names` at `key`, which is sorted and holds every key that was added."""
        out = {name: np.full(len(key), self.empty) for name in names}
        for mine, values in zip(self.keys, self._values, strict=True):
            row = np.searchsorted(key, mine)
            for name, column in values.items():
                out[name][row] = self.how(out[name][row], column)
        return out


def all_keys(*parts: Reduced) -> Keys:
    """Every key of `parts`, sorted, once."""
    return np.unique(np.concatenate([key for part in parts for key in part.keys] or [_NONE]))
