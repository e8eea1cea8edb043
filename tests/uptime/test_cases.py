"""Availability worked out by hand: status, silence, absent bridges, late proof, and the alerts that go with them."""

import re
from pathlib import Path

import numpy as np
import pytest

from models.columns import Batch
from models.uptime import Uptime
from models.uptime.gaps import Gaps, common, without
from schemas.assets import PortFacts
from schemas.telemetry import RETAINED, Reject

PORT = "ST/1"


@pytest.fixture
def w(world):
    """Short names for the world's helpers; times in seconds after T0."""

    class World:
        T0 = world.T0

        @staticmethod
        def us(seconds):
            return world.T0 + round(seconds * 1e6)

        def ev(self, kind, at, received=None, port=PORT, flags=0, **data):
            return world.event(port, kind, self.us(at), self.us(at if received is None else received), flags, **data)

        def status(self, at, status, received=None, port=PORT, flags=0, **data):
            return self.ev("status", at, received, port, flags, status=status, **data)

        def alive(self, *times, port="ST/0"):
            return [self.ev("alive", at, port=port) for at in times]

        def read(self, at, received=None, port=PORT, **values):
            return world.reading(port, self.us(at), self.us(at if received is None else received), **values)

        def beat(self, at, since=0, connected=True, bridge="b"):
            return world.Beat(bridge, self.us(at), connected, self.us(since))

        def play(self, *lines, served=None, cuts=(), **options):
            return world.play(
                sorted(lines, key=lambda line: line.received_at), lambda: Uptime(**options), cuts, served=served
            )

        def rows(self, played, port=PORT):
            rows = played.tables.availability.get(port, [])
            return [((a - world.T0) / 1e6, None if b is None else (b - world.T0) / 1e6, *rest) for a, b, *rest in rows]

        batch = staticmethod(world.batch_of)

    return World()


def every(seconds, start, end):
    return range(start, end, seconds)


def test_a_port_begins_with_its_first_sign_and_is_up_until_it_says_otherwise(w):
    played = w.play(
        *w.alive(0, 100),
        w.read(150, power=0.0),
        w.status(200, "charging"),
        w.status(300, "faulted", error="ground_failure"),
    )

    assert w.rows(played) == [(150, 300, "up", "ok", None), (300, None, "down", "faulted", "ground_failure")]
    assert "ST/0" not in played.tables.availability


def test_a_fact_told_late_stands_at_its_time_and_later_facts_stand(w):
    lines = [w.status(0, "available"), w.status(100, "available"), *w.alive(200)]

    played = w.play(*lines, w.status(50, "faulted", 210), w.status(50, "faulted", 215), cuts=(1, 2, 3))

    assert w.rows(played) == [
        (0, 50, "up", "ok", None),
        (50, 100, "down", "faulted", None),
        (100, None, "up", "ok", None),
    ]


def test_of_two_statuses_of_one_instant_the_later_told_stands_even_if_the_first_is_told_again(w):
    played = w.play(w.status(0, "faulted", 1), w.status(0, "available", 2), w.status(0, "faulted", 3))

    assert w.rows(played) == [(1, None, "up", "ok", None)]


def test_a_retained_status_is_a_state_from_when_it_was_received_and_no_sign_of_life(w):
    played = w.play(
        w.status(-5000, "faulted", 10, flags=RETAINED),
        w.status(40, "available"),
        w.status(-9000, "unavailable", 60, flags=RETAINED),
    )

    assert w.rows(played) == [(40, 60, "up", "ok", None), (60, None, "down", "unavailable", None)]


def test_a_port_with_two_connectors_is_down_only_while_both_are(w):
    played = w.play(
        w.status(0, "available", connector=1), w.status(0, "available", connector=2), w.status(10, "faulted", connector=1),
        w.status(20, "unavailable", connector=2), w.status(30, "available", connector=1),
    )  # fmt: skip

    assert w.rows(played) == [
        (0, 20, "up", "ok", None),
        (20, 30, "down", "faulted", None),
        (30, None, "up", "ok", None),
    ]


