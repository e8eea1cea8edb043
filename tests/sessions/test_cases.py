"""Sessions worked out by hand: the ordinary one, and what goes wrong in the field."""

import re
from pathlib import Path
from typing import Any

import pytest

import models.sessions.port as limits
from models.sessions import Sessions
from schemas.assets import PortFacts
from schemas.sessions import ChargingSession, Quality, reason_of
from schemas.telemetry import RETAINED, Event

T0 = 1_760_000_400_000_000
PORT = "DE-1/1"


def s(seconds):
    return T0 + round(seconds * 1_000_000)


def ev(kind, at, received=None, port=PORT, flags=0, **data: Any):
    received = at + 0.3 if received is None else received
    return Event(port=port, kind=kind, at=s(at), received_at=s(received), origin=0, flags=flags, data=data)


def start(at, session=None, meter=None, **more):
    data = {"session": session, "meter_wh": meter} | more
    received, port = data.pop("received", None), data.pop("port", PORT)
    return ev("session_start", at, received, port, **{name: value for name, value in data.items() if value is not None})


def end(at, session=None, meter=None, reason=None, **more):
    data = {"session": session, "meter_wh": meter, "reason": reason} | more
    received, port = data.pop("received", None), data.pop("port", PORT)
    return ev("session_end", at, received, port, **{name: value for name, value in data.items() if value is not None})


def status(at, status, received=None, port=PORT, **data):
    return ev("status", at, received, port, status=status, **data)


def test_an_ordinary_session_has_all_its_figures(told, line):
    rows, alerts = told(
        ev("authorize", -20, port="DE-1/0", token="t", result="accepted"),
        status(-10, "preparing"),
        start(0, "7", 1000.0, token="t", connector=2),
        status(0, "charging"),
        line(10, power=10_000.0, energy=1000.0, power_offered=20_000.0, soc=20.0),
        line(20, power=20_000.0, energy=1040.0, power_offered=20_000.0),
        line(30, power=20_000.0, energy=1096.0, power_offered=20_000.0, soc=21.0),
        status(35, "suspended_ev"),
        end(60, "7", 1150.0, "ev_disconnected"),
        facts={PORT: PortFacts(rated_w=40_000.0)},
    )

    row = rows["7"]
    assert row["outcome"], row["party"] == ("success", "user")
    assert (row["connector"], row["token"], row["start_mode"]) == (2, "t", "pre_plugin")
    assert (row["attempt_at"], row["started_at"], row["ended_at"]) == (s(-20), s(0), s(60))
    assert (row["charging_from"], row["first_power_at"], row["last_power_at"]) == (s(0), s(10), s(30))
    assert (row["charging_s"], row["suspended_ev_s"], row["idle_s"]) == (35, 25, 0)
    assert (row["energy_wh"], row["energy_source"], row["energy_register_wh"]) == (150, "meter", 150)
    assert row["energy_integrated_wh"] == pytest.approx((15_000 * 10 + 20_000 * 10) / 3600)
    assert (row["power_max_w"], row["power_mean_w"], row["power_offered_w"]) == (20_000, 17_500, 20_000)
    assert row["offered_share"] == pytest.approx(0.875)
    assert (row["below_offered_share"], row["rated_share"]) == (0.5, pytest.approx(17_500 / 40_000))
    assert (row["soc_start"], row["soc_end"], row["samples"]) == (20, 21, 3)
    assert (row["quality"], row["needs_repair"], alerts) == (0, False, [])


def test_the_id_told_in_the_answer_replaces_the_provisional_key(told):
    rows, _ = told(
        start(0, meter=5.0), ev("session_id", 0, 1, session="77", meter_wh=5.0), end(60, "77", 2005.0), cuts=(1, 2)
    )

    assert list(rows) == ["77"]
    assert rows["77"]["energy_wh"] == 2000


def test_an_id_without_the_starts_time_goes_to_the_start_it_answers(told):
    rows, _ = told(start(0), ev("session_id", 1.5, 1.5, session="77"), end(60, "77"))

    assert {key: row["started_at"] for key, row in rows.items()} == {"77": s(0)}


