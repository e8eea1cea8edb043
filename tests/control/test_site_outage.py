"""A whole site that is out: P1 for its orders, one hint for all of them; a real PostgreSQL."""

from datetime import timedelta

import pytest

from connectors.timescale.ports import discover

pytestmark = pytest.mark.integration


@pytest.fixture
def site(station, conn):
    """A site of three stations, the first of them the test's own."""
    names = [station, f"{station}b", f"{station}c"]
    discover(conn, [f"{name}/{n}" for name in names[1:] for n in range(2)])
    conn.execute(
        "UPDATE station SET site = (SELECT site FROM station WHERE station = %s) WHERE station = ANY(%s)",
        (station, names),
    )
    return names


@pytest.fixture
def dark(alerts):
    def dark(station, family="communication", **more):
        return alerts.said(f"{station}/0", family, kind="silence", source="uptime", severity="P2", **more)

    return dark


@pytest.fixture
def priorities(table):
    return lambda stations: [order["priority"] for name in stations for order in table("work_order", name)]


@pytest.fixture
def hints(conn, table):
    def hints(station):
        (order,) = table("work_order", station)
        found = conn.execute("SELECT text FROM note WHERE order_id = %s AND text ~ 'one cause'", (order["order_id"],))
        return [text for (text,) in found]

    return hints


def test_the_last_station_to_go_dark_makes_all_orders_of_its_site_urgent(site, dark, taken, table, priorities, hints):
    taken(dark(site[0]), dark(site[1], "supply"))
    assert priorities(site) == ["P2", "P2"]

    last = dark(site[2])
    taken(last)

    assert priorities(site) == ["P1"] * 3
    (order,) = table("work_order", site[2])
    assert order["respond_by"] == last.raised_at + timedelta(hours=2)
    for name in site:
        (hint,) = hints(name)
        assert hint.startswith("P1 now. All 3 stations of Market ")


def test_it_stays_urgent_when_told_again_and_when_a_station_comes_back(site, dark, taken, priorities, hints):
    taken(*map(dark, site))
    taken(dark(site[0], revision=2, state="updated"), dark(site[1], revision=2, state="cleared"))

    assert priorities(site) == ["P1"] * 3
    assert len(hints(site[0])) == 1


def test_faults_of_single_ports_do_not_make_a_site_dark(site, dark, alerts, taken, priorities):
    taken(dark(site[0]), dark(site[1]), alerts.said(f"{site[2]}/1", "contactor", severity="P2"))

    assert priorities(site[:2]) == ["P2", "P2"]


def test_a_station_that_came_back_before_the_others_left_counts_as_there(site, dark, taken, priorities):
    taken(dark(site[0]), dark(site[0], revision=2, state="cleared"), dark(site[1]), dark(site[2]))

    assert priorities(site) == ["P2"] * 3


def test_a_site_of_one_station_is_a_port_down_not_a_site_down(station, dark, taken, priorities):
    taken(dark(station))

    assert priorities([station]) == ["P2"]


def test_stations_out_of_service_are_not_waited_for(site, dark, conn, taken, priorities, now):
    conn.execute("UPDATE station SET retired_at = %s WHERE station = %s", (now - timedelta(days=1), site[2]))
    taken(*map(dark, site[:2]))

    assert priorities(site) == ["P1", "P1"]


def test_a_failure_that_is_only_expected_does_not_make_a_site_dark(site, dark, alerts, taken, priorities, now):
    expected = alerts.said(
        f"{site[2]}/0", "supply", kind="risk", source="failure", severity="P3",
        evidence={"expected_at": (now + timedelta(days=3)).isoformat(), "model_version": "m"},
    )  # fmt: skip
    taken(dark(site[0]), dark(site[1]), expected)

    assert priorities(site[:2]) == ["P2", "P2"]


@pytest.mark.parametrize("kind", ["anomaly", "session_cut"])
def test_a_weak_signal_or_a_cut_session_does_not_make_a_station_dark(site, dark, alerts, taken, priorities, kind):
    make = alerts.cut if kind == "session_cut" else alerts.said
    taken(dark(site[0]), dark(site[1]), make(f"{site[2]}/1", "communication"))

    assert "P1" not in priorities(site)


@pytest.mark.parametrize(("number", "faulted", "priority"), [(0, True, "P1"), (0, False, "P2"), (1, True, "P2")])
def test_a_status_counts_if_it_says_that_the_whole_station_is_faulted(
    site, dark, alerts, taken, priorities, number, faulted, priority
):
    status = alerts.said(
        f"{site[2]}/{number}", "supply", kind="status", source="uptime", severity="P2", evidence={"faulted": faulted}
    )
    taken(dark(site[0]), dark(site[1]), status)

    assert priorities(site[:2]) == [priority] * 2


def test_a_station_whose_silence_ended_is_there_though_another_alert_goes_on(site, dark, alerts, taken, priorities):
    taken(
        dark(site[0]),
        alerts.said(f"{site[0]}/1", "communication", severity="P2"),
        dark(site[0], revision=2, state="cleared"),
        *map(dark, site[1:]),
    )

    assert priorities(site) == ["P2"] * 3


def test_orders_that_are_no_part_of_the_outage_stay_as_they_are(site, dark, alerts, taken, table, conn):
    supply = alerts.said(f"{site[0]}/0", "supply", severity="P3")
    taken(supply, alerts.said(f"{site[0]}/0", "supply", severity="P3", revision=2, state="cleared"))
    conn.execute("UPDATE work_order SET state = 'acknowledged' WHERE station = %s", (site[0],))
    before = table("work_order", site[0])

    taken(*map(dark, site))

    after = {order["family"]: order for order in table("work_order", site[0])}
    assert after["supply"] == before[0]
    assert after["communication"]["priority"] == "P1"


def test_an_order_that_is_hurried_still_says_that_its_alert_cleared(site, dark, taken, table, conn, now):
    taken(dark(site[0]))
    conn.execute("UPDATE work_order SET cleared_at = %s WHERE station = %s", (now, site[0]))
    taken(*map(dark, site[1:]))

    (order,) = table("work_order", site[0])
    assert (order["priority"], order["cleared_at"]) == ("P1", now)


def test_a_site_without_a_name_is_called_by_its_id(site, dark, conn, taken, hints):
    conn.execute("UPDATE site SET name = '' WHERE site = %s", (f"site-{site[0]}",))
    taken(*map(dark, site))

    assert hints(site[0])[0].startswith(f"P1 now. All 3 stations of site-{site[0]} are out")
