"""What is about which fault, on cases worked out by hand."""

import pytest

from models.evaluation.matching import AFTER_US, about

MINUTE = 60_000_000


@pytest.mark.parametrize(
    ("minute", "end", "found"),
    [(9, 60, False), (10, 60, True), (69, 60, True), (70, 60, True), (71, 60, False), (10_000, None, True)],
)
def test_it_lasts_from_the_start_of_a_fault_until_ten_minutes_after_its_end(minute, end, found):
    end_us = None if end is None else end * MINUTE

    assert about([("A/1", 10 * MINUTE, end_us)], [("A/1", minute * MINUTE)]) == [[0] if found else []]
    assert AFTER_US == 10 * MINUTE


def test_number_0_is_the_station_on_either_side_and_other_stations_are_left_out():
    told = [("A/0", 5), ("A/2", 5), ("B/1", 5), ("A/1", 6)]

    assert about([("A/1", 0, None), ("A/0", 0, None), ("B/2", 0, None)], told) == [[0, 3], [0, 1, 3], []]