def test_a_start_repeated_after_a_reconnection_is_the_same_session_even_under_a_second_id(told):
    rows, _ = told(
        start(0, meter=5.0, token="t"),
        ev("session_id", 0, 1, session="77", meter_wh=5.0, token="t"),
        start(0, meter=5.0, token="t", received=300),
        ev("session_id", 0, 301, session="78", meter_wh=5.0, token="t"),
        end(600, "78", 905.0),
    )

    assert {key: (row["ended_at"], row["energy_wh"]) for key, row in rows.items()} == {"77": (s(600), 900)}


@pytest.mark.parametrize("session", [None, "-1", -1])
def test_an_end_without_an_id_closes_the_session_of_its_time(told, session):
    rows, _ = told(start(0, "1"), end(50, "1"), start(100, "2"), end(200, session, reason="local"))

    assert rows["2"]["ended_at"] == s(200)


def test_an_end_told_of_no_port_goes_to_the_session_it_names(told):
    rows, _ = told(
        start(0, "1"),
        start(10, "2", port="DE-1/2"),
        end(50, "1", reason="local", port="DE-1/0"),
        end(60, "9", port="DE-1/0"),
    )

    assert {key: row["ended_at"] for key, row in rows.items()} == {"1": s(50), "2": None}


def test_the_next_start_closes_a_session_whose_end_was_lost(told):
    rows, _ = told(start(0, "1", 0.0), start(100, "2", 500.0))

    assert (rows["1"]["outcome"], rows["1"]["ended_at"]) == ("unknown", s(100))
    assert rows["1"]["quality"] == Quality.END_INFERRED


def test_an_end_told_late_replaces_the_inferred_one(told):
    rows, _ = told(start(0, "1", 0.0), start(100, "2", 500.0), end(80, "1", 500.0, "remote", received=5_000), cuts=(2,))

    assert (rows["1"]["ended_at"], rows["1"]["energy_wh"], rows["1"]["quality"]) == (s(80), 500, 0)


def test_an_end_behind_the_next_start_is_cut_there(told):
    rows, _ = told(start(0, "1"), start(100, "2"), end(130, "1"))

    assert (rows["1"]["ended_at"], rows["1"]["quality"]) == (s(100), Quality.OVERLAP)


def test_a_session_told_whole_after_an_outage_stands_where_it_happened(told, line):
    rows, _ = told(
        line(0, power=0.0, energy=100.0),
        line(5000, power=0.0, energy=900.0),
        start(1000, "1", 100.0, offline=True, received=5001),
        line(1100, 5002, power=7200.0, energy=100.0),
        line(1200, 5002, power=7200.0, energy=300.0),
        line(1300, 5003, power=7200.0, energy=500.0),
        end(1400, "1", 600.0, "local", received=5004),
        line(5005, power=0.0, energy=900.0),
    )

    row = rows["1"]
    assert (row["energy_wh"], row["energy_integrated_wh"], row["samples"]) == (500, 400, 3)
    assert (row["quality"], row["needs_repair"]) == (Quality.OFFLINE | Quality.STATE_FROM_POWER, False)


def test_a_register_that_starts_anew_counts_only_what_it_rose(told, line):
    rows, _ = told(
        start(0, "1", 9000.0),
        line(10, energy=9000.0),
        line(20, energy=9100.0),
        line(30, energy=5.0),
        line(40, energy=65.0),
        end(50, "1", 70.0),
    )

    assert (rows["1"]["energy_wh"], rows["1"]["energy_source"]) == (165, "register")
    assert (rows["1"]["register_resets"], rows["1"]["quality"]) == (1, Quality.REGISTER_RESET | Quality.METER_BACKWARDS)


