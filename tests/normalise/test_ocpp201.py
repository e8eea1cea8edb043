"""OCPP 2.0.1: transactions, device events, and what later messages leave out."""

import pytest

from schemas.telemetry import CLOCK_REPLACED

FROM, TO = "ev/CP-9/from/ocpp201", "ev/CP-9/to/ocpp201"
T = "2025-10-09T08:50:00Z"
AT = 1_759_999_800_000_000


@pytest.fixture
def call(said):
    """`call(action, payload)`: the plain view of one call of the station."""
    numbers = iter(range(1_000))
    return lambda action, payload: said(FROM, [2, f"m{next(numbers)}", action, payload])


def happened(view):
    return [(e.port, e.kind, e.at, e.data) for e in view["events"]]


def transaction(kind, seq=0, info=None, **more):
    return {
        "eventType": kind,
        "timestamp": T,
        "triggerReason": "ChargingStateChanged",
        "seqNo": seq,
        "transactionInfo": {"transactionId": "tx-1", **(info or {})},
        **more,
    }


def test_a_transaction_is_told_from_start_to_end_at_the_port_of_its_start(call):
    token = {"idToken": "04A1", "type": "ISO14443"}
    value = [{"timestamp": T, "sampledValue": [{"value": 1000, "context": "Transaction.Begin"}]}]
    started = call(
        "TransactionEvent", transaction("Started", 0, evse={"id": 2, "connectorId": 1}, idToken=token, meterValue=value)
    )
    updated = call("TransactionEvent", transaction("Updated", 1, {"chargingState": "SuspendedEV"}, offline=True))
    last = [
        {
            "timestamp": T,
            "sampledValue": [{"value": 1.9, "context": "Transaction.End", "unitOfMeasure": {"unit": "kWh"}}],
        }
    ]
    ended = call("TransactionEvent", transaction("Ended", 2, {"stoppedReason": "SOCLimitReached"}, meterValue=last))

    ((port, kind, at, data),) = happened(started)
    assert (port, kind, at) == ("CP-9/2", "session_start", AT)
    assert data.pop("token") not in ("", "04A1")
    assert data == {"session": "tx-1", "meter_wh": 1000.0, "connector": 1, "trigger": "charging_state_changed"}
    update = {
        "session": "tx-1",
        "charging_state": "suspended_ev",
        "trigger": "charging_state_changed",
        "seq_no": 1,
        "offline": True,
    }
    assert happened(updated) == [("CP-9/2", "session_update", AT, update)]
    end = {"session": "tx-1", "meter_wh": 1900.0, "reason": "soc_limit_reached", "seq_no": 2}
    assert happened(ended) == [("CP-9/2", "session_end", AT, end)]
    assert [(r[0], r[6]) for view in (started, ended) for r in view["readings"]] == [
        ("CP-9/2", {"energy": 1000.0}),
        ("CP-9/2", {"energy": 1900.0}),
    ]


def test_a_start_that_tells_a_charging_state_is_followed_by_it(call):
    events = call("TransactionEvent", transaction("Started", 0, {"chargingState": "EVConnected"}, evse={"id": 1}))[
        "events"
    ]

    assert [(e.kind, e.data.get("charging_state")) for e in events] == [
        ("session_start", None),
        ("session_update", "ev_connected"),
    ]


def test_an_end_without_a_reason_was_local_and_may_be_told_again(call):
    call("TransactionEvent", transaction("Started", 0, evse={"id": 1}))
    once, again = (happened(call("TransactionEvent", transaction("Ended", 1))) for _ in range(2))

    assert once == again == [("CP-9/1", "session_end", AT, {"session": "tx-1", "reason": "local", "seq_no": 1})]


def test_the_answer_to_a_transaction_event_tells_whether_its_token_was_accepted(said, now):
    said(
        FROM,
        [
            2,
            "a",
            "TransactionEvent",
            transaction("Started", 0, evse={"id": 1}, idToken={"idToken": "x", "type": "Central"}),
        ],
    )
    view = said(TO, [3, "a", {"idTokenInfo": {"status": "Invalid"}}])

    ((port, kind, at, data),) = happened(view)
    assert (port, kind, at, data["result"], data["session"], len(data["token"])) == (
        "CP-9/1",
        "authorize",
        now,
        "invalid",
        "tx-1",
        32,
    )


