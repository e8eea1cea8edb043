"""What comes of ordering by a ranking: one order in two weeks, right before a failure or at a worn part; and where the level lies."""

import numpy as np

from models.failure.asked import Asked
from models.failure.orders import level_of, orders

DAY = 24
DAYS = 61


def asked(fails_on=None, worn=(), ports=1):
    """A question a day about each port, of one family; port 0 fails at the beginning of a day, or not at all."""
    port, day = np.repeat(np.arange(ports), DAYS), np.tile(np.arange(DAYS), ports)
    n = len(day)
    ahead = np.full(n, np.inf)
    if fails_on is not None:
        ahead = np.where((port == 0) & (day < fails_on), (fails_on - day) * DAY, ahead).astype(np.float64)
    nothing = np.zeros((n, 3), np.bool_)
    return Asked(
        port, day * DAY, np.zeros(n, np.int64), nothing, nothing, ahead, np.isin(day, worn), {}, n * DAY / 730.56
    )


def on(*days, ports=1):
    return np.tile(np.isin(np.arange(DAYS), days).astype(np.float64), ports)


def figures(given, score, level=0.5):
    found = orders(given, score, level)
    return found.orders, found.false, found.found, found.failures


def test_days_above_the_level_are_one_order_in_two_weeks():
    assert figures(asked(), on(3, 4, 16)) == (1, 1, 0, 0)
    assert figures(asked(), on(3, 4, 17)) == (2, 2, 0, 0)


def test_an_order_is_right_when_the_failure_comes_within_two_weeks_and_tells_how_far_ahead():
    assert figures(asked(fails_on=40), on(25)) == (1, 1, 0, 1)
    assert figures(asked(fails_on=40), on(26)) == (1, 0, 1, 1)
    assert orders(asked(fails_on=40), on(37), 0.5).lead_h == 3 * DAY


def test_an_order_at_a_worn_part_is_not_false_though_nothing_strikes():
    assert figures(asked(worn=(20,)), on(20)) == (1, 0, 0, 0)


def test_questions_whose_two_weeks_were_not_watched_do_not_count():
    assert figures(asked(), on(46)) == (1, 1, 0, 0)
    assert figures(asked(), on(47)) == (0, 0, 0, 0)


def test_the_level_is_the_least_one_with_few_enough_false_orders():
    given = asked(fails_on=40, ports=100)
    score = np.full(len(given.at), 0.1)
    right, wrong = (given.port == 0) & (given.at == 38 * DAY), (given.port == 7) & (given.at == 5 * DAY)
    score[right], score[wrong] = 0.9, 0.6

    level = level_of(given, score)
    assert 0.1 < level <= 0.6
    assert orders(given, score, level).false == 1
    assert 0.6 < level_of(given, score, false_orders=0.5) <= 0.9
    assert level_of(given, np.zeros(len(score))) == float("inf")
