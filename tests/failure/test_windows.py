import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.failure.windows import Timeline, Windows


@st.composite
def columns(draw):
    n = draw(st.integers(1, 40))
    value = st.one_of(st.floats(-1e3, 1e3), st.just(float("nan")))
    values = np.array(draw(st.lists(st.tuples(value, value), min_size=n, max_size=n)))
    time = np.cumsum(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))).astype(float)
    spans = draw(st.lists(st.tuples(st.integers(0, n), st.integers(0, n)), min_size=1, max_size=8))
    lo, hi = np.array([(min(s), max(s)) for s in spans], np.int64).T
    return time, values, lo, hi


def slow(time, values, lo, hi, what):
    out = np.full((len(lo), values.shape[1]), np.nan)
    for i, (a, b) in enumerate(zip(lo, hi, strict=True)):
        for j in range(values.shape[1]):
            x, t = values[a:b, j], time[a:b]
            x, t = x[~np.isnan(x)], t[~np.isnan(x)]
            if len(x) and (what is not slope or (len(x) >= 3 and np.ptp(t) > 0)):
                out[i, j] = what(x, t)
    return out


def slope(x, t):
    return np.sum((t - t.mean()) * (x - x.mean())) / np.sum((t - t.mean()) ** 2)


@settings(max_examples=150, deadline=None)
@given(columns())
def test_windows_agree_with_a_slow_walk(drawn):
    time, values, lo, hi = drawn
    windows = Windows(time, values)

    for name, what in (
        ("mean", lambda x, t: x.mean()),
        ("deviation", lambda x, t: x.std()),
        ("low", lambda x, t: x.min()),
        ("high", lambda x, t: x.max()),
        ("slope", slope),
    ):
        expected = slow(time, values, lo, hi, what)
        np.testing.assert_allclose(getattr(windows, name)(lo, hi), expected, rtol=1e-5, atol=1e-3, err_msg=name)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 20)), max_size=30),
    st.lists(st.tuples(st.integers(0, 3), st.integers(-9, 25)), min_size=1, max_size=10),
)
def test_a_time_falls_behind_all_rows_of_its_unit_that_are_not_later(rows, asked):
    rows = sorted(rows)
    table = np.array(rows, np.int64).reshape(-1, 2)
    line = Timeline(table[:, 0], table[:, 1])
    unit, at = np.array(asked, np.int64).T

    assert line.rows_until(unit, at).tolist() == [
        sum(1 for r in rows if r[0] < u or (r[0] == u and r[1] <= t)) for u, t in asked
    ]
    assert line.first_rows(unit).tolist() == [sum(1 for r in rows if r[0] < u) for u, _ in asked]


def test_unsorted_rows_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match="sort them"):
        Timeline(np.array([0, 0]), np.array([5, 4]))


def test_times_in_too_fine_a_unit_are_refused():
    with pytest.raises(ValueError, match="coarser unit"):
        Timeline(np.array([0, 100]), np.array([0, 2**60]))