def test_an_answer_that_tells_nothing_is_empty(said):
    said(FROM, [2, "a", "TransactionEvent", transaction("Started", 0, evse={"id": 1})])

    assert [r.reason for r in said(TO, [3, "a", {}])["rejects"]] == ["empty"]


def test_an_authorisation_hashes_the_token_as_ocpp_16_does(said):
    tokens = []
    for version, asked, answer in (
        ("ocpp16", {"idTag": "ab01"}, {"idTagInfo": {"status": "Accepted"}}),
        ("ocpp201", {"idToken": {"idToken": "AB01", "type": "ISO14443"}}, {"idTokenInfo": {"status": "Accepted"}}),
    ):
        said(f"ev/X/from/{version}", [2, "a", "Authorize", asked])
        (event,) = said(f"ev/X/to/{version}", [3, "a", answer])["events"]
        assert event.data["result"] == "accepted"
        tokens.append(event.data["token"])

    assert tokens[0] == tokens[1]


def test_a_status_is_of_the_evse_and_its_connector_is_data(call):
    payload = {"timestamp": T, "connectorStatus": "Occupied", "evseId": 2, "connectorId": 1}

    assert happened(call("StatusNotification", payload)) == [
        ("CP-9/2", "status", AT, {"status": "occupied", "connector": 1})
    ]


def test_a_status_without_time_and_connector_is_tolerated(call, now):
    assert happened(call("StatusNotification", {"connectorStatus": "Available", "evseId": 1})) == [
        ("CP-9/1", "status", now, {"status": "available"})
    ]


def test_a_boot_tells_its_reason(call, now):
    payload = {"reason": "Watchdog", "chargingStation": {"model": "M", "vendorName": "V", "firmwareVersion": "2"}}

    assert happened(call("BootNotification", payload)) == [
        ("CP-9/0", "boot", now, {"reason": "watchdog", "vendor": "V", "model": "M", "firmware": "2"})
    ]


def notice(component, variable, value="true", evse=None, **more):
    place = {"name": component} | ({"evse": evse} if evse else {})
    said = {
        "eventId": 1,
        "timestamp": T,
        "trigger": "Alerting",
        "actualValue": value,
        "component": place,
        "variable": {"name": variable},
    }
    return {"generatedAt": T, "seqNo": 0, "eventData": [said | more]}


@pytest.mark.parametrize(
    ("payload", "port", "data"),
    [
        (
            notice("Connector", "Problem", evse={"id": 2, "connectorId": 1}, techCode="CX018", techInfo="hot"),
            2,
            {"code": "CX018", "active": True, "info": "hot"},
        ),
        (
            notice("EVSE", "Problem", evse={"id": 1}, techCode="cx001", cleared=True),
            1,
            {"code": "CX001", "active": False},
        ),
        (notice("ChargingStation", "Problem", "false", techCode="CX015"), 0, {"code": "CX015", "active": False}),
        (notice("PowerContactor", "Tripped", evse={"id": 1}), 1, {"code": "CX017", "active": True}),
        (notice("RCD", "Operated"), 0, {"code": "ground_failure", "active": True}),
        (
            notice("ConnectorPlugRetentionLock", "Problem", evse={"id": 3}),
            3,
            {"code": "connector_lock_failure", "active": True},
        ),
        (notice("FloodSensor", "Tripped"), 0, {"code": "flood_sensor_tripped", "active": True}),
        (notice("TiltSensor", "Problem", techCode="E42"), 0, {"code": "E42", "active": True}),
    ],
)
def test_a_problem_of_a_component_is_a_fault_raised_or_cleared(payload, port, data, call):
    assert happened(call("NotifyEvent", payload)) == [(f"CP-9/{port}", "fault", AT, data)]