@pytest.mark.parametrize(("stop", "quality"), [(3.0, Quality.METER_BACKWARDS), (-1.0, 0)])
def test_a_bad_stop_register_gives_way_to_the_readings(told, line, stop, quality):
    rows, _ = told(start(0, "1", 9000.0), line(10, energy=9100.0), line(20, energy=9400.0), end(50, "1", stop))

    assert (rows["1"]["energy_wh"], rows["1"]["energy_source"], rows["1"]["quality"]) == (400, "register", quality)


def test_noise_of_the_register_adds_nothing_and_a_jump_is_left_out(told, line):
    rows, _ = told(
        start(0, "1"),
        line(10, energy=1000.0),
        line(20, energy=999.5),
        line(30, energy=1000.0),
        line(40, energy=1_000_000.0),
        line(50, energy=1_000_010.0),
        end(60, "1"),
    )

    assert (rows["1"]["energy_wh"], rows["1"]["quality"]) == (10, Quality.REGISTER_JUMP)


def test_registers_that_disagree_with_the_readings_are_noted(told, line):
    rows, _ = told(start(0, "1", 0.0), line(10, energy=0.0), line(20, energy=500.0), end(60, "1", 5000.0))

    assert (rows["1"]["energy_wh"], rows["1"]["quality"]) == (5000, 0)

    rows, _ = told(start(0, "1", 0.0), line(10, energy=0.0), line(20, energy=9000.0), end(60, "1", 5000.0))

    assert rows["1"]["quality"] & Quality.REGISTER_DISAGREES


def test_power_is_not_integrated_across_a_gap(told, line):
    rows, _ = told(start(0, "1"), *(line(at, power=3600.0) for at in (0, 60, 360, 661)), end(700, "1"))

    assert (rows["1"]["energy_integrated_wh"], rows["1"]["measured_s"], rows["1"]["energy_source"]) == (
        360,
        360,
        "power",
    )


def test_power_is_made_of_voltage_and_current_where_it_is_not_told(told, line):
    facts = {PORT: PortFacts(kind="ac", phases=3)}
    readings = [line(at, voltage=230.0, current=10.0, current_offered=16.0) for at in (0, 60)]

    rows, _ = told(start(0, "1"), *readings, end(60, "1"), facts=facts)

    assert rows["1"]["power_max_w"] == 6900
    assert rows["1"]["power_offered_w"] == pytest.approx(11_040)


def test_a_session_of_which_only_updates_are_known_begins_with_the_first(told):
    rows, _ = told(
        ev("session_update", 30, session="9", charging_state="charging"),
        ev("session_update", 10, 31, session="9", charging_state="charging"),
        end(90, "9", reason="local"),
    )

    assert (rows["9"]["started_at"], rows["9"]["quality"]) == (s(10), Quality.START_INFERRED)


def test_a_session_whose_start_was_lost_begins_where_the_port_was_taken_into_use(told):
    rows, _ = told(
        status(0, "available"), status(100, "preparing"), status(130, "charging"), end(500, "-1", reason="local")
    )

    assert {key: row["quality"] for key, row in rows.items()} == {f"at:{s(100)}": Quality.START_INFERRED}


def test_an_end_of_nothing_makes_no_session(told):
    rows, _ = told(status(0, "available"), end(500, reason="local"))

    assert rows == {}


def test_an_end_before_its_start_leaves_a_session_of_no_length(told):
    rows, _ = told(start(100, "1"), end(40, "1"))

    assert (rows["1"]["ended_at"], rows["1"]["quality"]) == (s(100), Quality.END_BEFORE_START)


def test_a_retained_session_message_is_no_session(told):
    rows, _ = told(ev("session_start", 0, flags=RETAINED, session="1"))

    assert rows == {}


def test_an_open_session_is_shown_up_to_the_last_full_minute_of_its_readings(told, line):
    rows, _ = told(start(0, "1"), *(line(at, power=3600.0) for at in range(0, 150, 10)))

    row = rows["1"]
    assert (row["state"], row["outcome"], row["as_of"], row["samples"]) == ("open", "open", s(120), 12)
    assert (row["ended_at"], row["energy_integrated_wh"]) == (None, 110)


