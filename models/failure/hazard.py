"""Hazard of each fault family in discrete time: calibrated probabilities over several horizons, reasons, expected lead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.failure.features import Asked, Features, Matrix, Preparation, prepare
from models.failure.history import History, Occurrences
from models.failure.targets import Fate, fates
from models.failure.trees import GROWTH, Trees, grow
from models.failure.windows import Floats, Ints

FEWEST: Final = 4
_FOLDS: Final = 3
_FLOOR: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """The chance to fail in one interval, given survival to its start: sigmoid(gain * trees + offset).

    `trees` is None where fewer than 4 questions were struck: then `offset` alone gives the observed rate.
    """

    trees: Trees | None
    gain: float
    offset: float

    def hazard(self, values: Matrix) -> Floats:
        """The chance for each row of features."""
        raw = np.zeros(len(values)) if self.trees is None else self.trees.predict(values)
        out: Floats = 1.0 / (1.0 + np.exp(-np.clip(self.gain * raw + self.offset, -30, 30)))
        return out


@dataclass(frozen=True, slots=True)
class Risk:
    """Answers for n questions about one family.

    `within` [n, h]: probability of a failure before each horizon; `lead` [n]: expected steps until the failure if it comes
    before the last horizon.
    """

    within: Floats
    lead: Floats

    def between(self, first: int, last: int) -> Floats:
        """Probability that it comes after horizon number `first` and before `last`."""
        return self.within[:, last] - self.within[:, first]


@dataclass(frozen=True, slots=True)
class HazardModel:
    """One family: an `Interval` between each two of `edges` (steps, from 0)."""

    family: str
    component: int | None
    edges: tuple[int, ...]
    names: tuple[str, ...]
    intervals: tuple[Interval, ...]

    def risk(self, features: Features, unit: Ints, at: Ints) -> Risk:
        """Risks for the questions (unit, at)."""
        values = self._values(features, unit, at)
        survival = np.ones((len(at), len(self.edges)))
        for k, interval in enumerate(self.intervals):
            survival[:, k + 1] = survival[:, k] * (1.0 - interval.hazard(values))
        fails = survival[:, :-1] - survival[:, 1:]
        middle = (np.array(self.edges[:-1]) + np.array(self.edges[1:])) / 2.0
        lead = (fails @ middle) / np.maximum(fails.sum(1), _FLOOR)
        return Risk(1.0 - survival[:, 1:], lead)

    def reasons(
        self, features: Features, unit: Ints, at: Ints, interval: int = 0, most: int = 5
    ) -> list[list[tuple[str, float]]]:
        """For each question the features that move the log-odds of an interval most, with how far (upwards positive)."""
        chosen = self.intervals[interval]
        if chosen.trees is None:
            return [[] for _ in at]
        moved = chosen.gain * chosen.trees.contributions(self._values(features, unit, at))
        order = np.argsort(-np.abs(moved), axis=1)[:, :most]
        return [
            [(self.names[j], float(row[j])) for j in best if row[j] != 0]
            for row, best in zip(moved, order, strict=True)
        ]

    def _values(self, features: Features, unit: Ints, at: Ints) -> Matrix:
        if not self.names and all(interval.trees is None for interval in self.intervals):
            return np.empty((len(at), 0), np.float32)
        names, values = features.table(Asked(unit, at, self.component))
        if tuple(names) != self.names:
            raise ValueError(f"the model for {self.family} was trained on other features; train it anew")
        return values


@dataclass(frozen=True, slots=True)
class Training:
    """What hazards are learned from: questions (unit, at), the failures that came (kind = family), until when each unit was
    watched [units], and the ends of the intervals in steps."""

    history: History
    unit: Ints
    at: Ints
    failures: Occurrences
    watched_until: Ints
    edges: tuple[int, ...] = (1, 7, 30)
    seed: int = 0


def train_hazards(given: Training, families: Sequence[str]) -> tuple[Preparation, list[HazardModel]]:
    """A model for each family; family number i is about component i where the history has as many, else about the unit.

    Calibration is by folds over units: each row's score comes of trees that never saw its unit. Answers hold for
    questions asked at the pace and under the upkeep of the training: planned replacements that hid failures
    there hide them in the answer. Raises ValueError when the edges do not rise from above 0.
    """
    edges = (0, *given.edges)
    if list(edges) != sorted(set(edges)):
        raise ValueError(f"the edges {given.edges} must rise, from above 0")
    preparation = prepare(given.history, given.seed)
    features = preparation.of(given.history)
    models = []
    for i, family in enumerate(families):
        component = i if i < len(given.history.component_names) else None
        names, values = features.table(Asked(given.unit, given.at, component))
        found = [_fate(given, i, a, b) for a, b in pairwise(edges)]
        models.append(
            fit_hazard(family, component, edges, Sample(tuple(names), values, given.unit, found), seed=given.seed)
        )
    return preparation, models


@dataclass(frozen=True, slots=True)
class Sample:
    """Questions with their features [n, f], the unit of each, their fates in each interval, and how many questions each of
    them stands for (`weight` [n], none: one). `most`: each model of an interval uses so many features at most, those that
    tell struck from spared questions best one by one; `growth`: how trees are grown."""

    names: tuple[str, ...]
    values: Matrix
    unit: Ints
    fates: Sequence[Fate]
    weight: Floats | None = None
    most: int | None = None
    growth: Mapping[str, Any] = field(default_factory=lambda: GROWTH)

    def rows(self, rows: NDArray[np.intp]) -> "Sample":
        """The questions at `rows`, without their fates."""
        weight = np.ones(len(rows)) if self.weight is None else self.weight[rows]
        return replace(self, values=self.values[rows], unit=self.unit[rows], fates=(), weight=weight)


def fit_hazard(
    family: str, component: int | None, edges: tuple[int, ...], sample: Sample, *, seed: int = 0
) -> HazardModel:
    """The model of one family from a sample of questions; `edges` from 0, one fate for each interval between them."""
    intervals = tuple(_interval(sample, fate, seed) for fate in sample.fates)
    return HazardModel(family, component, edges, sample.names, intervals)


def rate_alone(family: str, component: int | None, edges: tuple[int, ...], questions: int) -> HazardModel:
    """The model of a family that never struck any of so many questions: close to never, for no reason."""
    interval = Interval(None, 1.0, float(np.log(0.5 / (questions + 0.5))))
    return HazardModel(family, component, edges, (), (interval,) * (len(edges) - 1))


def _fate(given: Training, family: int, start: int, end: int) -> Fate:
    step = given.history.step
    return fates(given.unit, given.at, given.failures.of(family), given.watched_until, start * step, end * step)


def _interval(sample: Sample, fate: Fate, seed: int) -> Interval:
    rows = np.flatnonzero(fate.known & fate.at_risk)
    known, target = sample.rows(rows), fate.struck[rows]
    weight = np.asarray(known.weight)
    struck, units = int(target.sum()), len(np.unique(known.unit))
    if min(struck, len(rows) - struck) < FEWEST or units < _FOLDS:
        # one half of each outcome added: never certain
        strikes = float(weight[target].sum())
        return Interval(None, 1.0, float(np.log((strikes + 0.5) / (float(weight.sum()) - strikes + 0.5))))
    trees = _grow(known, target, seed)
    gain, offset = _calibration(known, target, seed)
    return Interval(trees, gain, offset)


def _grow(sample: Sample, target: NDArray[np.bool_], seed: int) -> Trees:
    """Trees of the rows as they are: leaving out spared questions by chance moves all log-odds alike, which the calibration,
    that does know the weights, takes back."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # a flow that only predicts need not load it

    model = HistGradientBoostingClassifier(**sample.growth, random_state=seed)
    if sample.most is None or sample.most >= sample.values.shape[1]:
        return grow(model, sample.values, target)
    chosen = telling(sample.values, target, sample.most, seed)
    trees = grow(model, sample.values[:, chosen], target)
    return replace(trees, features=sample.values.shape[1], feature=chosen[trees.feature].astype(np.int32))


