"""Remaining life from run-to-failure histories, on the same features and trees as the hazards."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.failure.features import Asked, Features, Preparation, prepare
from models.failure.history import History
from models.failure.targets import life_left
from models.failure.trees import GROWTH, Trees, grow
from models.failure.windows import Floats, Ints

CAP: Final = 125


@dataclass(frozen=True, slots=True)
class LifeModel:
    """Steps left until failure, at most `cap`: beyond it wear does not show yet, and the answer means "at least"."""

    cap: int
    names: tuple[str, ...]
    trees: Trees

    def left(self, features: Features, unit: Ints, at: Ints) -> Floats:
        """Steps left for each question (unit, at)."""
        names, values = features.table(Asked(unit, at))
        if tuple(names) != self.names:
            raise ValueError("the model of remaining life was trained on other features; train it anew")
        return np.clip(self.trees.predict(values), 0.0, self.cap)


def train_life(
    history: History, failed_at: Ints, watched_until: Ints, cap: int = CAP, seed: int = 0
) -> tuple[Preparation, LifeModel]:
    """Learn from every row whose remaining life is known. `failed_at` [units] is negative where a unit did not fail.

    Raises ValueError when no unit failed.
    """
    if not (failed_at >= 0).any():
        raise ValueError("no unit failed in the history, so remaining life cannot be learned from it")
    from sklearn.ensemble import HistGradientBoostingRegressor  # whoever only predicts need not load it

    preparation = prepare(history, seed)
    target, known = life_left(history.unit, history.at, failed_at, watched_until, cap * history.step)
    names, values = preparation.of(history).table(Asked(history.unit, history.at))
    trees = grow(
        HistGradientBoostingRegressor(**GROWTH, random_state=seed), values[known], target[known] / history.step
    )
    return preparation, LifeModel(cap, tuple(names), trees)