@pytest.mark.parametrize("cuts", [(), (100,), (100, 130), range(1, 400)])
def test_an_open_session_counts_every_sample_however_many_come_at_once(told, line, cuts):
    rows, _ = told(start(0, "1"), *(line(at, power=3600.0) for at in range(400)), cuts=cuts)

    assert (rows["1"]["samples"], rows["1"]["energy_integrated_wh"]) == (360, 359)


def test_an_open_session_is_written_once_a_minute(told, line, written):
    lines = [start(0, "1"), *(line(at, power=3600.0) for at in range(1, 600))]

    at_start_and_with_the_first_reading = 2
    assert written(*lines, cuts=range(1, 600)) == at_start_and_with_the_first_reading + 9


def test_who_answers_for_a_session_without_energy(told):
    vehicle, _ = told(start(0, "1"), status(0, "suspended_ev"), end(100, "1", reason="local"))
    charger, _ = told(start(0, "1"), status(0, "suspended_evse"), end(100, "1", reason="local"))
    nobody, _ = told(start(0, "1"), end(100, "1", reason="local"))

    found = [(rows["1"]["outcome"], rows["1"]["party"]) for rows in (vehicle, charger, nobody)]
    assert found == [("failed", "vehicle"), ("failed", "charger"), ("failed", "unknown")]


def charge(line):
    return [start(0, "1", 0.0), *(line(at, power=36_000.0, energy=at * 10.0) for at in range(0, 120, 10))]


@pytest.mark.parametrize(
    ("reason", "outcome", "party", "family", "told_of"),
    [
        ("ground_fault", "cut", "charger", "ground_fault", True),
        ("hard_reset", "cut", "charger", "controller", True),
        ("PowerLoss", "cut", "grid", "supply", True),
        ("other", "cut", "unknown", "unknown", True),
        ("emergency_stop", "cut", "user", "emergency_stop", False),
        ("de_authorized", "cut", "network", None, False),
        ("stopped_by_ev", "success", "vehicle", None, False),
    ],
)
def test_the_stop_reason_says_who_cut_a_session(told, line, reason, outcome, party, family, told_of):
    rows, alerts = told(*charge(line), end(120, "1", 1200.0, reason))

    row = rows["1"]
    assert (row["outcome"], row["party"], row["fault_family"]) == (outcome, party, family)
    assert [(a.kind, a.family, a.state) for a in alerts] == ([("session_cut", family, "raised")] if told_of else [])


def test_the_alert_of_a_cut_session_carries_what_a_credit_needs(told, line):
    _, (alert,) = told(
        *charge(line), status(125, "faulted", 126, vendor_code="CX011"), end(120, "1", 1200.0, "other", received=130)
    )

    assert alert.evidence == {
        "session_key": "1", "session": "1", "stop_reason": "other", "started_at": "2025-10-09T09:00:00+00:00",
        "ended_at": "2025-10-09T09:02:00+00:00", "energy_wh": 1200.0, "party": "charger", "fault_family": "isolation",
        "fault_code": "CX011",
    }  # fmt: skip
    assert (alert.port, alert.severity, alert.revision) == (PORT, "P1", 1)
    assert (alert.onset_at.timestamp(), alert.raised_at.timestamp()) == (s(120) / 1e6, s(130) / 1e6)


@pytest.mark.parametrize(("at", "cut"), [(0, True), (240, True), (241, False), (-1, False)])
def test_a_fault_within_two_minutes_of_a_regular_end_cuts_the_session(told, line, at, cut):
    rows, alerts = told(
        *charge(line), end(120, "1", 1200.0, "local"), status(at, "faulted", 300, error="ground_failure")
    )

    assert (rows["1"]["outcome"], len(alerts)) == (("cut", 1) if cut else ("success", 0))


