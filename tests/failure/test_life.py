import numpy as np
import pytest

from models.failure.life import train_life


@pytest.mark.parametrize("regimes", [1, 6])
def test_remaining_life_is_told_from_wear_whatever_the_operating_regimes(make, regimes):
    train, ends = make.wearing(units=50, seed=0, regimes=regimes)
    test, test_ends = make.wearing(units=30, seed=1, regimes=regimes)
    preparation, model = train_life(train, ends, ends, cap=100)
    at = np.maximum(test_ends - np.arange(10, 70, 2), 5)
    true = np.minimum(test_ends - at, 100)
    told = model.left(preparation.of(test), np.arange(30), at)
    by_age = np.clip(ends.mean() - at, 0, 100)

    assert np.mean((told - true) ** 2) < 0.4 * np.mean((by_age - true) ** 2)


def test_units_that_did_not_fail_teach_only_what_is_known_of_them(make):
    history, ends = make.wearing(units=30)
    failed = np.where(np.arange(30) < 20, ends, -1)
    _, model = train_life(history, failed, ends, cap=40)

    assert model.cap == 40
    with pytest.raises(ValueError, match="no unit failed"):
        train_life(history, np.full(30, -1), ends)
