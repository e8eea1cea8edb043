import numpy as np

from models.failure.targets import fates, life_left


def test_a_fate_is_struck_only_inside_its_span_and_known_only_if_watched(make):
    failures = make.occurrences([(0, 100, 0), (1, 50, 0)])
    unit, at = np.array([0, 0, 0, 0, 1, 1]), np.array([75, 76, 52, 100, 20, 60])
    fate = fates(unit, at, failures, np.array([200, 80]), 24, 48)

    assert fate.struck.tolist() == [True, False, True, False, True, False]
    assert fate.at_risk.tolist() == [True, False, True, True, True, True]
    assert fate.known.tolist() == [True, True, True, True, True, False]


def test_life_left_is_capped_and_unknown_for_a_unit_not_watched_long_enough():
    left, known = life_left(
        np.array([0, 0, 1, 1]), np.array([10, 90, 10, 70]), np.array([100, -1]), np.array([100, 80]), 60
    )

    assert left.tolist() == [60, 10, 60, 10]
    assert known.tolist() == [True, True, True, False]