def test_a_station_that_is_out_takes_all_its_ports_with_it(w):
    played = w.play(
        w.status(0, "available"), w.status(0, "charging", port="ST/2"), w.status(10, "faulted", port="ST/0", error="over_voltage"),
        w.status(20, "available", port="ST/0"),
    )  # fmt: skip

    for port in (PORT, "ST/2"):
        assert w.rows(played, port)[1] == (10, 20, "down", "faulted", "station: over_voltage")


def test_an_error_without_a_fault_is_a_warning_and_the_port_is_up(w):
    played = w.play(w.status(0, "charging", error="weak_signal"))

    assert w.rows(played) == [(0, None, "up", "ok", None)]


# -- silence ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("gap", "silent"), [(299, False), (300, True)])
def test_a_station_that_says_nothing_for_five_minutes_is_down_from_its_last_word_to_its_next(w, gap, silent):
    played = w.play(w.status(0, "available"), *w.alive(100, 100 + gap, 150 + gap))

    down = [(100, 100 + gap, "down", "silence", None), (100 + gap, None, "up", "ok", None)]
    assert w.rows(played) == ([(0, 100, "up", "ok", None), *down] if silent else [(0, None, "up", "ok", None)])


def test_a_station_may_say_nothing_for_two_of_its_heartbeats(w):
    facts = {"ST/0": PortFacts(heartbeat_s=900)}

    played = w.play(w.status(0, "available"), *w.alive(1700, 3501), facts=facts)

    assert [row[3] for row in w.rows(played)] == ["ok", "silence", "ok"]
    assert w.rows(played)[1][:2] == (1700, 3501)


def test_any_message_is_a_sign_of_life_but_not_what_others_say_of_the_station(w):
    silent = w.play(
        w.status(0, "available"), *w.alive(50), w.ev("session_id", 200, session="7"), w.ev("connection", 250, port="ST/0", connected=False),
        *w.alive(400),
    )  # fmt: skip
    heard = w.play(w.status(0, "available"), w.ev("connection", 250, port="ST/0", connected=True), *w.alive(400))

    assert [row[3] for row in w.rows(silent)] == ["ok", "silence", "ok"]
    assert [row[3] for row in w.rows(heard)] == ["ok"]


def test_rejects_of_a_known_station_are_signs_but_not_what_was_said_to_it(w):
    for topic, reasons in (("ev/ST/from/event", ["ok"]), ("ev/ST/to/command", ["ok", "silence"])):
        operator = Uptime()
        operator.on_batch(w.batch([w.status(0, "available"), *w.alive(50)], 0, w.us(50), {}))
        reject = Reject(key="ST", topic=topic, reason="schema", received_at=w.us(200), origin=1)
        operator.on_batch(Batch(0, 1, 1, w.us(200), rejects=[reject]))
        operator.on_time(w.us(400))

        assert [row.status.reason for row in operator._lines[0].rows] == reasons


def test_silence_is_told_when_it_is_due_and_cleared_by_the_next_word(w):
    beats = [w.beat(at) for at in every(1, 0, 500)]

    played = w.play(w.status(0, "available"), *w.alive(100, 480), *beats, cuts=range(1, 500), served={"ST": "b"})

    raised, cleared = played.alerts
    assert (raised.kind, raised.port, raised.family, raised.state, raised.revision) == (
        "silence",
        "ST/0",
        "communication",
        "raised",
        1,
    )
    assert raised.onset_at.timestamp() * 1e6 == w.us(100)
    assert raised.raised_at.timestamp() * 1e6 == w.us(400)
    assert (cleared.id, cleared.revision, cleared.state) == (raised.id, 2, "cleared")
    assert cleared.cleared_at.timestamp() * 1e6 == w.us(480)
    assert w.play(w.status(0, "available"), *w.alive(100, 480), *beats, served={"ST": "b"}).alerts == played.alerts


