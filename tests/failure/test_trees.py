from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from models.failure.trees import GROWTH, grow, of_boosting


@pytest.fixture(scope="module")
def rows():
    chance = np.random.default_rng(1)
    values = chance.normal(0, 1, (1_500, 6)).astype(np.float32)
    values[chance.random(values.shape) < 0.1] = np.nan
    target = np.nan_to_num(values[:, 0]) + np.where(np.isnan(values[:, 1]), 2, 0) + chance.normal(0, 0.1, 1_500)
    return values, target


@pytest.mark.parametrize("kind", [HistGradientBoostingRegressor, HistGradientBoostingClassifier])
def test_copied_trees_answer_as_the_library_does_also_for_missing_values(rows, kind):
    values, target = rows
    model = kind(**GROWTH, random_state=0)
    trees = grow(model, values, target if kind is HistGradientBoostingRegressor else target > 1)
    expected = model.predict(values) if kind is HistGradientBoostingRegressor else model.decision_function(values)

    np.testing.assert_allclose(trees.predict(values), expected, atol=1e-9)


def test_contributions_and_the_mean_add_up_to_the_prediction_and_name_the_cause(rows):
    values, target = rows
    trees = grow(HistGradientBoostingRegressor(**GROWTH, random_state=0), values, target)
    moved = trees.contributions(values[:300])

    np.testing.assert_allclose(moved.sum(1) + trees.mean, trees.predict(values[:300]), atol=1e-9)
    assert set(np.argsort(-np.abs(moved).mean(0))[:2]) == {0, 1}
    assert moved[np.isnan(values[:300, 1]), 1].min() > 0.5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: {"left": np.zeros_like(t.left)}, "outside itself or back"),
        (lambda t: {"right": t.right + t.right.shape[1]}, "outside itself or back"),
        (lambda t: {"feature": t.feature + 6}, "not there"),
        (lambda t: {"value": t.value * np.nan}, "not finite"),
        (lambda t: {"value": t.value[:, :2]}, "differ in shape"),
    ],
)
def test_trees_that_would_loop_or_read_elsewhere_are_refused(rows, change, reason):
    trees = grow(HistGradientBoostingRegressor(**GROWTH, random_state=0), *rows)

    with pytest.raises(ValueError, match=reason):
        replace(trees, **change(trees))


def test_a_library_that_keeps_its_trees_elsewhere_is_named():
    with pytest.raises(TypeError, match="scikit-learn keeps its trees elsewhere"):
        of_boosting(object(), 3)


def test_a_feature_that_is_never_known_in_training_is_never_asked_for(rows):
    values, target = rows[0].copy(), rows[1]
    values[:, 3] = np.nan
    trees = grow(HistGradientBoostingRegressor(**GROWTH, random_state=0), values, target)

    assert 3 not in trees.feature[trees.left != np.arange(trees.left.shape[1])]
