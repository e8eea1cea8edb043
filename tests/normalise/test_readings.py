"""Readings: units and ranges, clocks, missing values, rows in columns."""

import numpy as np
import pytest

from schemas.telemetry import CLOCK_REPLACED, RANGE_DROPPED, RETAINED

MINUTE = 60_000_000


def reading(port=1, **more):
    return {"port": port, "at": 1_760_000_000_000, "voltage": 230.0} | more


def test_a_reading_becomes_one_line_at_its_port(said, now):
    assert said("ev/DE-1/from/reading", reading(current=16, energy=123_456_789.125))["readings"] == [
        ("DE-1/1", now, now, 0, 0, 0, {"voltage": 230.0, "current": 16.0, "energy": 123_456_789.125})
    ]


def test_other_values_follow_their_reading_in_order(said, now):
    view = said("ev/DE-1/from/reading", reading(other={"isolation": 950, "x": None, "rssi": -70.5}))

    assert [row[4] for row in view["readings"]] == [0]
    assert view["other"] == [("DE-1/1", now, now, 0, 1, "isolation", 950.0), ("DE-1/1", now, now, 0, 2, "rssi", -70.5)]


def test_other_values_without_a_channel_make_no_reading(said, now):
    view = said("ev/DE-1/from/reading", {"port": 0, "other": {"humidity": 40}})

    assert (view["readings"], view["other"]) == ([], [("DE-1/0", now, now, 0, 0, "humidity", 40.0)])


@pytest.mark.parametrize(
    "payload", [{"port": 1}, {"port": 1, "voltage": None, "other": {"x": None}}, {"port": 1, "other": {}}]
)
def test_a_reading_without_any_value_is_rejected_as_empty(payload, said):
    assert [r.reason for r in said("ev/DE-1/from/reading", payload)["rejects"]] == ["empty"]


def test_a_canonical_channel_under_other_is_rejected_whole(said):
    view = said("ev/DE-1/from/reading", reading(other={"voltage": 1}))

    assert ([r.reason for r in view["rejects"]], view["readings"], view["other"]) == (["schema"], [], [])


@pytest.mark.parametrize(
    ("channel", "value", "kept"),
    [
        ("soc", 100, True),
        ("soc", 100.01, False),
        ("soc", -0.01, False),
        ("temp_connector", 250, True),
        ("temp_connector", 250.1, False),
        ("voltage", 1e300, False),
        ("energy", 1e13, True),
        ("energy", 1.1e13, False),
    ],
)
def test_a_value_outside_its_physical_range_is_dropped_and_flagged_and_the_rest_stays(channel, value, kept, said):
    row = said("ev/DE-1/from/reading", reading(current=5) | {channel: value})["readings"][0]

    assert (channel in row[6], row[5]) == (kept, 0 if kept else RANGE_DROPPED)
    assert row[6]["current"] == 5


@pytest.mark.parametrize("value", [-0.0, -1e-60])
def test_zero_has_no_sign(value, said):
    (row,) = said("ev/DE-1/from/reading", reading(current=value))["readings"]

    assert (str(row[6]["current"]), np.signbit(row[6]["current"])) == ("0.0", False)


def test_a_reading_of_which_nothing_is_in_range_stays_as_a_flagged_line(said):
    (row,) = said("ev/DE-1/from/reading", {"port": 1, "soc": 400})["readings"]

    assert row[5:] == (RANGE_DROPPED, {})


@pytest.mark.parametrize(
    ("at", "flag"),
    [
        (None, 0),
        (1_760_000_000_000 + 300_000, 0),
        (1_760_000_000_000 + 300_001, CLOCK_REPLACED),
        (1_577_836_800_000, 0),
        (1_577_836_799_999, CLOCK_REPLACED),
        (0, CLOCK_REPLACED),
        ("1970-01-01T00:00:07Z", CLOCK_REPLACED),
    ],
)
def test_an_implausible_clock_is_replaced_by_the_receive_time_and_flagged(at, flag, said, now):
    row = said("ev/DE-1/from/reading", reading(at=at))["readings"][0]

    assert row[5] == flag
    assert row[1] == (now if flag or at is None else at * 1_000)