def test_after_a_last_will_half_a_minute_of_silence_is_enough(w):
    will = w.ev("connection", 105, port="ST/0", connected=False)

    played = w.play(w.status(0, "available"), *w.alive(100), will, *w.alive(160))
    short = w.play(w.status(0, "available"), *w.alive(100), will, *w.alive(125))

    assert w.rows(played)[1] == (100, 160, "down", "silence", None)
    assert played.alerts[0].raised_at.timestamp() * 1e6 == w.us(130)
    assert (w.rows(short), short.alerts) == ([(0, None, "up", "ok", None)], [])


# -- bridges ----------------------------------------------------------------------------------------------------------
def test_without_its_bridge_a_station_is_unobserved_and_not_silent(w):
    beats = [*(w.beat(at) for at in every(10, 0, 301)), *(w.beat(at, since=1500) for at in every(10, 1500, 1701))]

    played = w.play(w.status(0, "available"), *w.alive(100, 200, 290), *beats, *w.alive(1600, 1690), served={"ST": "b"})

    assert w.rows(played)[1] == (300, 1500, "unobserved", "bridge", None)
    assert [row[3] for row in w.rows(played)] == ["ok", "bridge", "ok"]
    assert played.alerts == []


@pytest.mark.parametrize(("away", "unobserved"), [(29, False), (30, True)])
def test_a_bridge_that_is_away_for_less_than_half_a_minute_was_there(w, away, unobserved):
    beats = [w.beat(100), w.beat(100 + away + 5, since=100 + away)]

    played = w.play(w.status(0, "available"), *beats, served={"ST": "b"})

    assert ("bridge" in [row[3] for row in w.rows(played)]) == unobserved


def test_another_bridge_that_is_gone_does_not_matter(w):
    beats = [w.beat(0, bridge="other"), *(w.beat(at) for at in every(10, 0, 400))]

    played = w.play(w.status(0, "available"), *w.alive(200, 390), *beats, served={"ST": "b"})

    assert [row[3] for row in w.rows(played)] == ["ok"]


def test_a_station_that_another_bridge_took_over_is_observed_by_that_one(w, world):
    operator = Uptime()
    tables = world.Tables()
    lines = [
        ([w.status(0, "available"), w.beat(100, bridge="one")], "one"),
        ([*w.alive(1000), *(w.beat(at, 900, bridge="two") for at in every(10, 900, 1400))], "two"),
    ]
    for first, (part, bridge) in zip((0, 100), lines, strict=True):
        part = sorted(part, key=lambda line: line.received_at)
        tables.apply(operator.on_batch(w.batch(part, first, part[-1].received_at, {"ST": bridge})).writes)

    found = [((a - w.T0) / 1e6, reason) for a, _, _, reason, _ in tables.availability[PORT]]
    assert found == [(0, "ok"), (100, "bridge"), (900, "ok"), (1000, "silence")]


# -- late proof -------------------------------------------------------------------------------------------------------
def quiet(w, *late):
    """A station that is silent from 300 s to 6300 s, and what it says of that time afterwards."""
    return w.play(w.status(0, "available"), *w.alive(150, 300, 6300, 6350), *late)


def test_power_told_later_proves_that_a_silent_port_was_up(w):
    played = quiet(w, w.read(1250, 6301, power=7000.0), w.read(3650, 6301, power=20.0))

    assert w.rows(played)[1:4] == [
        (300, 1200, "down", "silence", None),
        (1200, 1500, "up", "energy", None),
        (1500, 6300, "down", "silence", None),
    ]


def test_a_register_that_rose_proves_the_time_between_if_the_values_are_near(w):
    near = quiet(w, w.read(1250, 6301, energy=1000.0), w.read(1850, 6301, energy=1500.0))
    far = quiet(w, w.read(1250, 6301, energy=1000.0), w.read(2950, 6301, energy=1500.0))
    flat = quiet(w, w.read(1250, 6301, energy=1000.0), w.read(1850, 6301, energy=1000.5))

    assert (1200, 2100, "up", "energy", None) in w.rows(near)
    assert [row[3] for row in w.rows(far)] == [row[3] for row in w.rows(flat)] == ["ok", "silence", "ok"]


