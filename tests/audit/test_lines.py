"""What the table must hold of lines of one instant: the last value told of each channel."""

import numpy as np

from chargewell.audit.lines import COMPARED, Readings


def row(**values):
    return [values.get(name, np.nan) for name in COMPARED]


def test_of_each_instant_and_channel_the_last_value_told_stands():
    lines = Readings(
        at=[np.array([20, 10]), np.array([10, 30])],
        values=[np.array([row(voltage=1.0), row(voltage=2.0, current=5.0)]), np.array([row(current=6.0), row()])],
    )

    at, values = lines.newest()

    assert at.tolist() == [10, 20, 30]
    np.testing.assert_array_equal(values, [row(voltage=2.0, current=6.0), row(voltage=1.0), row()])
