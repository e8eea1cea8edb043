"""Rows of `anomaly_score`: the most surprising tick of each port-minute, written when the minute is over for its port.

Idle minutes below half the level from which a row is explained are thinned to one in `IDLE_EVERY`.
"""

from functools import reduce
from typing import Any, Final, NamedTuple

import numpy as np

from models.anomaly.arrays import Float32, Int64, PortArrays, ends, starts
from models.anomaly.explain import by_channel, contributions
from models.anomaly.features import FEATURES
from models.anomaly.situation import CONTEXTS
from models.anomaly.ticks import Ticks
from models.columns import in_order
from models.operator import Append

IDLE_EVERY: Final = 10
"""Of idle minutes in which nothing stands out, one in so many is written: they are most of a year's minutes."""
_IDLE: Final = CONTEXTS.index("idle")
MINUTE_US: Final = 60_000_000
_COUNT: Final = len(FEATURES)


class Matrices(NamedTuple):
    """What the features said of each tick, [ticks, features]; surprise is 0 where a feature was not judged."""

    surprise: Float32
    observed: Float32
    expected: Float32


class Minutes:
    """Keeps the open minute of each port: its worst tick's context, surprises, observed and expected values."""

    def __init__(self, arrays: PortArrays, level: float) -> None:
        self._a, self._level = arrays, level
        arrays.add("minute.number", np.int64, fill=-1)
        arrays.add("minute.context", np.int8)
        arrays.add("minute.surprise", np.float32, (_COUNT,))
        arrays.add("minute.observed", np.float32, (_COUNT,))
        arrays.add("minute.expected", np.float32, (_COUNT,))

    def take(self, t: Ticks, context: np.ndarray, said: Matrices, ports: list[str]) -> list[Append]:
        """Ticks in, rows of finished minutes out."""
        a = self._a
        touched = t.slot[t.first]
        touched = touched[a["minute.number"][touched] >= 0]
        slot = np.concatenate((touched, t.slot))
        order = in_order(slot)
        slot = slot[order]
        number = np.concatenate((a["minute.number"][touched], t.at // MINUTE_US))[order]
        surprise = np.concatenate((a["minute.surprise"][touched], said.surprise))
        origin = np.concatenate((np.full(len(touched), -1), t.origin))[order]
        new = starts(slot)
        new[1:] |= number[1:] != number[:-1]
        begin = np.flatnonzero(new)
        worst = reduce(np.maximum, surprise.T)[order]
        at_peak = worst == np.repeat(np.maximum.reduceat(worst, begin), np.diff(np.append(begin, len(slot))))
        candidates = np.flatnonzero(at_peak)
        chosen = candidates[np.searchsorted(candidates, begin)]
        rows = order[chosen]
        peak = {
            "context": np.concatenate((a["minute.context"][touched], context))[rows],
            "surprise": surprise[rows],
            "observed": np.concatenate((a["minute.observed"][touched], said.observed))[rows],
            "expected": np.concatenate((a["minute.expected"][touched], said.expected))[rows],
        }
        last = np.zeros(len(begin), np.bool_)
        last[ends(starts(slot[begin]))] = True
        a["minute.number"][slot[begin[last]]] = number[begin[last]]
        for name, values in peak.items():
            a[f"minute.{name}"][slot[begin[last]]] = values[last]
        quiet = (peak["context"] == _IDLE) & (combined(worst[chosen])[0] < 0.5 * self._level)
        done = np.flatnonzero(~last & ~(quiet & (number[begin] % IDLE_EVERY != 0)))
        if not len(done):
            return []
        return [
            self._rows(
                slot[begin[done]],
                number[begin[done]],
                origin[begin[done + 1]],
                {name: values[done] for name, values in peak.items()},
                ports,
            )
        ]

    def _rows(self, slot: np.ndarray, number: Int64, origin: Int64, peak: dict[str, np.ndarray],
              ports: list[str]) -> Append:  # fmt: skip
        score, probability = combined(peak["surprise"].max(axis=1))
        why: list[dict[str, Any] | None] = [None] * len(slot)
        for i in np.flatnonzero(score >= self._level):
            parts = [
                (FEATURES[f].name, float(peak["surprise"][i, f]), float(peak["observed"][i, f]),
                 float(peak["expected"][i, f]))
                for f in np.flatnonzero(peak["surprise"][i] > 1)
            ]  # fmt: skip
            why[i] = by_channel(contributions(parts))
        return Append(
            table="anomaly_score",
            ports=ports,
            port=slot.astype(np.int32),
            origin=origin,
            columns={
                "at": number * MINUTE_US,
                "score": score,
                "probability": probability,
                "context": np.array(CONTEXTS, object)[peak["context"]].tolist(),
                "contributions": why,
            },
        )


def combined(surprise: Float32) -> tuple[Float32, Float32]:
    """Score (-log10 of the chance that any feature goes this high within a spell of four hours) and 1 minus that chance."""
    chance = -np.expm1(_COUNT * np.log1p(-np.minimum(np.exp(-surprise.astype(np.float64)), 1 - 1e-12)))
    return (-np.log10(np.maximum(chance, 1e-13))).astype(np.float32), (1 - chance).astype(np.float32)