def test_what_was_told_in_time_proves_nothing_of_a_silence(w):
    played = w.play(w.status(0, "available"), w.read(299, 299.5, power=7000.0), *w.alive(1000))

    assert [row[3] for row in w.rows(played)] == ["ok", "silence", "ok"]


def test_late_messages_settle_what_was_unobserved_but_do_not_undo_silence(w):
    beats = [*(w.beat(at) for at in every(10, 0, 301)), *(w.beat(at, since=2400) for at in every(10, 2400, 2500))]
    late = [w.status(1250, "faulted", 2401), w.read(1550, 2401, power=0.0)]

    unobserved = w.play(w.status(0, "available"), *w.alive(290), *beats, *late, served={"ST": "b"})
    silent = quiet(w, w.status(1250, "faulted", 6301), w.read(1550, 6301, power=0.0))

    assert w.rows(unobserved)[1:5] == [
        (300, 1200, "unobserved", "bridge", None), (1200, 1250, "up", "ok", None), (1250, 1800, "down", "faulted", None),
        (1800, 2400, "unobserved", "bridge", None),
    ]  # fmt: skip
    assert [row[3] for row in w.rows(silent)] == ["ok", "silence", "faulted"]


# -- alerts of faults -------------------------------------------------------------------------------------------------
def told(played):
    return [(a.family, a.state, a.revision) for a in played.alerts]


def test_a_fault_is_told_with_its_family_and_cleared_when_the_status_clears(w):
    played = w.play(
        w.status(0, "available"), w.status(10, "faulted", 11, vendor_code="CX017"), w.status(50, "available", 51)
    )

    raised, cleared = played.alerts
    assert (raised.kind, raised.port, raised.family, raised.severity) == ("status", PORT, "contactor", "P1")
    assert (raised.onset_at.timestamp(), raised.raised_at.timestamp()) == (w.us(10) / 1e6, w.us(11) / 1e6)
    assert (cleared.id, cleared.revision, cleared.cleared_at.timestamp()) == (raised.id, 2, w.us(50) / 1e6)


def test_a_fault_that_changes_its_family_is_another_one(w):
    played = w.play(w.status(0, "faulted", error="ground_failure"), w.status(10, "faulted"), w.status(20, "available"))

    assert told(played) == [
        ("ground_fault", "raised", 1), ("ground_fault", "cleared", 2), ("unknown", "raised", 1), ("unknown", "cleared", 2),
    ]  # fmt: skip


def test_a_warning_that_becomes_a_fault_is_told_again(w):
    played = w.play(
        w.status(0, "charging", error="high_temperature"),
        w.status(10, "faulted", error="high_temperature"),
        w.status(20, "faulted", error="high_temperature"),
    )

    assert told(played) == [("cooling", "raised", 1), ("cooling", "updated", 2)]


def test_codes_of_one_family_are_one_episode_until_the_last_is_gone(w):
    played = w.play(
        w.ev("fault", 0, code="CX011", active=True), w.ev("fault", 1, code="CX022", active=True),
        w.ev("fault", 2, code="CX011", active=False), w.ev("fault", 3, code="CX022", active=False),
    )  # fmt: skip

    assert told(played) == [("isolation", "raised", 1), ("isolation", "cleared", 2)]


def test_a_fault_that_is_told_late_raises_no_alert(w):
    played = w.play(w.status(100, "available"), w.status(50, "faulted", 110), w.status(100, "available", 120))

    assert told(played) == []


def test_a_repeated_fault_is_told_once(w):
    played = w.play(w.status(0, "faulted", error="ground_failure"), w.status(0, "faulted", 30, error="ground_failure"))

    assert told(played) == [("ground_fault", "raised", 1)]


# -- tables -----------------------------------------------------------------------------------------------------------
def test_daily_sums_follow_the_local_day_of_the_site(w, world):
    facts = {PORT: PortFacts(time_zone="Asia/Kolkata")}
    played = w.play(w.status(0, "faulted"), *w.alive(*every(250, 0, 86_400)), facts=facts)

    days = {key[1]: row for key, row in played.tables.rows["uptime_daily"].items()}
    assert [row["down_s"] for row in days.values()] == [34_200, 48_600]
    assert [row["unobserved_s"] for row in days.values()] == [52_200, 0]


