"""Helpers of the columns beside what NumPy does by itself."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.columns import distinct, in_order

NUMBERS = st.lists(st.one_of(st.integers(0, 40), st.integers(65_500, 65_600), st.integers(0, 10**9)), max_size=60)


@given(NUMBERS)
def test_numbers_are_put_in_order_and_equal_ones_stay_as_they_came(numbers):
    found = in_order(np.array(numbers, np.int64))

    assert found.tolist() == sorted(range(len(numbers)), key=lambda i: numbers[i])


@given(st.lists(st.integers(0, 3_000), max_size=60), st.integers(0, 5_000))
def test_distinct_numbers_and_their_places_are_those_of_unique(numbers, more):
    values = np.array(numbers, np.int32)
    met, place = distinct(values, max(numbers, default=0) + 1 + more)

    assert met.tolist() == sorted(set(numbers))
    assert met[place].tolist() == numbers
