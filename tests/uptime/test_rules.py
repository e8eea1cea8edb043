"""Rules worked out by hand from their own text: NEVI's formula, the caps of California, the UK's classes, a contract."""

from datetime import UTC, datetime

import pytest

from models.uptime.rules import Excuse, Interval, closed_spans, network, read_rule, rules, statement, window_of
from models.uptime.rules.rule import KINDS
from schemas.assets import PortFacts

HOUR = 3_600_000_000
DAY = 24 * HOUR
YEAR = window_of("twelve_months", 2025, 12, "UTC")


def at(text):
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


def a_year(*outages, window=YEAR):
    """Intervals of a year that is up but for `outages`: (first day, hours, reason)."""
    rows, now = [], window[0]
    for day, hours, reason in sorted(outages):
        start = window[0] + round(day * DAY)
        rows += [Interval(now, start, "ok"), Interval(start, start + round(hours * HOUR), reason)]
        now = rows[-1].to_at
    return [*rows, Interval(now, None, "ok")]


def excuse(day, hours, category, incident="i"):
    return Excuse(YEAR[0] + round(day * DAY), YEAR[0] + round((day + hours / 24) * DAY), category, incident)


def test_every_rule_file_is_a_rule_that_says_how_each_kind_of_time_counts():
    assert set(rules()) == {"nevi", "cec", "uk_pcpr", "contract"}
    assert all(set(rule.counts) == set(KINDS) for rule in rules().values())


def test_a_rule_file_with_a_gap_is_refused_by_name():
    with pytest.raises(ValueError, match=r"(?s)mine.toml.*silence"):
        read_rule("mine", MINE.replace('silence = "outage"', ""))
    with pytest.raises(ValueError, match=r"(?s)mine.toml.*tresholt"):
        read_rule("mine", MINE.replace("threshold", "tresholt"))


MINE = """
title = "Mine"
version = 1
level = "port"
window = "month"
threshold = 0.9
strictly_above = true
denominator = "counted"
[counts]
ok = "up"
energy = "up"
faulted = "outage"
unavailable = "outage"
silence = "outage"
bridge = "ignore"
no_data = "ignore"
"""


# -- NEVI -------------------------------------------------------------------------------------------------------------
def test_nevi_takes_excluded_outages_off_and_divides_by_525_600():
    rows = a_year((10, 200, "faulted"), (100, 76, "silence"), (200, 24, "unavailable"))
    excuses = [excuse(10, 50, "grid"), excuse(200, 24, "planned_maintenance")]

    found = statement(rules()["nevi"], rows, YEAR, excuses)

    assert found.outage == 300 * 60
    assert found.excluded == {"grid": 3000, "planned_maintenance": 1440}
    assert found.uptime == (525_600 - (18_000 - 4_440)) / 525_600
    assert round(found.uptime, 6) == 0.974201
    assert found.met


@pytest.mark.parametrize(("minutes", "met"), [(15_767, True), (15_768, False)])
def test_nevi_wants_more_than_97_percent(minutes, met):
    found = statement(rules()["nevi"], a_year((10, minutes / 60, "faulted")), YEAR)

    assert (found.outage, found.met) == (minutes, met)


def test_nevi_excuses_nothing_that_the_rule_does_not_name():
    rows = a_year((10, 100, "silence"), (50, 30, "bridge"))

    found = statement(rules()["nevi"], rows, YEAR, [excuse(10, 30, "vehicle")])

    assert found.excluded == {"vehicle": 1800}
    assert found.outage - 1800 == 100 * 60
    assert found.by_kind["bridge"] == 1800


def test_nevi_counts_no_minute_twice_and_excludes_only_outages():
    rows = a_year((10, 10, "faulted"))
    excuses = [
        excuse(9, 30, "grid"),
        excuse(10, 10, "vandalism"),
        excuse(10, 5, "vehicle"),
        excuse(30, 99, "grid", "j"),
    ]

    found = statement(rules()["nevi"], rows, YEAR, excuses)

    assert found.excluded == {"grid": 360, "vandalism": 240}
    assert 1 - found.uptime == pytest.approx(0)


def test_nevi_excludes_outages_outside_the_opening_hours():
    closed = closed_spans(
        {day: [("06:00", "22:00")] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}, YEAR, "UTC"
    )

    found = statement(rules()["nevi"], a_year((10, 48, "faulted")), YEAR, closed=closed)

    assert found.excluded == {"closed": 16 * 60}


def test_nevi_divides_by_525_600_in_a_leap_year_too():
    window = window_of("twelve_months", 2028, 12, "UTC")

    found = statement(rules()["nevi"], a_year((10, 262.8, "faulted"), window=window), window)

    assert window[1] - window[0] == 366 * DAY
    assert found.uptime == 0.97


def test_time_before_the_first_sign_of_a_port_is_an_outage_for_nevi_and_no_time_for_a_contract():
    rows = [Interval(YEAR[0] + 165 * DAY, None, "ok")]

    assert statement(rules()["nevi"], rows, YEAR).uptime == pytest.approx(200 / 365)
    assert statement(rules()["contract"], rows, YEAR).uptime == 1
    assert statement(rules()["contract"], [], YEAR).uptime is None


