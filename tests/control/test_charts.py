"""Charts: of any values, and of what is stored."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.pages import charts, series
from control.pages.charts import Mark, chart, strip
from control.pages.series import Series

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SVG = "{http://www.w3.org/2000/svg}"


# -- charts, without anything ---------------------------------------------------------------------------------------------

VALUES = st.lists(st.none() | st.floats(-1e7, 1e7), min_size=1, max_size=40)


@given(VALUES, st.none() | st.floats(-1e6, 1e6), st.integers(1, 10**6))
def test_every_chart_is_well_formed_and_stays_in_its_frame(values, expected, step):
    at = [NOON + timedelta(seconds=step * i) for i in range(len(values))]
    one = Series("power", "W", at, values)
    marks = [Mark(at[0], "<began>", "onset"), Mark(at[-1] + timedelta(days=9), "outside", "alert")]
    drawn = chart([] if one.empty else [one], at[0], at[-1] + timedelta(seconds=1), BERLIN, marks=marks,
                  expected={} if expected is None else {"power": expected})  # fmt: skip

    if one.empty:
        assert drawn == ""
        return
    root = ET.fromstring(drawn)
    width, height = (float(v) for v in root.attrib["viewBox"].split()[2:])
    points = [p for line in root.iter("polyline") for p in line.attrib["points"].split()]
    assert len(points) + len(list(root.iter("circle"))) == sum(v is not None for v in values)
    for point in points:
        x, y = (float(v) for v in point.split(","))
        assert -0.1 <= x <= width + 0.1
        assert -0.1 <= y <= height + 0.1
    assert "outside" not in drawn
    assert "<began>" not in drawn


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_ticks_are_few_and_hold_all_values(low, spread):
    ticks = charts._ticks(low, low + spread)

    assert 2 <= len(ticks) <= 6
    unseen = 1e-6 * max(1, spread, abs(low))  # far less than a pixel
    assert ticks[0] <= low + unseen
    assert ticks[-1] >= low + spread - unseen


def test_a_line_is_broken_where_nothing_was_measured():
    at = [NOON + timedelta(minutes=m) for m in (0, 1, 2, 3, 60, 61, 62)]
    drawn = chart([Series("power", "W", at, [1.0] * 7)], at[0], at[-1], BERLIN)

    assert drawn.count("<polyline") == 2


def test_power_is_shown_in_kilowatts_and_times_in_the_sites_zone():
    at = [NOON + timedelta(minutes=m) for m in range(0, 61, 5)]
    drawn = chart([Series("power", "W", at, [50_000.0 + m for m in range(13)])], at[0], at[-1], BERLIN)

    assert "power, kW" in drawn
    assert ">13:00<" in drawn


def test_a_strip_says_what_it_shows_in_words():
    drawn = strip(
        [(NOON, NOON + timedelta(hours=1), "down", "down (<faulted>)")], NOON, NOON + timedelta(days=1), BERLIN
    )

    assert "01 Mar 13:00 to 01 Mar 14:00: down (&lt;faulted&gt;)" in drawn
    ET.fromstring(drawn)


def test_the_channels_that_the_alert_names_come_first():
    assert series.channels_for("cooling", ["voltage", "no such channel", "fan_rpm"]) == [
        "voltage",
        "fan_rpm",
        "temp_internal",
        "power",
    ]


# -- charts of what is stored ---------------------------------------------------------------------------------------------


@pytest.mark.integration
def test_single_readings_are_shown_for_a_short_span_and_minutes_for_a_long_one(conn, port_no):
    conn.execute(
        """INSERT INTO reading (port_no, at, received_at, power) SELECT %(p)s, t, t, 100 FROM generate_series(%(a)s, %(b)s, interval '10 s') t""",
        {"p": port_no, "a": NOON, "b": NOON + timedelta(minutes=59, seconds=50)},
    )
    conn.execute(
        """INSERT INTO reading_1m (port_no, at, n, power_mean) SELECT %(p)s, t, 6, 200 FROM generate_series(%(a)s, %(b)s, interval '1 min') t""",
        {"p": port_no, "a": NOON - timedelta(days=1), "b": NOON},
    )

    short = series.read(conn, port_no, ["power", series.MESSAGES], NOON, NOON + timedelta(hours=1))
    long = series.read(conn, port_no, ["power", "voltage"], NOON - timedelta(days=1), NOON)

    assert [s.channel for s in short] == ["power", series.MESSAGES]
    assert set(short[0].values) == {100.0}
    assert len(short[0].values) == series.BINS
    assert sum(short[1].values) / len(short[1].values) == pytest.approx(6.0)
    assert [(s.channel, set(s.values)) for s in long] == [("power", {200.0})]


@pytest.mark.integration
def test_silence_is_shown_as_no_messages_and_not_as_no_chart(conn, port_no):
    (only,) = series.read(conn, port_no, [series.MESSAGES, "power"], NOON, NOON + timedelta(hours=1))

    assert set(only.values) == {0.0}
