"""Boosted trees as plain arrays: they predict, explain and rest without the library that grew them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.failure.windows import Floats

_ROWS: Final = 4_096
GROWTH: Final[dict[str, Any]] = {
    "max_iter": 150,
    "learning_rate": 0.06,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 60,
    "l2_regularization": 5.0,
    "max_features": 0.3,
    "early_stopping": False,
}
"""How trees are grown, for hazards and remaining life alike; chosen by cross-validation over units of training data."""


@dataclass(frozen=True, slots=True)
class Trees:
    """The sum of `base` and one leaf of each tree; arrays are [trees, nodes], node 0 the root.

    A row goes to `left` where its `feature` is at most `threshold`, or is missing and `missing_left` holds; a leaf is its
    own child. `value` is what a leaf adds, in an inner node the mean of its leaves over the training rows. Children
    have higher numbers than their parents, so that every walk ends.
    """

    base: float
    features: int
    feature: NDArray[np.int32]
    threshold: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    missing_left: NDArray[np.bool_]
    value: Floats

    def __post_init__(self) -> None:
        shape = self.feature.shape
        arrays = (self.threshold, self.left, self.right, self.missing_left, self.value)
        if len(shape) != 2 or shape[1] == 0 or any(a.shape != shape for a in arrays):
            raise ValueError("the arrays of the trees differ in shape")
        node = np.arange(shape[1])
        leaf = (self.left == node) & (self.right == node)
        if (
            not (leaf | ((self.left > node) & (self.right > node))).all()
            or max(self.left.max(initial=0), self.right.max(initial=0)) >= shape[1]
        ):
            raise ValueError("a tree points outside itself or back")
        if self.feature.min(initial=0) < 0 or self.feature.max(initial=0) >= self.features:
            raise ValueError("a tree asks for a feature that is not there")
        if np.isnan(self.threshold).any() or not np.isfinite(self.value).all() or not np.isfinite(self.base):
            raise ValueError("a tree holds a number that is not finite")

    def predict(self, values: np.ndarray) -> Floats:
        """The sums for rows [n, features]; NaN is missing."""
        out = np.full(len(values), self.base)
        for first in range(0, len(values), _ROWS):
            rows = slice(first, first + _ROWS)
            node, tree = self._start(values[rows])
            for _, _, after in self._walk(values[rows]):
                node = after
            out[rows] += self.value[tree, node].sum(1)
        return out

    def contributions(self, values: np.ndarray) -> Floats:
        """What each feature adds to the sum, [n, features]: at each split, the change of the expected value.

        A row's contributions and `mean` add up to its prediction. Features that tell the same share what they tell by the
        splits that happen to use them.
        """
        out = np.zeros((len(values), self.features))
        for first in range(0, len(values), _ROWS):
            part = values[first : first + _ROWS]
            _, tree = self._start(part)
            row = np.broadcast_to(np.arange(len(part))[:, None], (len(part), len(self.feature)))
            for before, asked, after in self._walk(part):
                change = self.value[tree, after] - self.value[tree, before]
                np.add.at(out, (row + first, asked), change)
        return out

    @property
    def mean(self) -> float:
        """The prediction before anything is known of a row."""
        return float(self.base + self.value[:, 0].sum())

    def _start(self, values: np.ndarray) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        trees = len(self.feature)
        return np.zeros((len(values), trees), np.int32), np.broadcast_to(np.arange(trees), (len(values), trees))

    def _walk(self, values: np.ndarray) -> Iterator[tuple[Any, Any, Any]]:
        node, tree = self._start(values)
        row = np.arange(len(values))[:, None]
        while True:
            asked = self.feature[tree, node]
            x = values[row, asked].astype(np.float64)
            goes_left = np.where(np.isnan(x), self.missing_left[tree, node], x <= self.threshold[tree, node])
            after = np.where(goes_left, self.left[tree, node], self.right[tree, node])
            if (after == node).all():
                return
            yield node, asked, after
            node = after


def of_boosting(model: Any, features: int) -> Trees:
    """The trees of a fitted HistGradientBoosting model of one output, without categorical features.

    It reads scikit-learn's own node table, which is not a promised interface: TypeError names what is missing, and the
    caller can check the copy against the model (`grow` does).
    """
    try:
        tables = [stage[0].nodes for stage in model._predictors]
        base = float(np.ravel(model._baseline_prediction)[0])
    except AttributeError as error:
        raise TypeError(
            f"this scikit-learn keeps its trees elsewhere ({error}); models.failure.trees must learn it"
        ) from error
    shape = (len(tables), max((len(t) for t in tables), default=1))
    own = np.broadcast_to(np.arange(shape[1], dtype=np.int32), shape)
    left, right = own.copy(), own.copy()
    feature, value = np.zeros(shape, np.int32), np.zeros(shape)
    threshold, missing = np.zeros(shape), np.zeros(shape, np.bool_)
    for i, table in enumerate(tables):
        inner = np.flatnonzero(table["is_leaf"] == 0)
        left[i, inner], right[i, inner] = table["left"][inner], table["right"][inner]
        feature[i, inner], threshold[i, inner] = table["feature_idx"][inner], table["num_threshold"][inner]
        missing[i, inner] = table["missing_go_to_left"][inner] > 0
        value[i, : len(table)] = table["value"]
        count = table["count"].astype(np.float64)
        for node in inner[::-1]:
            sides = [left[i, node], right[i, node]]
            value[i, node] = np.average(value[i, sides], weights=count[sides])
    return Trees(base, features, feature, threshold, left, right, missing, value)


def grow(model: Any, values: np.ndarray, target: np.ndarray) -> Trees:
    """Fit `model` and take its trees, checked on training rows against its own answer (RuntimeError if they differ)."""
    # scikit-learn 1.9 fails on a column without any value; as a constant it is never asked for
    values = np.where(np.isnan(values).all(0), np.float32(0), values)
    with threadpool_limits(1):  # threads gain little on tables of this size and wait by spinning on a busy machine
        model.fit(values, target)
    trees = of_boosting(model, values.shape[1])
    some = values[:: max(1, len(values) // 200)]
    theirs = model.decision_function(some) if hasattr(model, "decision_function") else model.predict(some)
    if not np.allclose(trees.predict(some), theirs, atol=1e-6):
        raise RuntimeError("the copied trees answer differently from scikit-learn's; its node table has changed")
    return trees