def test_a_fault_told_hours_later_rewrites_hours_and_days(w):
    signs = w.alive(*every(200, 0, 5 * 3600))

    late = w.play(
        w.status(0, "available"),
        *signs,
        w.status(3600, "faulted", 17_000),
        w.status(5400, "available", 17_001),
        cuts=every(1, 1, 90),
    )
    timely = w.play(w.status(0, "available"), *signs, w.status(3600, "faulted"), w.status(5400, "available"))

    assert late.tables.rows == timely.tables.rows
    assert [row["up_1h"] for row in late.tables.rows["uptime_rolling"].values()] == [1, 0.5, 1, 1]


def test_what_is_older_than_the_horizon_stays_as_it_is(w):
    signs = w.alive(*every(280, 0, 90_000))
    late = w.status(1000, "faulted", 89_900)

    played = w.play(w.status(0, "available"), w.status(80_000, "available"), *signs, late, horizon_days=0.5)

    assert w.rows(played) == [
        (0, 46_700, "up", "ok", None),
        (46_700, 80_000, "down", "faulted", None),
        (80_000, None, "up", "ok", None),
    ]


def test_the_columns_written_are_those_of_the_tables(w):
    played = w.play(w.status(0, "available"), *w.alive(*every(200, 0, 4000)))
    sql = (Path(__file__).parents[2] / "connectors/timescale/migrations/0006.uptime.sql").read_text("utf-8")

    for table, rows in played.tables.rows.items():
        body = sql.partition(f"CREATE TABLE {table} (")[2].partition(");")[0]
        names = set(re.findall(r"^    ([a-z]\w*) ", body, re.M)) - {"port_no"}
        assert set(next(iter(rows.values()))) == names


def test_the_state_of_a_port_is_bounded(w, world):
    operator = Uptime()
    sizes = []
    lines = []
    for k in range(3000):
        lines += [w.status(40 * k, ("faulted", "available")[k % 2], error=f"e{k}"), w.read(40 * k + 1, power=1.0)]
        lines += [
            w.ev("connection", 40 * k + 2, port="ST/0", connected=False),
            w.read(40 * k - 300, 40 * k + 3, power=500.0),
        ]
    for half in (lines[:6000], lines[6000:]):
        for k in range(0, len(half), 500):
            part = sorted(half[k : k + 500], key=lambda line: line.received_at)
            operator.on_batch(w.batch(part, 0, part[-1].received_at, {"ST": "b"}))
        state = operator.snapshot()
        sizes.append(
            {
                name: len(repr(state[name]))
                for name in ("of_port", "evidence", "present", "lines", "presence", "troubles")
            }
        )

    assert all(sizes[1][name] < 1.5 * sizes[0][name] + 500 for name in sizes[0])
    assert sum(sizes[1].values()) < 60_000


def test_a_snapshot_of_another_version_is_refused():
    with pytest.raises(ValueError, match="--rebuild"):
        Uptime().restore({"v": 0})


# -- spans ------------------------------------------------------------------------------------------------------------
def test_gaps_depend_on_the_signs_and_not_on_their_order():
    signs = [0, 10, 25, 26, 60, 100, 101, 140]
    rng = np.random.default_rng(5)

    for _ in range(50):
        gaps = Gaps(15)
        for sign in rng.permutation(signs).tolist():
            gaps.add(sign, sign)
        assert gaps.gaps == [(10, 25), (26, 60), (60, 100), (101, 140)]


def test_spans_are_cut_and_shared():
    assert without([(0, 10), (20, 30)], [(5, 22), (25, 26)]) == [(0, 5), (22, 25), (26, 30)]
    assert common([(0, 10), (20, 30)], [(5, 22), (25, 26)]) == [(5, 10), (20, 22), (25, 26)]