def test_a_time_in_words_is_read_to_the_microsecond(said):
    row = said("ev/DE-1/from/reading", reading(at="2025-10-09T10:30:00.123456+02:00"))["readings"][0]

    assert row[1] == 1_759_998_600_123_456


def test_times_of_both_kinds_may_stand_in_one_poll(normaliser, record, now, view):
    payloads = [reading(at=a) for a in (1_760_000_000_000, "2025-10-09T08:53:20Z", None)] + [{"port": 1, "soc": 1}]
    records = [record("ev/DE-1/from/reading", p, offset=i) for i, p in enumerate(payloads)]

    assert {row[1] for row in view(normaliser.normalise(0, records).batch)["readings"]} == {now}


def test_a_retained_reading_is_flagged(said):
    assert said("ev/DE-1/from/reading", reading(), retain=True)["readings"][0][5] == RETAINED


def test_rows_in_columns_become_readings_and_values_of_their_ports(said, now):
    payload = {
        "port": [1, 2, 1],
        "at": [1_760_000_000_000, 1_759_999_999_000, "2025-10-09T08:53:18Z"],
        "channels": {"voltage": [400, None, 401], "soc": [None, None, 120]},
        "other": {"rssi": [-70, -71, None]},
    }
    view = said("ev/DE-1/from/readings", payload)

    assert view["readings"] == [
        ("DE-1/1", now, now, 0, 0, 0, {"voltage": 400.0}),
        ("DE-1/1", now - 2_000_000, now, 0, 1, RANGE_DROPPED, {"voltage": 401.0}),
    ]
    assert view["other"] == [
        ("DE-1/1", now, now, 0, 2, "rssi", -70.0),
        ("DE-1/2", now - 1_000_000, now, 0, 3, "rssi", -71.0),
    ]


def test_rows_written_under_a_wrong_clock_keep_their_distances(said, now):
    at = [10_000, 70_000, 1_759_999_000_000, 130_000]
    rows = said("ev/DE-1/from/readings", {"port": 1, "at": at, "channels": {"soc": [1, 2, 3, 4]}})["readings"]

    assert [(r[1] - now, r[5]) for r in rows] == [
        (-2 * MINUTE, CLOCK_REPLACED),
        (-MINUTE, CLOCK_REPLACED),
        (-1_000_000_000, 0),
        (0, CLOCK_REPLACED),
    ]


def test_rows_of_wrong_clocks_that_lie_decades_apart_get_the_receive_time(said, now):
    rows = said("ev/DE-1/from/readings", {"port": 1, "at": [0, 1_500_000_000_000], "channels": {"soc": [1, 2]}})[
        "readings"
    ]

    assert [r[1] for r in rows] == [now, now]


@pytest.mark.parametrize(
    "payload",
    [
        {"port": [1], "at": [1, 2], "channels": {"soc": [1, 2]}},
        {"port": 1, "at": [1, 2], "channels": {"soc": [1]}},
        {"port": 1, "at": [1], "other": {"x": [1, 2]}},
        {"port": 1, "at": [1], "other": {"soc": [1]}},
        {"port": 1, "at": [1], "channels": {"volts": [1]}},
    ],
)
def test_rows_that_do_not_fit_together_are_rejected_whole(payload, said):
    view = said("ev/DE-1/from/readings", payload)

    assert ([r.reason for r in view["rejects"]], view["readings"], view["other"]) == (["schema"], [], [])


def test_channels_that_turn_up_late_in_a_poll_are_not_lost(normaliser, record):
    names = ["voltage", "current", "power", "energy", "soc", "fan_rpm"]
    payloads = [{"port": 1, **dict.fromkeys(names[: 1 + i // 3], 10)} for i in range(18)]
    records = [record("ev/DE-1/from/reading", p, offset=i) for i, p in enumerate(payloads)]

    for _ in range(2):
        readings = normaliser.normalise(0, records).batch.readings
        assert {n: int(np.isfinite(c).sum()) for n, c in readings.channels.items()} == {
            n: 18 - 3 * i for i, n in enumerate(names)
        }
