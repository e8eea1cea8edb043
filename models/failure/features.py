"""Causal features of a unit at a time: only what was known by then, and of a repaired component only what came after.

A feature is named after its source, its kind and its window in steps, such as `voltage.mean.15`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.failure.fusion import joint, learn_joint
from models.failure.history import History
from models.failure.occurrences import Recency, Visits
from models.failure.regimes import Regimes, learn_regimes
from models.failure.windows import Floats, Ints, Timeline, Windows

WINDOWS: Final = (1, 5, 15, 30)
SHAPE_FROM: Final = 15
EXTREMES_AT: Final = 15
BASELINE: Final = 20

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions: unit and time [n], and the component the answers are about (None: the unit as a whole)."""

    unit: Ints
    at: Ints
    component: int | None = None


class Features:
    """Features of one history; made once, asked for each component.

    For each channel and joint channel, as distance from the expectation under its operating regime: means over windows of 1 to 30 steps and
    since the start, their distance from the unit's own first 20 steps, slopes, deviations, extremes. For each error:
    counts in the same windows and steps since the last. Steps since each component's repair, since the last visit,
    place in the rhythm of visits, steps of age, facts.

    "Start" is the unit's first row, or the last repair of the component asked about: from there on windows, baseline and
    error counts begin anew. What a question gets does not depend on rows, errors or repairs later than its time.
    NaN stands where nothing is known. Cost: about 20 arrays of the channels' size; linear in rows and questions.
    """

    def __init__(self, history: History, regimes: Regimes, kept: NDArray[np.intp], weights: Floats) -> None:
        self._history = history
        self._names = [history.channel_names[i] for i in kept] + [f"joint{i + 1}" for i in range(weights.shape[1])]
        residuals = regimes.residuals(history.settings, history.channels)[:, kept]
        residuals = np.column_stack([residuals, joint(residuals, weights)])
        self._line = Timeline(history.unit, history.at)
        first = self._line.first_rows(np.arange(history.units))
        self._born = history.at[np.minimum(first, max(len(history.at) - 1, 0))] if len(history.at) else first
        self._windows = Windows((history.at - self._born[history.unit]) / history.step, residuals)
        self._errors = [Recency(history.errors.of(i)) for i in range(len(history.error_names))]
        self._repairs = [Recency(history.repairs.of(i)) for i in range(len(history.component_names))]
        self._visits = Visits(history.repairs)

    def table(self, asked: Asked) -> tuple[list[str], Matrix]:
        """Names [f] and values [n, f] for the questions."""
        reset, was_reset = self._reset(asked)
        columns: dict[str, Floats] = {}
        self._channels(asked, reset, was_reset, columns)
        self._marks(asked, reset, was_reset, columns)
        self._upkeep(asked, columns)
        for i, name in enumerate(self._history.fact_names):
            columns[name] = self._history.facts[asked.unit, i]
        values = np.empty((len(asked.at), len(columns)), np.float32)
        for i, column in enumerate(columns.values()):
            values[:, i] = column
        return list(columns), values

    def _reset(self, asked: Asked) -> tuple[Ints, NDArray[np.bool_]]:
        if asked.component is None:
            return np.zeros(len(asked.at), np.int64), np.zeros(len(asked.at), np.bool_)
        at, there = self._repairs[asked.component].last(asked.unit, asked.at)
        return at, there

    def _channels(self, asked: Asked, reset: Ints, was_reset: NDArray[np.bool_], out: dict[str, Floats]) -> None:
        line, step, windows = self._line, self._history.step, self._windows
        start = line.first_rows(asked.unit)
        start = np.where(was_reset, np.maximum(start, line.rows_until(asked.unit, reset)), start)
        end = line.rows_until(asked.unit, asked.at)
        opening = np.where(was_reset, reset, self._born[asked.unit] - 1) + BASELINE * step
        early = windows.mean(start, np.minimum(end, line.rows_until(asked.unit, opening)))
        for length in WINDOWS:
            lo = np.maximum(start, line.rows_until(asked.unit, asked.at - length * step))
            mean = windows.mean(lo, end)
            self._put(out, f"mean.{length}", mean)
            if length > 1:
                self._put(out, f"change.{length}", mean - early)
            if length >= SHAPE_FROM:
                self._put(out, f"slope.{length}", windows.slope(lo, end))
                self._put(out, f"deviation.{length}", windows.deviation(lo, end))
            if length == EXTREMES_AT:
                self._put(out, f"low.{length}", windows.low(lo, end))
                self._put(out, f"high.{length}", windows.high(lo, end))
        self._put(out, "mean.all", windows.mean(start, end))
        self._put(out, "slope.all", windows.slope(start, end))

    def _put(self, out: dict[str, Floats], kind: str, values: Floats) -> None:
        for i, name in enumerate(self._names):
            out[f"{name}.{kind}"] = values[:, i]

    def _marks(self, asked: Asked, reset: Ints, was_reset: NDArray[np.bool_], out: dict[str, Floats]) -> None:
        step = self._history.step
        for name, recency in zip(self._history.error_names, self._errors, strict=True):
            for length in WINDOWS:
                after = asked.at - length * step
                after = np.where(was_reset, np.maximum(after, reset), after)
                out[f"{name}.count.{length}"] = recency.count(asked.unit, after, asked.at)
            at, there = recency.last(asked.unit, asked.at)
            there &= ~was_reset | (at > reset)
            out[f"{name}.since"] = np.where(there, (asked.at - at) / step, np.nan)

    def _upkeep(self, asked: Asked, out: dict[str, Floats]) -> None:
        step = self._history.step
        out["age"] = (asked.at - self._born[asked.unit]) / step
        for name, recency in zip(self._history.component_names, self._repairs, strict=True):
            out[f"{name}.since_repair"] = recency.since(asked.unit, asked.at) / step
        if not self._repairs:
            return
        since, rhythm = self._visits.since(asked.unit, asked.at), self._visits.rhythm(asked.unit, asked.at)
        due = rhythm - np.mod(since, rhythm)
        out["visit.since"] = since / step
        out["visit.rhythm"] = rhythm / step
        out["visit.due"] = due / step
        if asked.component is not None:
            own = self._repairs[asked.component].since(asked.unit, asked.at)
            out["own.since_repair"] = own / step
            out["own.at_visit"] = (own + due) / step


@dataclass(frozen=True, slots=True)
class Preparation:
    """What features need to have learned before: operating regimes, which channels vary at all (indices), and the
    weights of the joint channels."""

    regimes: Regimes
    kept: NDArray[np.intp]
    weights: Floats
    signature: tuple[tuple[str, ...], ...]

    def of(self, history: History) -> Features:
        """Features of `history`; ValueError when its columns are not those of the training history."""
        if history.signature != self.signature:
            raise ValueError(f"the model was trained on columns {self.signature}, not {history.signature}")
        return Features(history, self.regimes, self.kept, self.weights)


def prepare(history: History, seed: int = 0) -> Preparation:
    """Learn the preparation from a training history."""
    regimes = learn_regimes(history.settings, history.channels, seed)
    kept = np.flatnonzero((regimes.spread > 0).any(0))
    residuals = regimes.residuals(history.settings, history.channels)[:, kept]
    return Preparation(regimes, kept, learn_joint(residuals), history.signature)