# -- California -------------------------------------------------------------------------------------------------------
def test_california_caps_vandalism_at_ten_days_an_incident():
    rows = a_year((10, 14 * 24, "faulted"), (100, 3 * 24, "faulted"))
    excuses = [excuse(10, 14 * 24, "vandalism", "cable cut"), excuse(100, 3 * 24, "vandalism", "screen")]

    found = statement(rules()["cec"], rows, YEAR, excuses)

    assert found.excluded == {"vandalism": (10 + 3) * 1440}
    assert found.uptime == (525_600 - 4 * 1440) / 525_600


def test_california_caps_planned_maintenance_at_72_hours_a_year():
    rows = a_year((10, 50, "unavailable"), (100, 50, "unavailable"))
    excuses = [excuse(10, 50, "planned_maintenance", "spring"), excuse(100, 50, "planned_maintenance", "autumn")]

    found = statement(rules()["cec"], rows, YEAR, excuses)
    rest = statement(rules()["cec"], rows, YEAR, excuses, used_minutes={"planned_maintenance": 70 * 60})

    assert found.excluded == {"planned_maintenance": 72 * 60}
    assert rest.excluded == {"planned_maintenance": 2 * 60}


def test_california_is_met_at_97_percent_and_looks_at_dc_alone():
    rule = rules()["cec"]

    assert statement(rule, a_year((10, 262.8, "faulted")), YEAR).met
    assert rule.applies_to(PortFacts(kind="dc", discovered=False))
    assert not rule.applies_to(PortFacts(kind="ac", discovered=False))
    assert not rule.applies_to(PortFacts(kind="dc"))


# -- United Kingdom ---------------------------------------------------------------------------------------------------
def test_the_uk_averages_rapid_points_and_treats_unknown_as_reliable():
    rule = rules()["uk_pcpr"]
    window = window_of("calendar_year", 2025, 6, "Europe/London")
    bad = a_year((10, 100, "faulted"), (50, 60, "unavailable"), (100, 500, "silence"), (200, 90, "bridge"))

    one, other = statement(rule, bad, window), statement(rule, a_year(), window)
    both = network(rule, [one, other])

    assert window == YEAR
    assert one.uptime == pytest.approx((8760 - 160) / 8760)
    assert (one.met, other.met) == (False, True)
    assert both.uptime == pytest.approx((2 * 8760 - 160) / (2 * 8760))
    assert both.met
    assert [rule.applies_to(PortFacts(rated_w=w, discovered=False)) for w in (49_999, 50_000, None)] == [
        False,
        True,
        False,
    ]


def test_the_uk_excuses_no_cause_and_leaves_closing_hours_out():
    rule = rules()["uk_pcpr"]
    closed = [(YEAR[0] + 10 * DAY, YEAR[0] + 10 * DAY + 12 * HOUR)]

    found = statement(rule, a_year((10, 24, "faulted")), YEAR, [excuse(10, 24, "grid")], closed=closed)

    assert (found.excluded, found.outage, found.ignored) == ({}, 12 * 60, 12 * 60)


def test_no_port_under_a_network_rule_is_an_error_with_a_remedy():
    with pytest.raises(ValueError, match="check rated power"):
        network(rules()["uk_pcpr"], [])


# -- contract ---------------------------------------------------------------------------------------------------------
def test_the_contract_counts_observed_opening_hours_of_a_local_month():
    window = window_of("month", 2026, 3, "Europe/Berlin")
    opening = {day: [("08:00", "20:00")] for day in ("mon", "tue", "wed", "thu", "fri", "sat")}
    closed = closed_spans(opening, window, "Europe/Berlin")
    start = at("2026-03-03T10:00")
    rows = [
        Interval(window[0], start, "ok"), Interval(start, start + 6 * HOUR, "faulted"),
        Interval(start + 6 * HOUR, start + 16 * HOUR, "bridge"), Interval(start + 16 * HOUR, None, "ok"),
    ]  # fmt: skip

    found = statement(rules()["contract"], rows, window, closed=closed)

    assert window == (at("2026-02-28T23:00"), at("2026-03-31T22:00"))
    assert found.up + found.outage == 26 * 12 * 60 - 3 * 60
    assert found.uptime == (26 * 12 - 3 - 6) / (26 * 12 - 3)


def test_opening_hours_follow_the_clock_change():
    window = (at("2026-03-28T23:00"), at("2026-03-29T22:00"))

    closed = closed_spans({"sun": [("00:00", "24:00")]}, window, "Europe/Berlin")
    nights = closed_spans({"sun": [("06:00", "22:00")]}, window, "Europe/Berlin")

    assert closed == []
    assert nights == [(window[0], at("2026-03-29T04:00")), (at("2026-03-29T20:00"), window[1])]


def test_a_kind_of_time_that_no_rule_knows_is_an_error():
    with pytest.raises(ValueError, match="gone fishing"):
        statement(rules()["nevi"], [Interval(YEAR[0], None, "gone fishing")], YEAR)