@pytest.mark.parametrize(
    "fault",
    [
        {"status": "charging", "error": "weak_signal"},
        {"status": "charging", "vendor_code": "CX018"},
        {"status": "faulted", "error": "ev_communication_error"},
    ],
)
def test_a_warning_or_a_fault_of_the_vehicle_does_not_cut_a_session_that_ended_regularly(told, line, fault):
    rows, alerts = told(*charge(line), ev("status", 119, **fault), end(120, "1", 1200.0, "local"))

    assert (rows["1"]["outcome"], alerts) == ("success", [])


def test_a_fault_of_the_station_cuts_the_sessions_of_its_ports(told, line):
    rows, _ = told(
        *charge(line), status(118, "faulted", port="DE-1/0", error="over_voltage"), end(120, "1", 1200.0, "local")
    )

    assert (rows["1"]["party"], rows["1"]["fault_family"]) == ("grid", "supply")


def test_an_alert_is_told_again_when_the_fault_is_known_better_and_cleared_when_it_was_none(told, line):
    _, alerts = told(*charge(line), end(120, "1", 1200.0, "other"), status(121, "faulted", vendor_code="CX017"))

    assert [(a.revision, a.state, a.family) for a in alerts] == [(1, "raised", "unknown"), (2, "updated", "contactor")]
    assert alerts[0].id == alerts[1].id

    _, alerts = told(
        *charge(line), end(120, "1", 1200.0, "local"), status(100, "faulted", 130, error="ground_failure"),
        end(400, "1", 1200.0, "remote"),
    )  # fmt: skip
    assert [(a.revision, a.state) for a in alerts] == [(1, "raised"), (2, "cleared")]


def test_what_is_told_of_a_session_that_is_no_longer_kept_changes_nothing(told):
    many = [
        mark for k in range(12) for mark in (start(100 * k, str(k), 0.0), end(100 * k + 50, str(k), 500.0, "local"))
    ]

    rows, _ = told(*many)
    again, _ = told(
        *many, start(0, "0", 0.0, received=2000), end(50, "0", received=2001), end(60, reason="other", received=2002)
    )

    assert len(rows) == 12
    assert again == rows


def test_the_state_of_a_port_is_bounded(line):
    operator = Sessions()
    lines = []
    for k in range(300):
        lines += [start(20 * k, str(k), 0.0), status(20 * k, "charging"), status(20 * k + 1, "faulted", error=f"e{k}")]
        lines += [line(20 * k + i, power=1.0) for i in range(20)]
        lines += [end(20 * k + 15, str(k), 500.0), ev("authorize", 20 * k, port="DE-1/0", token=f"t{k}")]
    sizes = []
    for half in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
        for k in range(0, len(half), 50):
            operator.on_batch(line.batch(half[k : k + 50]))
        sizes.append(len(line.pickled(operator.snapshot()["keeper"]["ports"])))
    (port,) = operator.snapshot()["keeper"]["ports"]

    assert sizes[1] < 1.1 * sizes[0] < 20_000
    assert len(port["marks"]) <= 3 * limits.KEPT + limits.STRAY
    assert (len(port["states"]), len(port["faults"]), len(port["forgotten"])) == (64, 16, 32)


def test_a_snapshot_of_another_version_is_refused():
    with pytest.raises(ValueError, match="--rebuild"):
        Sessions().restore({"v": 0})


def test_the_row_the_schema_and_the_table_have_the_same_columns(told):
    rows, _ = told(start(0, "1"))
    sql = (Path(__file__).parents[2] / "connectors/timescale/migrations/0005.sessions.sql").read_text("utf-8")
    body = sql.partition("CREATE TABLE charging_session (")[2].partition("PRIMARY KEY")[0]
    table = set(re.findall(r"^    (\w+) ", body, re.M)) - {"port_no"}

    assert set(rows["1"]) == table == set(ChargingSession.model_fields)


@pytest.mark.parametrize("text", ["EVDisconnected", "ev_disconnected", "evDisconnected"])
def test_a_stop_reason_is_known_in_any_spelling(text):
    assert reason_of(text).valid
    assert not reason_of("SomethingNew").valid
