import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss

from models.failure.scores import average_precision, brier, calibration_error

outcomes = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60).filter(
    lambda rows: any(r[0] for r in rows)
)


@settings(max_examples=100, deadline=None)
@given(outcomes)
def test_average_precision_is_that_of_scikit_learn(rows):
    struck, score = np.array([r[0] for r in rows]), np.array([r[1] for r in rows]) / 20

    assert average_precision(struck, score) == pytest.approx(average_precision_score(struck, score))


@settings(max_examples=100, deadline=None)
@given(outcomes)
def test_the_parts_of_the_brier_score_add_up_to_it(rows):
    struck, probability = np.array([r[0] for r in rows]), np.array([r[1] for r in rows]) / 20
    parts = brier(struck, probability)

    assert parts.score == pytest.approx(brier_score_loss(struck, probability) if not struck.all() else parts.score)
    assert parts.reliability - parts.resolution + parts.uncertainty + parts.within == pytest.approx(parts.score)


def test_a_sure_and_right_forecast_has_full_skill_and_the_base_rate_none():
    struck = np.arange(100) < 20

    assert brier(struck, struck.astype(float)).skill == pytest.approx(1)
    assert brier(struck, np.full(100, 0.2)).skill == pytest.approx(0)
    assert calibration_error(struck, np.full(100, 0.5), bins=1) == pytest.approx(0.3)


def test_without_a_failure_precision_is_not_a_number_and_without_rows_an_error():
    assert np.isnan(average_precision(np.zeros(3), np.arange(3)))
    with pytest.raises(ValueError, match="no rows"):
        brier(np.empty(0), np.empty(0))