def test_an_availability_state_is_a_status(call):
    payload = notice("Connector", "AvailabilityState", "Faulted", {"id": 1, "connectorId": 2})

    assert happened(call("NotifyEvent", payload)) == [("CP-9/1", "status", AT, {"status": "faulted", "connector": 2})]


@pytest.mark.parametrize(
    ("component", "variable", "value", "channels", "other"),
    [
        ("Connector", "Temperature", "61.5", {"temp_connector": 61.5}, []),
        ("ChargingStation", "Temperature", "40", {"temp_internal": 40.0}, []),
        ("ExternalTemperatureSensor", "Temperature", "-5", {"temp_ambient": -5.0}, []),
        ("AirCoolingSystem", "FanSpeed", "2400", {"fan_rpm": 2400.0}, []),
        ("GroundIsolationProtection", "Impedance", "850000", {}, [("isolation", 850.0)]),
        ("HumiditySensor", "Humidity", "55", {}, [("humidity", 55.0)]),
    ],
)
def test_measured_variables_become_readings_and_values(component, variable, value, channels, other, call):
    view = call("NotifyEvent", notice(component, variable, value, {"id": 1}))

    assert [row[6] for row in view["readings"]] == ([channels] if channels else [])
    assert [(row[5], row[6]) for row in view["other"]] == other


def test_what_a_station_reports_beside_is_rejected_line_by_line(call):
    payload = notice("Connector", "Temperature", "hot", {"id": 1})
    payload["eventData"] += (
        notice("Display", "Color", "blue")["eventData"] + notice("Connector", "Problem", evse={"id": 1})["eventData"]
    )
    view = call("NotifyEvent", payload)

    assert [(r.reason, r.detail) for r in view["rejects"]] == [
        ("value", "connector.temperature: 'hot' is no number"),
        ("unsupported", "NotifyEvent display.color"),
    ]
    assert len(view["events"]) == 1


def test_a_wrong_clock_keeps_readings_and_event_of_a_message_apart_as_they_were(call, now):
    values = [{"timestamp": f"1970-01-01T00:00:{s}Z", "sampledValue": [{"value": 1}]} for s in ("05", "15")]
    payload = transaction("Ended", 3, evse={"id": 1}, meterValue=values) | {"timestamp": "1970-01-01T00:00:20Z"}
    view = call("TransactionEvent", payload)

    assert [(r[1] - now, r[5]) for r in view["readings"]] == [
        (-15_000_000, CLOCK_REPLACED),
        (-5_000_000, CLOCK_REPLACED),
    ]
    assert [(e.at - now, e.flags, e.data["device_at"]) for e in view["events"]] == [(0, CLOCK_REPLACED, 20_000_000)]


@pytest.mark.parametrize(
    ("action", "payload", "reason"),
    [
        ("TransactionEvent", transaction("Paused"), "schema"),
        ("TransactionEvent", transaction("Updated") | {"transactionInfo": {}}, "schema"),
        ("TransactionEvent", transaction("Updated", evse={"id": -1}), "port"),
        ("TransactionEvent", transaction("Updated", seq=2**80), "schema"),
        ("StatusNotification", {"connectorStatus": "Resting", "evseId": 1}, "schema"),
        ("StatusNotification", {"connectorStatus": "Available", "evseId": 1, "connectorId": 2**70}, "port"),
        ("MeterValues", {"evseId": 1, "meterValue": []}, "empty"),
        ("MeterValues", {"evseId": 10_000, "meterValue": []}, "port"),
        ("NotifyEvent", {"eventData": []}, "empty"),
        ("NotifyEvent", {"eventData": [{"component": {"name": "x"}}]}, "schema"),
        ("NotifyReport", {"requestId": 1}, "unsupported"),
        ("BootNotification", {"reason": "PowerUp"}, "schema"),
    ],
)
def test_what_cannot_be_read_is_rejected_with_its_reason(action, payload, reason, call):
    view = call(action, payload)

    assert [r.reason for r in view["rejects"]] == [reason]
    assert view["events"] == view["readings"] == []