def telling(values: Matrix, target: NDArray[np.bool_], most: int, seed: int = 0, rows: int = 3_000) -> NDArray[np.intp]:
    """Which `most` columns, in order of their number, rank struck and spared rows apart best, each by itself (area under the
    ROC curve, away from a half; a missing value counts as the median). Looks at `rows` rows of each outcome at most."""
    from scipy.stats import rankdata

    rng = np.random.default_rng(seed)
    chosen = np.concatenate([rng.permutation(np.flatnonzero(target == side))[:rows] for side in (True, False)])
    part, struck = values[chosen], target[chosen]
    known = np.isfinite(part)
    part = np.where(known.any(0), part, np.float32(0))
    part = np.where(np.isfinite(part), part, np.nanmedian(part, axis=0))
    ranks = rankdata(part, axis=0)
    n = int(struck.sum())
    area = (ranks[struck].sum(0) - n * (n + 1) / 2) / (n * max(len(struck) - n, 1))
    return np.sort(np.argsort(-np.abs(area - 0.5), kind="stable")[:most])


def _calibration(sample: Sample, target: NDArray[np.bool_], seed: int) -> tuple[float, float]:
    """Gain and offset on the log-odds by which scores of units left out become frequencies."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    raw = np.zeros(len(target))
    for seen, left_out in GroupKFold(_FOLDS).split(sample.values, groups=sample.unit):
        if target[seen].any():
            raw[left_out] = _grow(sample.rows(seen), target[seen], seed).predict(sample.values[left_out])
        else:
            raw[left_out] = np.log(0.5 / len(seen))
    fitted = LogisticRegression(C=1.0).fit(raw[:, None], target, sample.weight)
    return max(float(fitted.coef_[0, 0]), 0.05), float(fitted.intercept_[0])
